"""Tells aggregates the time. A timer is a field beside the state; the scanners turn those that are due into commands on
the aggregate's own door, so that whatever else is said to it and the clock meet in one partition, and the log's order
decides.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Message, derived_id
from shared.decisions import Timer
from shared.metrics import Metrics
from shared.mongo import Collection
from shared.publisher import Outgoing, Publisher, outgoing
from shared.shares import Share, Sharing
from shared.topics import Topic

AT_ONCE = 1_000
"""Timers that one scanner has told and that are not handled yet: what people say waits behind no more than these."""
PART = 250
"""Timers whose commands are made without letting anybody else go on."""
ASK_AGAIN_SECONDS = 30
"""A timer that is still due after this long is told again under a new id: the first telling may have been judged too
early."""


Telling = Callable[[Timer], Message]


def indexed(timer: Timer | None) -> dict[str, Any]:
    """What the scanner looks for, stored beside the state."""
    return {"timer": timer._asdict() if timer else None}


async def prepare(collection: Collection) -> None:
    """An index that answers the scanners by itself, without reading documents of others' shares. The older index
    `timers` is where scanners of earlier releases look; it may be dropped when none of them runs.
    """
    await collection.create_index(
        [("timer.due_at", 1), ("_id", 1), ("timer.kind", 1)],
        partialFilterExpression={"timer.due_at": {"$exists": True}},
        name="timers-by-share",
    )


class Timers:
    """A scanner of one kind of aggregate. Any number of replicas run one, each for its share of the ids. While shares
    move, a timer may be told by two, which is harmless: it is the same command.
    """

    def __init__(  # noqa: PLR0913 - the parts, named
        self,
        service: str,
        door: Topic,
        collection: Collection,
        tell: Telling,
        *,
        sharing: Sharing,
        stopping: asyncio.Event,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._service = service
        self._door = door
        self._collection = collection
        self._tell = tell
        self._sharing = sharing
        self._stopping = stopping
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._told: frozenset[UUID] = frozenset()
        self._untold: Share | None = None
        """The share of the page that is being told, or could not be."""

    async def tick(self) -> None:
        """Tell every aggregate of this scanner's share whose time has come, the longest overdue first."""
        while await self._page() and not self._stopping.is_set():
            pass

    async def _page(self) -> bool:
        """Tell the next of them. Whether more are due than were looked at, and they keep being handled."""
        # Who could not tell its last page tries again without being counted: the others take its share meanwhile.
        self._untold = share = self._untold or await self._sharing.share()
        now = self._clock.now()
        timers = await self._due(share, now)
        self._metrics.timers_late_seconds.set((now - timers[0][1].due_at).total_seconds() if timers else 0)
        commands = {command_id_of(subject, timer, now): (subject, timer) for subject, timer in timers}
        fresh = [(command_id, *told) for command_id, told in commands.items() if command_id not in self._told]
        for start in range(0, len(fresh), PART):
            await self._publisher.publish([self._record(*told, now) for told in fresh[start : start + PART]])
        self._told, self._untold = frozenset(commands), None
        return len(timers) == AT_ONCE and bool(fresh)

    async def _due(self, share: Share, now: datetime) -> Sequence[tuple[UUID, Timer]]:
        due = {"timer.due_at": {"$lte": now}, **share.query()}
        cursor = self._collection.find(due, {"timer.due_at": 1, "timer.kind": 1}).sort("timer.due_at", 1).limit(AT_ONCE)
        return [(one["_id"], Timer(one["timer"]["kind"], one["timer"]["due_at"])) async for one in cursor]

    def _record(self, command_id: UUID, subject: UUID, timer: Timer, now: datetime) -> Outgoing:
        record = command(self._tell(timer), subject, source=self._service, time=now, command_id=command_id)
        return outgoing(self._door.name, record)


def command_id_of(subject: UUID, timer: Timer, now: datetime) -> UUID:
    """The same timer told again soon is the same command."""
    attempt = int((now - timer.due_at).total_seconds() // ASK_AGAIN_SECONDS)
    return derived_id("timer", subject, timer.kind, timer.due_at.isoformat(), attempt)
