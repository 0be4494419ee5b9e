"""Tells jobs the time. A timer is a field of the job; this scanner turns those that are due into commands on the
jobs' own door, so that a reply and an expiry meet in one partition and the log's order decides between them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from services.jobs.job import Timer, timer
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import SYSTEM, Message, derived_id
from shared.contracts.jobs import ExpireAccess, ExpireJob, Job, RemindJob, SettleAct
from shared.lease import Lease
from shared.metrics import Metrics
from shared.mongo import Collection
from shared.publisher import Outgoing, Publisher, outgoing
from shared.topics import JOB_COMMANDS

AT_ONCE = 500
ASK_AGAIN_SECONDS = 30
"""A timer that is still due after this long is told again under a new id: the first telling may have been judged too
early."""


def indexed(job: Job) -> dict[str, Any]:
    """What the scanner looks for, stored beside the job."""
    due = timer(job)
    return {"timer": {"kind": due.kind, "due_at": due.due_at} if due else None}


async def prepare(jobs: Collection) -> None:
    await jobs.create_index("timer.due_at", partialFilterExpression={"timer.due_at": {"$exists": True}}, name="timers")


class Timers:
    """The scanner. Any number of replicas may run it; the lease spares the duplicates, which would be harmless."""

    def __init__(self, jobs: Collection, lease: Lease, publisher: Publisher, clock: Clock, metrics: Metrics) -> None:
        self._jobs = jobs
        self._lease = lease
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._told: dict[UUID, datetime] = {}

    async def tick(self) -> None:
        """Tell every job whose time has come, at most `AT_ONCE` of them, the longest overdue first."""
        if not await self._lease.held():
            return
        now = self._clock.now()
        cursor = self._jobs.find({"timer.due_at": {"$lte": now}}, {"timer": 1}).sort("timer.due_at", 1).limit(AT_ONCE)
        due = [(document["_id"], Timer(**document["timer"])) async for document in cursor]
        self._metrics.timers_late_seconds.set((now - due[0][1].due_at).total_seconds() if due else 0)
        commands = {command_id: record for job_id, timer in due for command_id, record in [_told(job_id, timer, now)]}
        fresh = {command_id: record for command_id, record in commands.items() if command_id not in self._told}
        await self._publisher.publish(list(fresh.values()))
        self._told = {command_id: self._told.get(command_id, now) for command_id in commands}


_COMMANDS: dict[str, Callable[[datetime], Message]] = {
    "settle": lambda due_at: SettleAct(due_at=due_at, actor=SYSTEM),
    "remind": lambda due_at: RemindJob(due_at=due_at, actor=SYSTEM),
    "expire": lambda due_at: ExpireJob(deadline=due_at, actor=SYSTEM),
    "end-access": lambda due_at: ExpireAccess(expires_at=due_at, actor=SYSTEM),
}


def _told(job_id: UUID, timer: Timer, now: datetime) -> tuple[UUID, Outgoing]:
    attempt = int((now - timer.due_at).total_seconds() // ASK_AGAIN_SECONDS)
    command_id = derived_id("timer", job_id, timer.kind, timer.due_at.isoformat(), attempt)
    record = command(_COMMANDS[timer.kind](timer.due_at), job_id, source="jobs", time=now, command_id=command_id)
    return command_id, outgoing(JOB_COMMANDS.name, record)
