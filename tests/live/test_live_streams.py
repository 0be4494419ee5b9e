"""Live updates over a real topic: each replica knows from where on it hears, so that cursors mean the same to all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.gateway.live.hub import Hub
from shared.contracts.base import derived_id
from shared.contracts.jobs import JobOpened, Status
from shared.fetching import Broker
from shared.metrics import Metrics
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, PARTNERS
from tests.builders import BY_PARTNER, a_job, an_event
from tests.fakes import MemoryLog, MemoryPublisher
from tests.gateway.live_pages import TEAM, greeting, page
from tests.live.log import Log, log_of, put
from tests.memory_mongo import MemoryDatabase


class Replica:
    """As the gateway wires it."""

    def __init__(self, settings: Settings) -> None:
        self.service = Service("gateway", settings, publisher=MemoryPublisher(MemoryLog()), database=MemoryDatabase())
        self.hub = Hub(self.service.metrics, self.service.stopping, settings)
        self.service.follows("gateway.live", [JOB_EVENTS, PARTNERS], self.hub.on_news, self.hub.begin)


@asynccontextmanager
async def replica(settings: Settings) -> AsyncIterator[Any]:
    one = Replica(settings)
    broker = Broker("gateway", settings, Metrics("tests"))
    for hearing in one.service.hearings:
        broker.subscribe(hearing.consumer, everyone=hearing.everyone, from_start=hearing.from_start)
    await broker.start()
    try:
        yield one
    finally:
        await broker.stop()


async def test_a_page_goes_on_at_a_replica_that_heard_all_since_and_loads_again_at_one_that_did_not(
    topics: Settings,
) -> None:
    async with log_of(topics) as log:
        for number in range(3):
            await say(log, number)
        ends = await log.ends(JOB_EVENTS.name)
        async with replica(topics) as first, replica(topics) as second:
            known = first.hub._memory.position().offsets
            assert known == {number: ends.get(number, 0) for number in range(topics.partitions)}
            before = (await greeting(first)).cursor
            await say(log, 3)
            async with page(second, TEAM, before) as elsewhere:
                assert (await elsewhere.next()).name == "hello"
                assert await elsewhere.types(1) == ["JobOpened"]
            async with replica(topics) as late:
                assert (await greeting(late, before)).name == "reset"


async def say(log: Log, number: int) -> None:
    event = an_event(JobOpened(actor=BY_PARTNER), a_job(Status.OPENED), event_id=derived_id("live", number))
    await log.put(JOB_EVENTS.name, [put(event, partition=number % 2)])
