"""What can be taken back for a moment: declining, completing, putting aside. Until it holds, nobody is told. Pure."""

from datetime import datetime, timedelta

from services.jobs.access import access_ended
from services.jobs.table import TABLE, Move, refusal
from shared.contracts.base import ActorKind, Message
from shared.contracts.jobs import (
    PARTNERS_REASONS,
    Act,
    ActDelayed,
    ActUndone,
    CompleteJob,
    Decline,
    DeclineJob,
    Job,
    JobCompleted,
    JobDeclined,
    JobMarkedInactive,
    MarkInactive,
    Pending,
    SettleAct,
    UndoAct,
)
from shared.decisions import Decision, Rejection

UndoCommand = UndoAct | SettleAct

_MOVES = {Act.DECLINE: Move.DECLINE, Act.COMPLETE: Move.COMPLETE, Act.INACTIVE: Move.MARK_INACTIVE}


def decide_act(job: Job, command: DeclineJob | MarkInactive | CompleteJob, at: datetime) -> Decision:
    """Do it, at once or when it can no longer be taken back."""
    pending = _pending(command, at)
    move = _MOVES[pending.act]
    refused = refusal(job, move)
    if refused:
        return refused
    if pending.decline and pending.decline.reason not in PARTNERS_REASONS:
        return Rejection("wrong_reason", "This reason is not for people to give.")
    if TABLE[job.status, move] is job.status:
        return []
    undoable = pending.actor.kind is ActorKind.PARTNER  # the merchant has no UndoAct, so what it does holds at once
    if job.pending and undoable:
        return Rejection("act_pending", "Take back what is pending first, or wait until it holds.")
    return [ActDelayed(pending=pending)] if command.undo_seconds and undoable else done(job, pending)


def decide_undo(job: Job, command: UndoCommand, at: datetime) -> Decision:
    pending = job.pending
    match command:
        case UndoAct(actor=actor):
            if pending is None:
                return Rejection("nothing_to_undo", "There is nothing to take back any more.")
            return [ActUndone(act=pending.act, actor=actor)]
        case SettleAct(due_at=due_at):
            if pending is None or pending.due_at != due_at or at < due_at:
                return Rejection("not_due", "This act was taken back, or is not due.")
            if refusal(job, _MOVES[pending.act]):
                return [ActUndone(act=pending.act, actor=pending.actor)]  # the job has moved on meanwhile
            return done(job, pending)


def done(job: Job, pending: Pending) -> list[Message]:
    """The facts of an act that holds."""
    match pending.act:
        case Act.DECLINE:
            assert pending.decline is not None
            declined = JobDeclined(decline=pending.decline, actor=pending.actor)
            return [declined, *access_ended(job, pending.actor)]
        case Act.COMPLETE:
            return [JobCompleted(actor=pending.actor), *access_ended(job, pending.actor)]
        case Act.INACTIVE:
            return [JobMarkedInactive(actor=pending.actor)]


def _pending(command: DeclineJob | MarkInactive | CompleteJob, at: datetime) -> Pending:
    due_at = at + timedelta(seconds=command.undo_seconds)
    match command:
        case DeclineJob(reason=reason, note=note, actor=actor):
            decline = Decline(by=actor.kind, reason=reason, note=note)
            return Pending(act=Act.DECLINE, due_at=due_at, actor=actor, decline=decline)
        case CompleteJob(actor=actor):
            return Pending(act=Act.COMPLETE, due_at=due_at, actor=actor)
        case MarkInactive(actor=actor):
            return Pending(act=Act.INACTIVE, due_at=due_at, actor=actor)
