"""All rules of a job (DESIGN §5). Pure: the state and the log's time go in, facts or a rejection come out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.base import Actor, ActorKind, Message
from shared.contracts.jobs import (
    AddComment,
    AssignMembers,
    CommentAdded,
    CompleteJob,
    CreateJob,
    Decline,
    DeclineJob,
    ExpireJob,
    Job,
    JobCommand,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobExpired,
    JobFact,
    JobMarkedInactive,
    JobOpened,
    JobReactivated,
    JobReminded,
    JobReplied,
    JobReviewed,
    MarkInactive,
    MembersAssigned,
    MerchantReplied,
    OpenJob,
    ReactivateJob,
    RemindJob,
    Review,
    ReviewJob,
    SendMessage,
    Status,
    job_id_of,
)
from shared.contracts.requests import RequestKind
from shared.decisions import Decision, Rejection


class Act(StrEnum):
    """What can be done to a job, as the columns of the table."""

    PARTNER_WRITES = "partner writes"
    MERCHANT_WRITES = "merchant writes"
    DECLINE = "decline"
    EXPIRE = "expire"
    MARK_INACTIVE = "mark inactive"
    COMPLETE = "complete"
    REACTIVATE = "reactivate"
    OPEN = "open"
    REVIEW = "review"


S, A = Status, Act

TABLE: dict[tuple[Status, Act], Status] = {
    (S.NEW, A.OPEN): S.OPENED,
    (S.NEW, A.PARTNER_WRITES): S.REPLIED,
    (S.NEW, A.MERCHANT_WRITES): S.NEW,
    (S.NEW, A.DECLINE): S.DECLINED,
    (S.NEW, A.EXPIRE): S.EXPIRED,
    (S.OPENED, A.PARTNER_WRITES): S.REPLIED,
    (S.OPENED, A.MERCHANT_WRITES): S.OPENED,
    (S.OPENED, A.DECLINE): S.DECLINED,
    (S.OPENED, A.EXPIRE): S.EXPIRED,
    (S.REPLIED, A.PARTNER_WRITES): S.REPLIED,
    (S.REPLIED, A.MERCHANT_WRITES): S.AWAITING_REPLY,
    (S.REPLIED, A.DECLINE): S.DECLINED,
    (S.REPLIED, A.MARK_INACTIVE): S.INACTIVE,
    (S.REPLIED, A.COMPLETE): S.COMPLETED,
    (S.AWAITING_REPLY, A.PARTNER_WRITES): S.REPLIED,
    (S.AWAITING_REPLY, A.MERCHANT_WRITES): S.AWAITING_REPLY,
    (S.AWAITING_REPLY, A.DECLINE): S.DECLINED,
    (S.AWAITING_REPLY, A.MARK_INACTIVE): S.INACTIVE,
    (S.AWAITING_REPLY, A.COMPLETE): S.COMPLETED,
    (S.INACTIVE, A.PARTNER_WRITES): S.INACTIVE,
    (S.INACTIVE, A.MERCHANT_WRITES): S.AWAITING_REPLY,
    (S.INACTIVE, A.DECLINE): S.DECLINED,
    (S.INACTIVE, A.MARK_INACTIVE): S.INACTIVE,
    (S.INACTIVE, A.COMPLETE): S.COMPLETED,
    (S.INACTIVE, A.REACTIVATE): S.REPLIED,  # or awaiting reply: `Job.turn` says whose turn it was
    (S.COMPLETED, A.PARTNER_WRITES): S.COMPLETED,
    (S.COMPLETED, A.MERCHANT_WRITES): S.COMPLETED,
    (S.COMPLETED, A.COMPLETE): S.COMPLETED,
    (S.COMPLETED, A.REACTIVATE): S.REPLIED,  # as above
    (S.COMPLETED, A.REVIEW): S.COMPLETED,
}
"""The status after each act. What is not in here is rejected."""

UNANSWERED = frozenset({S.NEW, S.OPENED})

_REASONS = {
    S.EXPIRED: "This job has expired; it can't be answered any more.",
    S.DECLINED: "This job was declined; it is closed.",
    S.COMPLETED: "This job is completed. Reactivate it first.",
    S.NEW: "Write to the merchant first.",
    S.OPENED: "Write to the merchant first.",
}


def decide(job: Job | None, command: JobCommand, job_id: UUID, at: datetime) -> Decision:
    """The facts that follow from a command, or why it is refused. `at` is when the command entered the log."""
    if isinstance(command, CreateJob):
        return _create(job, command, job_id)
    if job is None:
        raise ValueError(f"There is no job {job_id} to decide about.")
    return _forbidden(job, command.actor, command) or _decide(job, command, at)


def evolve(job: Job | None, fact: JobFact, job_id: UUID, at: datetime) -> Job:
    """The job after a fact."""
    if isinstance(fact, JobCreated):
        return _new_job(fact, job_id, at)
    if job is None:
        raise ValueError(f"{type(fact).__name__} before JobCreated.")
    return job.model_copy(update=_changes(job, fact, at))


class Timer(NamedTuple):
    kind: str
    due_at: datetime


def timer(job: Job) -> Timer | None:
    """What the clock has to tell this job next: a reminder or its expiry. None once it is answered."""
    if job.status not in UNANSWERED:
        return None
    if job.remind_at:
        return Timer("remind", job.remind_at[0])
    return Timer("expire", job.deadline)


def _decide(job: Job, command: JobCommand, at: datetime) -> Decision:
    match command:
        case OpenJob(actor=actor):
            return [JobOpened(actor=actor)] if job.status is S.NEW else []
        case SendMessage():
            return _send(job, command)
        case DeclineJob(reason=reason, note=note, actor=actor):
            decline = Decline(by=actor.kind, reason=reason, note=note)
            return _if_allowed(job, A.DECLINE, JobDeclined(decline=decline, actor=actor))
        case MarkInactive(actor=actor):
            return _if_changes(job, A.MARK_INACTIVE, JobMarkedInactive(actor=actor))
        case CompleteJob(actor=actor):
            return _if_changes(job, A.COMPLETE, JobCompleted(actor=actor))
        case ReactivateJob(actor=actor):
            return _if_allowed(job, A.REACTIVATE, JobReactivated(actor=actor))
        case AddComment(text=text, actor=actor):
            return [CommentAdded(text=text, actor=actor)]
        case AssignMembers():
            return _assign(job, command)
        case ReviewJob():
            return _review(job, command)
        case RemindJob(due_at=due_at):
            return _remind(job, due_at, at)
        case ExpireJob(deadline=deadline):
            return _expire(job, deadline, at)
        case CreateJob():
            return []


_MERCHANT_MAY = (SendMessage, DeclineJob, ReviewJob)
_PARTNER_MAY_NOT = (ReviewJob, RemindJob, ExpireJob)
_SYSTEM_MAY = (RemindJob, ExpireJob)


def _forbidden(job: Job, actor: Actor, command: JobCommand) -> Rejection | None:
    """Checked here again, behind the gateway: whoever can write to the topic is not yet a party to the job."""
    match actor.kind:
        case ActorKind.PARTNER:
            allowed = actor.partner_id == job.partner_id and not isinstance(command, _PARTNER_MAY_NOT)
        case ActorKind.MERCHANT:
            is_theirs = actor.merchant_id == job.details.merchant.merchant_id
            # A matched partner is unknown to the merchant until its first reply, so nothing can be said to it either.
            if is_theirs and isinstance(command, _MERCHANT_MAY) and not _known_to_merchant(job):
                return Rejection("not_introduced", "This partner has not introduced itself yet.")
            allowed = is_theirs and isinstance(command, _MERCHANT_MAY)
        case ActorKind.SYSTEM:
            allowed = isinstance(command, _SYSTEM_MAY)
    return (
        None if allowed else Rejection("forbidden", "Only the two sides of a job can change it, each in its own way.")
    )


def _known_to_merchant(job: Job) -> bool:
    return job.introduced or job.details.kind is RequestKind.DIRECT


def _send(job: Job, command: SendMessage) -> Decision:
    if command.actor.kind is ActorKind.PARTNER:
        replied = JobReplied(text=command.text, first=job.first_reply_at is None, actor=command.actor)
        return _if_allowed(job, A.PARTNER_WRITES, replied)
    return _if_allowed(job, A.MERCHANT_WRITES, MerchantReplied(text=command.text, actor=command.actor))


def _assign(job: Job, command: AssignMembers) -> Decision:
    wanted = tuple(dict.fromkeys(command.member_ids))
    if set(wanted) == set(job.assignees):
        return []
    added = tuple(member for member in wanted if member not in job.assignees)
    return [MembersAssigned(member_ids=wanted, added=added, actor=command.actor)]


def _review(job: Job, command: ReviewJob) -> Decision:
    if (job.status, A.REVIEW) not in TABLE:
        return Rejection("not_completed", "A job can be reviewed once it is completed.")
    if job.review is not None:
        return Rejection("already_reviewed", "This job has its review.")
    return [JobReviewed(rating=command.rating, text=command.text, actor=command.actor)]


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
    return [JobExpired()]


def _if_allowed(job: Job, act: Act, fact: Message) -> Sequence[Message] | Rejection:
    return [fact] if (job.status, act) in TABLE else _refused(job, act)


def _if_changes(job: Job, act: Act, fact: Message) -> Sequence[Message] | Rejection:
    """As `_if_allowed`, but nothing happens where the status stays."""
    after = TABLE.get((job.status, act))
    if after is None:
        return _refused(job, act)
    return [fact] if after is not job.status else []


def _refused(job: Job, act: Act) -> Rejection:
    if job.status in (S.EXPIRED, S.DECLINED):
        return Rejection(job.status.value, _REASONS[job.status])
    reason = _REASONS.get(job.status, f"A job that is {job.status.value} does not allow: {act.value}.")
    return Rejection("wrong_status", reason)


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
    )


def _new_job(fact: JobCreated, job_id: UUID, at: datetime) -> Job:
    deadline = at + timedelta(seconds=fact.reply_window_seconds)
    reminders = sorted(deadline - timedelta(seconds=before) for before in fact.remind_before_seconds)
    return Job(
        job_id=job_id,
        request_id=fact.request_id,
        partner_id=fact.partner_id,
        details=fact.details,
        status=S.NEW,
        turn=S.NEW,
        created_at=at,
        deadline=deadline,
        remind_at=tuple(moment for moment in reminders if moment > at),
        last_activity_at=at,
    )


def _changes(job: Job, fact: JobFact, at: datetime) -> dict[str, object]:
    match fact:
        case JobOpened():
            return {"status": S.OPENED, "turn": S.OPENED}
        case JobReplied(first=first):
            introduction = {"introduced": True, "first_reply_at": at} if first else {}
            return {**_after(job, A.PARTNER_WRITES), **_talked(job, S.REPLIED, at), **introduction}
        case MerchantReplied():
            # A direct request's merchant may write before the partner has: the clock keeps running.
            turn = job.turn if job.status in UNANSWERED else S.AWAITING_REPLY
            return {**_after(job, A.MERCHANT_WRITES), **_talked(job, turn, at)}
        case JobDeclined(decline=decline):
            return {**_after(job, A.DECLINE), "decline": decline, "last_activity_at": at}
        case JobExpired():
            return {**_after(job, A.EXPIRE), "last_activity_at": at}
        case JobReminded(due_at=due_at):
            # One that comes late stands for those that have become due meanwhile.
            return {"remind_at": tuple(moment for moment in job.remind_at if moment > max(due_at, at))}
        case JobMarkedInactive():
            return {**_after(job, A.MARK_INACTIVE), "last_activity_at": at}
        case JobCompleted():
            return {**_after(job, A.COMPLETE), "last_activity_at": at}
        case JobReactivated():
            return {"status": job.turn, "last_activity_at": at}
        case CommentAdded():
            return {"comments": job.comments + 1, "last_activity_at": at}
        case MembersAssigned(member_ids=member_ids):
            return {"assignees": member_ids}
        case JobReviewed(rating=rating, text=text):
            return {"review": Review(rating=rating, text=text, at=at), "last_activity_at": at}
        case JobCreated():
            return {}


def _after(job: Job, act: Act) -> dict[str, object]:
    return {"status": TABLE[job.status, act]}


def _talked(job: Job, turn: Status, at: datetime) -> dict[str, object]:
    return {"turn": turn, "messages": job.messages + 1, "last_activity_at": at}
