"""A fresh replica reads what it keeps in memory from the beginning, the newest of each key, and only then joins its
groups.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from shared.consumer import Consumer, Handler
from shared.contracts.base import derived_id
from shared.contracts.matching import StandingChanged
from shared.fetching import Broker
from shared.metrics import Metrics
from shared.publisher import KafkaPublisher
from shared.records import Received
from shared.settings import Settings
from shared.topics import REQUESTS, STANDINGS
from tests.builders import a_command
from tests.live.log import Put, log_of, put, until

GROUP = "matching.requests"
ONE, OTHER = derived_id("one"), derived_id("other")


def said(partner_id: UUID, version: int) -> Put:
    return put(a_command(StandingChanged(partner_id=partner_id, version=version, services={}), partner_id))


class Kept:
    """Remembers the versions that it was given, and can be held up."""

    def __init__(self) -> None:
        self.versions: list[tuple[UUID, int]] = []
        self.may_go_on = asyncio.Event()

    async def __call__(self, batch: Sequence[Received]) -> None:
        await self.may_go_on.wait()
        self.versions += [(received.record.data.partner_id, received.record.data.version) for received in batch]


async def nothing(_batch: Sequence[Received]) -> None: ...


@asynccontextmanager
async def a_replica(settings: Settings, kept: Kept) -> AsyncIterator[tuple[Broker, asyncio.Task[None]]]:
    producer, metrics = KafkaPublisher(settings, "tests"), Metrics("matching")
    broker = Broker("matching", settings, metrics)

    def consumer(group: str, topic: object, handler: Handler, *, everyone: bool) -> Consumer:
        return Consumer(
            "matching",
            group,
            [topic],
            handler,
            publisher=producer,
            metrics=metrics,
            everyone=everyone,  # type: ignore[list-item]
        )

    broker.subscribe(consumer(GROUP, REQUESTS, nothing, everyone=False))
    broker.subscribe(consumer("matching.index", STANDINGS, kept, everyone=True), everyone=True)
    starting = asyncio.create_task(broker.start())
    try:
        yield broker, starting
    finally:
        starting.cancel()
        await asyncio.wait([starting])
        await broker.stop()


@pytest.mark.live
async def test_the_newest_of_each_partner_is_read_first_and_then_what_comes(topics: Settings) -> None:
    kept = Kept()
    async with log_of(topics) as log:
        await log.put(STANDINGS.name, [said(ONE, 1), said(OTHER, 4), said(ONE, 3), said(ONE, 2)])
        async with a_replica(topics, kept) as (broker, starting):
            kept.may_go_on.set()
            await starting
            assert sorted(kept.versions) == sorted([(ONE, 3), (OTHER, 4)]), "Whoever was paused has said 2 last."
            await log.put(STANDINGS.name, [said(ONE, 5)])
            await until(lambda: asyncio.sleep(0, kept.versions[-1] == (ONE, 5)), what="the next standing is there")
            assert len(kept.versions) < 6, "It went on where it had caught up."
            assert not any(any(one.behind().values()) for one in broker.subscriptions)


@pytest.mark.live
async def test_a_replica_joins_its_groups_only_when_it_has_caught_up(topics: Settings) -> None:
    kept = Kept()
    async with log_of(topics) as log:
        await log.put(STANDINGS.name, [said(ONE, 1)])
        async with a_replica(topics, kept) as (broker, starting):
            (everyone,) = [one for one in broker.subscriptions if one.everyone]
            await until(lambda: asyncio.sleep(0, everyone.consumer.group), what="it reads")
            await asyncio.sleep(1)
            groups = {name for name, *_ in await log.admin.list_consumer_groups()}
            assert topics.named(GROUP) not in groups, "While it reads, its partitions stay with the others."
            kept.may_go_on.set()
            await starting

            async def joined() -> bool:
                return topics.named(GROUP) in {name for name, *_ in await log.admin.list_consumer_groups()}

            await until(joined, what="it has joined")
