"""Pages that listen, and a log that tells: what the tests of live updates are made of."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from services.gateway.live.hub import Hub
from services.gateway.live.news import Listener
from services.gateway.live.stream import Stream
from services.gateway.read.tenants import MemberTenant
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import Job, Status
from shared.contracts.partners import PartnerChanged
from shared.metrics import Metrics
from shared.records import Received
from shared.settings import Settings
from tests.builders import MERCHANT_ID, PARTNER_ID, Raw, a_job, a_partner, an_event, received
from tests.patience import patience

TEAM = Listener(tenants=((MemberTenant(PARTNER_ID), 1),))
MERCHANT = Listener(merchant_id=MERCHANT_ID)
PARTITIONS = 3
KEYS = "the-keys-of-the-tests"


class Told(NamedTuple):
    """One server-sent event, or what changes a page's cursor only (`name` is empty)."""

    name: str
    cursor: str
    data: Any
    retry: int | None


class Replica:
    """A hub, and its own place in a log that all replicas share."""

    def __init__(self, log: "Log", *, from_now: bool = True, **settings: Any) -> None:
        self.metrics, self.stopping, self._log = Metrics("tests"), asyncio.Event(), log
        self.hub = Hub(self.metrics, self.stopping, Settings(secret_keys=KEYS, **settings))
        self.at = {place: len(log.events[place]) for place in range(PARTITIONS)} if from_now else {}
        if from_now:
            self.hub.begin({("jobs.events", place): offset for place, offset in self.at.items()})

    async def hear(self, *, partition: int | None = None, again: int = 0) -> None:
        """All that is in the log, the last `again` of it a second time."""
        for place in range(PARTITIONS) if partition is None else [partition]:
            begin = max(self.at.get(place, 0) - again, 0)
            batch = self._log.events[place][begin:]
            self.at[place] = len(self._log.events[place])
            await self.hub.on_news(batch)

    async def team_changes(self, version: int, partner_id: UUID = PARTNER_ID) -> None:
        event = an_event(PartnerChanged(members=()), a_partner(version=version), subject=partner_id)
        await self.hub.on_news([received(event, topic="partners")])


class Log:
    """The topic `jobs.events`."""

    def __init__(self, name: str = "log") -> None:
        self._name = name
        self.events: list[list[Received]] = [[] for _ in range(PARTITIONS)]

    def say(self, *facts: Message, job: Job | None = None, partition: int = 0) -> None:
        job = job or a_job(Status.REPLIED)
        for fact in facts:
            place = self.events[partition]
            event_id = derived_id(self._name, partition, len(place))
            one = received(an_event(fact, job, event_id=event_id), topic="jobs.events")
            raw = Raw("jobs.events", partition, len(place), 0, one.raw.key, None)
            place.append(Received(one.record, one.at, raw))


class Page:
    """What one page has been told."""

    def __init__(self, chunks: Any, stream: Stream) -> None:
        self.stream, self._chunks, self._told = stream, chunks, []

    async def next(self) -> Told:
        """The next event; raises StopAsyncIteration when the stream has ended."""
        while not self._told:
            self._told = told_in(await anext(self._chunks))
        return self._told.pop(0)

    async def types(self, count: int) -> list[str]:
        return [(await self.next()).data["type"] for _ in range(count)]

    async def rest(self) -> list[Told]:
        """All until the end of the stream."""
        rest = []
        try:
            while True:
                rest.append(await self.next())
        except StopAsyncIteration:
            return rest

    def waiting(self) -> list[Told]:
        """What it would be told now."""
        return [*self._told, *told_in(b"".join(self.stream._frames))]


@asynccontextmanager
async def page(
    replica: Replica, listener: Listener = TEAM, since: str | None = None, session: str = ""
) -> AsyncIterator[Page]:
    stream = Stream(listener, session)
    async with asyncio.timeout(patience(20)), aclosing(replica.hub.listen(stream, since)) as chunks:
        yield Page(chunks, stream)


async def greeting(replica: Replica, since: str | None = None, listener: Listener = TEAM) -> Told:
    async with page(replica, listener, since) as one:
        return await one.next()


def told_in(text: bytes) -> list[Told]:
    events = []
    for block in text.decode().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields:
            data = json.loads(fields["data"]) if "data" in fields else None
            retry = int(fields["retry"]) if "retry" in fields else None
            events.append(Told(fields.get("event", ""), fields.get("id", ""), data, retry))
    return events
