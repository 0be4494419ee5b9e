"""Tells aggregates the time. A timer is a field beside the state; this scanner turns those that are due into commands
on the aggregate's own door, so that whatever else is said to it and the clock meet in one partition, and the log's
order decides.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Message, derived_id
from shared.decisions import Timer
from shared.lease import Lease
from shared.metrics import Metrics
from shared.mongo import Collection
from shared.publisher import Outgoing, Publisher, outgoing
from shared.topics import Topic

AT_ONCE = 500
ASK_AGAIN_SECONDS = 30
"""A timer that is still due after this long is told again under a new id: the first telling may have been judged too
early."""


Telling = Callable[[Timer], Message]


def indexed(timer: Timer | None) -> dict[str, Any]:
    """What the scanner looks for, stored beside the state."""
    return {"timer": timer._asdict() if timer else None}


async def prepare(collection: Collection) -> None:
    await collection.create_index(
        "timer.due_at", partialFilterExpression={"timer.due_at": {"$exists": True}}, name="timers"
    )


class Timers:
    """The scanner of one kind of aggregate. Any number of replicas may run it; the lease spares the duplicates, which
    would be harmless.
    """

    def __init__(  # noqa: PLR0913 - the parts, named
        self,
        service: str,
        door: Topic,
        collection: Collection,
        tell: Telling,
        *,
        lease: Lease,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._service = service
        self._door = door
        self._collection = collection
        self._tell = tell
        self._lease = lease
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._told: dict[UUID, datetime] = {}

    async def tick(self) -> None:
        """Tell every aggregate whose time has come, at most `AT_ONCE` of them, the longest overdue first."""
        if not await self._lease.held():
            return
        now = self._clock.now()
        due = {"timer.due_at": {"$lte": now}}
        cursor = self._collection.find(due, {"timer": 1}).sort("timer.due_at", 1).limit(AT_ONCE)
        timers = [(document["_id"], Timer(**document["timer"])) async for document in cursor]
        self._metrics.timers_late_seconds.set((now - timers[0][1].due_at).total_seconds() if timers else 0)
        commands = {command_id_of(subject, timer, now): (subject, timer) for subject, timer in timers}
        fresh = [(command_id, *told) for command_id, told in commands.items() if command_id not in self._told]
        await self._publisher.publish([self._record(*told, now) for told in fresh])
        self._told = {command_id: self._told.get(command_id, now) for command_id in commands}

    def _record(self, command_id: UUID, subject: UUID, timer: Timer, now: datetime) -> Outgoing:
        record = command(self._tell(timer), subject, source=self._service, time=now, command_id=command_id)
        return outgoing(self._door.name, record)


def command_id_of(subject: UUID, timer: Timer, now: datetime) -> UUID:
    """The same timer told again soon is the same command."""
    attempt = int((now - timer.due_at).total_seconds() // ASK_AGAIN_SECONDS)
    return derived_id("timer", subject, timer.kind, timer.due_at.isoformat(), attempt)
