"""All rules of a job (DESIGN §5). Pure: the state and the log's time go in, facts or a rejection come out.

Which status follows which move stands in `table.py`, and who may do what in `parties.py`; reviews are in `review.py`,
access to the merchant's store in `access.py`, what can be taken back for a moment in `undo.py`, who works on it in
`assigning.py`, how the merchant ends it in `ending.py`, what each side is shown in `sides.py`.
"""

from datetime import datetime, timedelta
from typing import get_args
from uuid import UUID

from services.jobs.access import AccessCommand, decide_access, ends_at
from services.jobs.assigning import AssigningCommand, assigned, decide_assigning
from services.jobs.ending import decide_close, decide_end
from services.jobs.parties import forbidden
from services.jobs.review import ReviewCommand, ReviewFact, decide_review, reviewed
from services.jobs.sides import shown
from services.jobs.table import TABLE, UNANSWERED, Move, refusal
from services.jobs.undo import UndoCommand, decide_act, decide_undo, done
from shared.contracts.base import ActorKind
from shared.contracts.jobs import (
    AccessChanged,
    Act,
    ActDelayed,
    ActUndone,
    AddComment,
    AssignMembers,
    CloseJob,
    CommentAdded,
    CompleteJob,
    ConversationEnded,
    CreateJob,
    DeclineJob,
    EditReview,
    EndConversation,
    ExpireJob,
    Job,
    JobBlocked,
    JobCommand,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobEnded,
    JobExpired,
    JobFact,
    JobMarkedInactive,
    JobOpened,
    JobParts,
    JobReactivated,
    JobReminded,
    JobReplied,
    JobStopped,
    MarkInactive,
    MembersAssigned,
    MerchantReplied,
    OpenJob,
    OpenReply,
    ReactivateJob,
    RemindJob,
    ReplyOpened,
    SendMessage,
    Status,
    job_id_of,
)
from shared.decisions import Decision, Rejection, Timer, unless_overtaken


def decide(job: Job | None, command: JobCommand, job_id: UUID, at: datetime) -> Decision:
    """The facts that follow from a command, or why it is refused. `at` is when the command entered the log."""
    if isinstance(command, CreateJob):
        return _create(job, command, job_id)
    if job is None:
        raise ValueError(f"There is no job {job_id} to decide about.")
    decision = forbidden(job, command) or _decide(job, command, at)
    match command:
        case AssignMembers(expected_version=expected):
            return unless_overtaken(decision, expected, job.parts.assignees, job.version_for(ActorKind.PARTNER))
        case EditReview(expected_version=expected):
            return unless_overtaken(decision, expected, job.parts.review, job.version_for(ActorKind.MERCHANT))
        case _:
            return decision


def evolve(job: Job | None, fact: JobFact, job_id: UUID, at: datetime) -> Job:
    """The job after a fact."""
    if isinstance(fact, JobCreated):
        return _new_job(fact, job_id, at)
    if job is None:
        raise ValueError(f"{type(fact).__name__} before JobCreated.")
    changes = _changes(job, fact, at)
    return job.model_copy(update={**changes, **shown(job, fact, at, moves="last_activity_at" in changes)})


def timer(job: Job) -> Timer | None:
    """What the clock has to tell this job next: `settle`, `remind`, `expire` or `end-access`."""
    timers = []
    if job.pending:
        timers.append(Timer("settle", job.pending.due_at))
    if job.status in UNANSWERED:
        timers.append(Timer("remind", job.remind_at[0]) if job.remind_at else Timer("expire", job.deadline))
    if ends := ends_at(job):
        timers.append(Timer("end-access", ends))
    return min(timers, key=lambda one: one.due_at, default=None)


def _decide(job: Job, command: JobCommand, at: datetime) -> Decision:
    match command:
        case OpenJob(actor=actor):
            return [JobOpened(actor=actor)] if job.status is Status.NEW else []
        case OpenReply(actor=actor):
            return [ReplyOpened(actor=actor)] if job.first_reply_at and not job.reply_opened_at else []
        case SendMessage():
            return _send(job, command)
        case DeclineJob() | MarkInactive() | CompleteJob():
            return decide_act(job, command, at)
        case EndConversation():
            return decide_end(job)
        case CloseJob():
            return decide_close(job, command)
        case ReactivateJob(actor=actor):
            if job.pending:
                return Rejection("act_pending", "Take back what is pending first, or wait until it holds.")
            reopens = job.status is Status.COMPLETED
            return refusal(job, Move.REACTIVATE) or [JobReactivated(reopens=reopens, actor=actor)]
        case AddComment(text=text, mentions=mentions, actor=actor):
            return [CommentAdded(text=text, mentions=tuple(dict.fromkeys(mentions)), actor=actor)]
        case RemindJob(due_at=due_at):
            return _remind(job, due_at, at)
        case ExpireJob(deadline=deadline):
            return _expire(job, deadline, at)
        case _ if isinstance(command, get_args(AssigningCommand)):
            return decide_assigning(job, command)
        case _ if isinstance(command, get_args(UndoCommand)):
            return decide_undo(job, command, at)
        case _ if isinstance(command, get_args(ReviewCommand)):
            return decide_review(job, command, at)
        case _ if isinstance(command, get_args(AccessCommand)):
            return decide_access(job, command, at)
        case _:
            raise TypeError(f"No rule for {type(command).__name__}.")


def _send(job: Job, command: SendMessage) -> Decision:
    said = {"text": command.text, "attachments": command.attachments, "actor": command.actor}
    if command.actor.kind is ActorKind.MERCHANT:
        return refusal(job, Move.MERCHANT_WRITES) or [MerchantReplied(**said)]
    if job.pending and job.pending.act is Act.DECLINE:
        return Rejection("act_pending", "You have just declined this job. Take that back first.")
    return refusal(job, Move.PARTNER_WRITES) or [JobReplied(first=job.first_reply_at is None, **said)]


def _remind(job: Job, due_at: datetime, at: datetime) -> Decision:
    if job.status not in UNANSWERED or due_at not in job.remind_at:
        return Rejection("not_due", "This reminder is no longer wanted.")
    if at < due_at:
        return Rejection("not_due", "It is too early for this reminder.")
    return [JobReminded(due_at=due_at)]


def _expire(job: Job, deadline: datetime, at: datetime) -> Decision:
    """A job expires only if the log says so: still unanswered, this very deadline, and past it by the broker's
    clock.
    """
    if job.status not in UNANSWERED:
        return Rejection("already_answered", "This job does not wait for a first answer any more.")
    if deadline != job.deadline or at < deadline:
        return Rejection("not_due", "This job's deadline has not passed.")
    if job.pending:
        return done(job, job.pending)  # it was declined in time, and only waited for a change of mind
    return [JobExpired()]


def _create(job: Job | None, command: CreateJob, job_id: UUID) -> Decision:
    if command.actor.kind is not ActorKind.SYSTEM or job_id != job_id_of(command.request_id, command.partner_id):
        return Rejection("forbidden", "Jobs are made by matching, one for each request and partner.")
    return [] if job else [_created(command)]


def _created(command: CreateJob) -> JobCreated:
    return JobCreated(
        reply_window_seconds=command.reply_window_seconds,
        remind_before_seconds=command.remind_before_seconds,
        request_id=command.request_id,
        partner_id=command.partner_id,
        details=command.details,
        others=command.others,
    )


def _new_job(fact: JobCreated, job_id: UUID, at: datetime) -> Job:
    deadline = at + timedelta(seconds=fact.reply_window_seconds)
    reminders = sorted(deadline - timedelta(seconds=before) for before in fact.remind_before_seconds)
    return Job(
        job_id=job_id,
        request_id=fact.request_id,
        partner_id=fact.partner_id,
        details=fact.details,
        status=Status.NEW,
        turn=Status.NEW,
        created_at=at,
        deadline=deadline,
        remind_at=tuple(moment for moment in reminders if moment > at),
        last_activity_at=at,
        others=fact.others,
        parts=JobParts(assignees=1, review=1),
        partner_version=1,
        merchant_version=1,
        merchant_activity_at=at,
    )


def _changes(job: Job, fact: JobFact, at: datetime) -> dict[str, object]:
    match fact:
        case JobOpened():
            return {"status": Status.OPENED, "turn": Status.OPENED}
        case JobReplied(first=first):
            introduction = {"introduced": True, "first_reply_at": at} if first else {}
            return {**_after(job, Move.PARTNER_WRITES), **_talked(job, Status.REPLIED, at), **introduction}
        case MerchantReplied():
            # A direct request's merchant may write before the partner has: the clock keeps running.
            turn = job.turn if job.status in UNANSWERED else Status.AWAITING_REPLY
            opened = {"reply_opened_at": at} if job.first_reply_at and not job.reply_opened_at else {}
            return {**_after(job, Move.MERCHANT_WRITES), **_talked(job, turn, at), **opened}
        case ReplyOpened():
            return {"reply_opened_at": at}
        case ActDelayed(pending=pending):
            return {"pending": pending}
        case ActUndone():
            return {"pending": None}
        case JobDeclined(decline=decline):
            return {**_ended(job, Move.DECLINE, at), "decline": decline}
        case JobExpired():
            return _ended(job, Move.EXPIRE, at)
        case JobMarkedInactive():
            return _ended(job, Move.MARK_INACTIVE, at)
        case JobCompleted():
            return _ended(job, Move.COMPLETE, at)
        case JobReactivated():
            return {"status": job.turn, "last_activity_at": at}
        case JobReminded(due_at=due_at):
            # One that comes late stands for those that have become due meanwhile.
            return {"remind_at": tuple(moment for moment in job.remind_at if moment > max(due_at, at))}
        case CommentAdded():
            return {"comments": job.comments + 1, "last_activity_at": at}
        case MembersAssigned():
            return assigned(job, fact)
        case AccessChanged(access=access):
            return {"access": access, "last_activity_at": at}
        case ConversationEnded():
            return {"ended": True, "last_activity_at": at}
        case JobBlocked():
            return {"blocked": True}
        case JobStopped():
            return {"stopped_at": at, "pending": None}
        case JobEnded():
            return {"suspended": True, "pending": None}
        case JobCreated():
            return {}
        case _:
            assert isinstance(fact, ReviewFact)
            return {**reviewed(job, fact, at), "last_activity_at": at}


def _after(job: Job, move: Move) -> dict[str, object]:
    return {"status": TABLE[job.status, move]}


def _ended(job: Job, move: Move, at: datetime) -> dict[str, object]:
    return {**_after(job, move), "pending": None, "last_activity_at": at}


def _talked(job: Job, turn: Status, at: datetime) -> dict[str, object]:
    return {"turn": turn, "messages": job.messages + 1, "last_activity_at": at}
