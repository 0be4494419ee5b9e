"""What jobs says: everything that happens to one request at one partner."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, ActorKind, Contract, Message, Snapshot, Text, derived_id
from shared.contracts.requests import RequestDetails


class Status(StrEnum):
    NEW = "new"
    OPENED = "opened"
    REPLIED = "replied"
    AWAITING_REPLY = "awaiting_reply"
    INACTIVE = "inactive"
    COMPLETED = "completed"
    DECLINED = "declined"
    EXPIRED = "expired"


class DeclineReason(StrEnum):
    NOT_MY_SERVICE = "not_my_service"
    BUDGET_TOO_LOW = "budget_too_low"
    NO_CAPACITY = "no_capacity"
    TIMING = "timing"
    LANGUAGE = "language"
    DUPLICATE = "duplicate"
    OTHER = "other"


class Decline(Contract):
    by: ActorKind
    reason: DeclineReason
    note: str = ""


class Review(Contract):
    rating: int
    text: str
    at: datetime


class Job(Snapshot):
    """A job as it stands. The conversation is not in here but in the facts, so that a job never outgrows a record.

    `turn` is the status that a reactivated job returns to. `remind_at` holds the reminders still to come, soonest
    first. `introduced` tells whether the merchant may know of the partner at all.
    """

    job_id: UUID
    request_id: UUID
    partner_id: UUID
    details: RequestDetails
    status: Status
    turn: Status
    created_at: datetime
    deadline: datetime
    remind_at: tuple[datetime, ...] = ()
    introduced: bool = False
    first_reply_at: datetime | None = None
    last_activity_at: datetime
    assignees: tuple[UUID, ...] = ()
    messages: int = 0
    comments: int = 0
    decline: Decline | None = None
    review: Review | None = None


def job_id_of(request_id: UUID, partner_id: UUID) -> UUID:
    """The job of this request at this partner. There is one, whatever is delivered twice."""
    return derived_id("job", request_id, partner_id)


class CreateJob(Message):
    """Seconds, not times: the clock of a job is its partition's, and starts when this command is in the log."""

    request_id: UUID
    partner_id: UUID
    details: RequestDetails
    reply_window_seconds: int
    remind_before_seconds: tuple[int, ...]
    actor: Actor


class OpenJob(Message):
    actor: Actor


class SendMessage(Message):
    text: Text
    actor: Actor


class DeclineJob(Message):
    reason: DeclineReason
    note: Annotated[str, Field(max_length=1000)] = ""
    actor: Actor


class MarkInactive(Message):
    actor: Actor


class CompleteJob(Message):
    actor: Actor


class ReactivateJob(Message):
    actor: Actor


class AddComment(Message):
    text: Text
    actor: Actor


class AssignMembers(Message):
    """The whole new set of assignees; an empty one unassigns everybody."""

    member_ids: tuple[UUID, ...]
    actor: Actor


class ReviewJob(Message):
    rating: Annotated[int, Field(ge=1, le=5)]
    text: Text
    actor: Actor


class RemindJob(Message):
    """`due_at` names the reminder; a job that has moved on ignores it."""

    due_at: datetime
    actor: Actor


class ExpireJob(Message):
    """`deadline` names the deadline it means; it counts only if the log says that this moment has passed."""

    deadline: datetime
    actor: Actor


class JobCreated(Message):
    reply_window_seconds: int
    remind_before_seconds: tuple[int, ...]
    request_id: UUID
    partner_id: UUID
    details: RequestDetails


class JobOpened(Message):
    actor: Actor


class JobReplied(Message):
    """The partner wrote. `first` is the introduction: only now does the merchant of a matched job learn of the
    partner.
    """

    text: str
    first: bool
    actor: Actor


class MerchantReplied(Message):
    text: str
    actor: Actor


class JobDeclined(Message):
    decline: Decline
    actor: Actor


class JobExpired(Message):
    pass


class JobReminded(Message):
    due_at: datetime


class JobMarkedInactive(Message):
    actor: Actor


class JobCompleted(Message):
    actor: Actor


class JobReactivated(Message):
    actor: Actor


class CommentAdded(Message):
    text: str
    actor: Actor


class MembersAssigned(Message):
    """`member_ids` is the whole set after the change, `added` those who are new in it."""

    member_ids: tuple[UUID, ...]
    added: tuple[UUID, ...]
    actor: Actor


class JobReviewed(Message):
    rating: int
    text: str
    actor: Actor


JobCommand = (
    CreateJob
    | OpenJob
    | SendMessage
    | DeclineJob
    | MarkInactive
    | CompleteJob
    | ReactivateJob
    | AddComment
    | AssignMembers
    | ReviewJob
    | RemindJob
    | ExpireJob
)
JobFact = (
    JobCreated
    | JobOpened
    | JobReplied
    | MerchantReplied
    | JobDeclined
    | JobExpired
    | JobReminded
    | JobMarkedInactive
    | JobCompleted
    | JobReactivated
    | CommentAdded
    | MembersAssigned
    | JobReviewed
)
COMMANDS = get_args(JobCommand)
EVENTS = get_args(JobFact)
