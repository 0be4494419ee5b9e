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
    """The merchant withdrew the request or blocked the partner, or the marketplace stopped the request or suspended the
    partner. Stopping also ends what is completed: its two sides could go on.
    """
    match command.reason:
        case DeclineReason.BLOCKED:
            return [] if job.blocked else _block(job, command)
        case DeclineReason.STOPPED:
            return _stop(job, command)
        case DeclineReason.SUSPENDED:
            return _suspend(job, command)
        case reason if reason not in CLOSED_BY:
            return Rejection("wrong_reason", "This reason is for a side of the job to give.")
        case reason:
            return refusal(job, Move.DECLINE) or _declined(job, reason, command.actor)


def _block(job: Job, command: CloseJob) -> list[Message]:
    """Whatever there is ends, and what is over stays as it was."""
    if job.known_to_merchant:
        end = decide_end(job)
    else:
        # A merchant that knows of nobody can decline nobody. What it can do is to need nothing any more.
        end = refusal(job, Move.DECLINE) or _declined(job, DeclineReason.WITHDRAWN, command.actor)
    return [*([] if isinstance(end, Rejection) else end), JobBlocked(actor=command.actor)]


def _stop(job: Job, command: CloseJob) -> Decision:
    refused = refusal(job, Move.DECLINE)
    if refused and job.status in CLOSED:
        return refused
    decline = Decline(by=ActorKind.OPERATOR, reason=command.reason)
    declined: list[Message] = [] if refused else [JobDeclined(decline=decline, actor=command.actor)]
    stopped = [] if job.stopped_at else [JobStopped(actor=command.actor)]
    return [*declined, *stopped, *access_ended(job, command.actor)]


def _suspend(job: Job, command: CloseJob) -> list[Message]:
    """The partner takes no part any more: also what is over ends, for its two sides could go on."""
    decline = Decline(by=CLOSED_BY[command.reason], reason=command.reason)
    declined: list[Message] = []
    if not refusal(job, Move.DECLINE):
        declined = [JobDeclined(decline=decline, actor=command.actor)]
    ended = [] if job.suspended else [JobEnded(actor=command.actor)]
    return [*declined, *ended, *access_ended(job, command.actor)]


def _declined(job: Job, reason: DeclineReason, by: Actor) -> list[Message]:
    decline = Decline(by=ActorKind.MERCHANT, reason=reason)
    return [JobDeclined(decline=decline, actor=by), *access_ended(job, by)]


def _merchant_of(job: Job) -> Actor:
    """The merchant, by the name under which it asked: a block comes without any other."""
    merchant = job.details.merchant
    return Actor(kind=ActorKind.MERCHANT, merchant_id=merchant.merchant_id, name=merchant.name)
