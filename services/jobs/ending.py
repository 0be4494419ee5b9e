"""How a job is ended: by its merchant, plainly or by blocking the partner, or by the marketplace. A partner cannot tell
a block from an end: it sees the same facts, and what only the merchant may know is a fact of its own. Pure.
"""

from services.jobs.access import access_ended
from services.jobs.table import CLOSED, Move, refusal
from shared.contracts.base import Actor, ActorKind, Message
from shared.contracts.jobs import (
    CLOSED_BY,
    CloseJob,
    ConversationEnded,
    Decline,
    DeclineReason,
    Job,
    JobBlocked,
    JobDeclined,
    JobEnded,
    JobStopped,
    Status,
)
from shared.decisions import Decision, Rejection


def decide_end(job: Job) -> Decision:
    """The merchant ends it: an open job is declined, a completed one stays completed and nobody writes any more."""
    by = _merchant_of(job)
    if job.status is Status.COMPLETED:
        return [] if job.conversation_over else [ConversationEnded(actor=by), *access_ended(job, by)]
    return refusal(job, Move.DECLINE) or _declined(job, DeclineReason.OTHER, by)


def decide_close(job: Job, command: CloseJob) -> Decision:
    """What happened elsewhere ends the job. Blocking and a suspension also close what is over, and stopping what is
    completed: its two sides could go on.
    """
    by = CLOSED_BY.get(command.reason)
    if by is None:
        return Rejection("wrong_reason", "This reason is for a side of the job to give.")
    match command.reason:
        case DeclineReason.BLOCKED:
            return [] if job.blocked else _block(job, command)
        case DeclineReason.SUSPENDED:
            return _closed(job, command, by, [] if job.suspended else [JobEnded(actor=command.actor)])
        case DeclineReason.STOPPED if job.status not in CLOSED:
            return _closed(job, command, by, [] if job.stopped_at else [JobStopped(actor=command.actor)])
        case reason:
            return refusal(job, Move.DECLINE) or _declined(job, reason, command.actor, by)


def _block(job: Job, command: CloseJob) -> list[Message]:
    """Whatever there is ends, and what is over stays as it was."""
    if job.known_to_merchant:
        end = decide_end(job)
    else:
        # A merchant that knows of nobody can decline nobody. What it can do is to need nothing any more.
        end = refusal(job, Move.DECLINE) or _declined(job, DeclineReason.WITHDRAWN, command.actor)
    return [*([] if isinstance(end, Rejection) else end), JobBlocked(actor=command.actor)]


def _closed(job: Job, command: CloseJob, by: ActorKind, also: list[Message]) -> list[Message]:
    """Declined where it is open, and closed for good whatever it is."""
    decline = Decline(by=by, reason=command.reason)
    declined: list[Message] = [JobDeclined(decline=decline, actor=command.actor)]
    return [*([] if refusal(job, Move.DECLINE) else declined), *also, *access_ended(job, command.actor)]


def _declined(job: Job, reason: DeclineReason, actor: Actor, by: ActorKind = ActorKind.MERCHANT) -> list[Message]:
    return [JobDeclined(decline=Decline(by=by, reason=reason), actor=actor), *access_ended(job, actor)]


def _merchant_of(job: Job) -> Actor:
    """The merchant, by the name under which it asked: a block comes without any other."""
    merchant = job.details.merchant
    return Actor(kind=ActorKind.MERCHANT, merchant_id=merchant.merchant_id, name=merchant.name)
