"""Live updates: every replica hears `jobs.events` and tells its own listeners."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from uuid import UUID, uuid4

from services.gateway.views import MERCHANT_SEES, shown_status
from shared.consumer import Received
from shared.contracts.jobs import Job
from shared.contracts.requests import RequestKind
from shared.metrics import Metrics

REMEMBERED = 10_000


@dataclass(frozen=True)
class Listener:
    """Who listens: a member of these partners' teams, a merchant, or both."""

    partner_ids: frozenset[UUID] = frozenset()
    merchant_id: UUID | None = None


@dataclass(frozen=True)
class News:
    """One event, as little as a page needs to fetch what changed. `cursor` is what a reconnecting page sends back."""

    number: int
    cursor: str
    type: str
    job: Job
    version: int

    def for_(self, listener: Listener) -> dict[str, object] | None:
        """What this listener may know of it, if anything."""
        job = self.job
        shown = {"job_id": str(job.job_id), "type": self.type, "version": self.version, "status": job.status.value}
        if job.partner_id in listener.partner_ids:
            return shown
        known = job.introduced or job.details.kind is RequestKind.DIRECT
        theirs = listener.merchant_id == job.details.merchant.merchant_id
        if theirs and known and self.type in MERCHANT_SEES:
            return {**shown, "status": shown_status(job).value}
        return None


class Hub:
    """Remembers the last events, so that a page that was cut off misses nothing; after longer it is told to load
    again.
    """

    def __init__(self, metrics: Metrics, stopping: asyncio.Event) -> None:
        self._id = uuid4().hex[:8]
        self._news: deque[News] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._more = asyncio.Condition()
        self._metrics = metrics
        self._stopping = stopping

    async def on_jobs(self, batch: Sequence[Received]) -> None:
        for received in batch:
            self._count += 1
            event = received.record
            news = News(self._count, f"{self._id}-{self._count}", event.type, event.snapshot, event.version)
            self._news.append(news)
        async with self._more:
            self._more.notify_all()

    async def listen(self, listener: Listener, last_event_id: str | None) -> AsyncIterator[tuple[str, str, object]]:
        """Event name, cursor and data, for as long as the listener stays. `reset` means: something was missed, load
        again.
        """
        seen, lost = self._resume(last_event_id)
        self._metrics.sse_clients.inc()
        try:
            yield ("reset" if lost else "hello"), f"{self._id}-{seen}", {}
            while not self._stopping.is_set():
                for news in self._after(seen):
                    seen = news.number
                    shown = news.for_(listener)
                    if shown is not None:
                        yield "job", news.cursor, shown
                await self._wait(seen)
        finally:
            self._metrics.sse_clients.dec()

    def _resume(self, last_event_id: str | None) -> tuple[int, bool]:
        """The number after which to go on, and whether something in between is lost."""
        if not last_event_id:
            return self._count, False
        hub, _, number = last_event_id.partition("-")
        oldest = self._news[0].number if self._news else self._count + 1
        if hub == self._id and number.isdecimal() and oldest - 1 <= int(number) <= self._count:
            return int(number), False
        return self._count, True

    def _after(self, seen: int) -> list[News]:
        fresh = list(takewhile(lambda news: news.number > seen, reversed(self._news)))
        return fresh[::-1]

    async def _wait(self, seen: int) -> None:
        """Until there is more, or a second has passed: then somebody looks whether the process is stopping."""
        async with self._more:
            if self._count == seen:
                try:
                    await asyncio.wait_for(self._more.wait(), 1.0)
                except TimeoutError:
                    return
