"""What a job is told when its time has come."""

from collections.abc import Callable
from datetime import datetime

from shared.contracts.base import SYSTEM, Message
from shared.contracts.jobs import ExpireAccess, ExpireJob, RemindJob, SettleAct
from shared.decisions import Timer

_COMMANDS: dict[str, Callable[[datetime], Message]] = {
    "settle": lambda due_at: SettleAct(due_at=due_at, actor=SYSTEM),
    "remind": lambda due_at: RemindJob(due_at=due_at, actor=SYSTEM),
    "expire": lambda due_at: ExpireJob(deadline=due_at, actor=SYSTEM),
    "end-access": lambda due_at: ExpireAccess(expires_at=due_at, actor=SYSTEM),
}


def told(timer: Timer) -> Message:
    return _COMMANDS[timer.kind](timer.due_at)
