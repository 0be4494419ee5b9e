"""Live updates: every replica hears `jobs.events` and tells its own listeners."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from time import monotonic
from uuid import UUID, uuid4

from services.gateway.api.views import MERCHANT_SEES, PARTNER_NEVER_SEES, shown_status
from services.gateway.read.tenants import MemberTenant
from shared.consumer import Received
from shared.contracts.base import Event, Message
from shared.contracts.jobs import Job
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import RequestKind
from shared.metrics import Metrics

REMEMBERED = 10_000
STREAM_SECONDS = 300.0
"""How long one connection lasts. Who has left a team meanwhile is not let in again."""


@dataclass(frozen=True)
class Listener:
    """Who listens: a member of teams, with the version of each at which it was let in; a merchant; or both."""

    tenants: tuple[tuple[MemberTenant, int], ...] = ()
    merchant_id: UUID | None = None


@dataclass(frozen=True)
class News:
    """One event, as little as a page needs to fetch what changed. `cursor` is what a reconnecting page sends back."""

    number: int
    cursor: str
    type: str
    version: int
    job_id: UUID
    partner_id: UUID
    merchant_id: UUID
    known_to_merchant: bool
    assignees: tuple[UUID, ...]
    status: str
    merchants_status: str

    @classmethod
    def of(cls, event: Event[Message, Job], number: int, cursor: str) -> "News":
        job = event.snapshot
        return cls(
            number=number,
            cursor=cursor,
            type=event.type,
            version=event.version,
            job_id=job.job_id,
            partner_id=job.partner_id,
            merchant_id=job.details.merchant.merchant_id,
            known_to_merchant=job.introduced or job.details.kind is RequestKind.DIRECT,
            assignees=job.assignees,
            status=job.status.value,
            merchants_status=shown_status(job).value,
        )

    def for_(self, listener: Listener) -> dict[str, object] | None:
        """What this listener may know of it, if anything."""
        shown = {"job_id": str(self.job_id), "type": self.type, "version": self.version, "status": self.status}
        if any(self._is_of(tenant) for tenant, _ in listener.tenants):
            return shown if self.type not in PARTNER_NEVER_SEES else None
        theirs = listener.merchant_id == self.merchant_id and self.known_to_merchant
        return {**shown, "status": self.merchants_status} if theirs and self.type in MERCHANT_SEES else None

    def _is_of(self, tenant: MemberTenant) -> bool:
        return self.partner_id == tenant.partner_id and tenant.only in (None, *self.assignees)


class Hub:
    """Remembers the last events, so that a page that was cut off misses nothing; after longer it is told to load
    again.
    """

    def __init__(self, metrics: Metrics, stopping: asyncio.Event) -> None:
        self._id = uuid4().hex[:8]
        self._news: deque[News] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._teams: dict[UUID, int] = {}
        self._more = asyncio.Condition()
        self._metrics = metrics
        self._stopping = stopping

    async def on_news(self, batch: Sequence[Received]) -> None:
        for received in batch:
            record = received.record
            if isinstance(record.fact, PartnerChanged):
                self._teams[record.subject] = max(record.snapshot.version, self._teams.get(record.subject, 0))
                continue
            self._count += 1
            self._news.append(News.of(record, self._count, self._cursor(self._count)))
        async with self._more:
            self._more.notify_all()

    async def listen(
        self, listener: Listener, last_event_id: str | None
    ) -> AsyncGenerator[tuple[str, str, object], None]:
        """Event name, cursor and data, for some minutes, or until a team of the listener's changes: then it connects
        again and is asked who it is. `reset` means that something was missed: load again.
        """
        seen, lost = self._resume(last_event_id)
        ends_at = monotonic() + STREAM_SECONDS
        self._metrics.sse_clients.inc()
        try:
            yield ("reset" if lost else "hello"), self._cursor(seen), {}
            while not self._stopping.is_set() and monotonic() < ends_at and not self._changed(listener):
                if self._news and self._news[0].number > seen + 1:  # it reads more slowly than the world turns
                    seen = self._count
                    yield "reset", self._cursor(seen), {}
                for news in self._after(seen):
                    seen = news.number
                    shown = news.for_(listener)
                    if shown is not None:
                        yield "job", news.cursor, shown
                await self._wait(seen)
        finally:
            self._metrics.sse_clients.dec()

    def _changed(self, listener: Listener) -> bool:
        return any(self._teams.get(tenant.partner_id, 0) > version for tenant, version in listener.tenants)

    def _cursor(self, number: int) -> str:
        return f"{self._id}-{number}"

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
