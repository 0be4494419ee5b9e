"""What jobs says: everything that happens to one request at one partner."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, ActorKind, Contract, Line, Message, Snapshot, Text, derived_id
from shared.contracts.requests import RequestDetails, RequestKind, StoreProof
from shared.contracts.versions import ExpectedVersion


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
    SPAM = "spam"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"
    STOPPED = "stopped"
    SUSPENDED = "suspended"


CLOSED_BY: Mapping[DeclineReason, ActorKind] = MappingProxyType(
    {
        DeclineReason.WITHDRAWN: ActorKind.MERCHANT,
        DeclineReason.BLOCKED: ActorKind.MERCHANT,
        DeclineReason.STOPPED: ActorKind.OPERATOR,
        DeclineReason.SUSPENDED: ActorKind.SYSTEM,
    }
)
"""What the merchant or the marketplace did elsewhere, and whose doing it is: the system alone gives these reasons."""
PARTNERS_REASONS = frozenset(DeclineReason) - CLOSED_BY.keys()
"""The reasons that a person can give."""


class Decline(Contract):
    by: ActorKind
    reason: DeclineReason
    note: str = ""


class Review(Contract):
    """`answer` is the partner's one answer to it. One that the marketplace has taken down is shown to its two sides
    alone, and counts for nothing.
    """

    rating: int
    text: str
    at: datetime
    edited_at: datetime | None = None
    answer: str | None = None
    taken_down_at: datetime | None = None

    @property
    def stands(self) -> bool:
        return self.taken_down_at is None


class Attachment(Contract):
    """A file that was sent with a message. Its bytes are kept by gateway and go to the two sides of the job only."""

    attachment_id: UUID
    name: Line
    media_type: Annotated[str, Field(max_length=100)]
    size: Annotated[int, Field(ge=0)]


Attachments = Annotated[tuple[Attachment, ...], Field(max_length=10)]


class Act(StrEnum):
    """What a person can still take back for a moment."""

    DECLINE = "decline"
    COMPLETE = "complete"
    INACTIVE = "inactive"


class Pending(Contract):
    """An act that holds at `due_at` unless it is undone. Nobody is told of it before."""

    act: Act
    due_at: datetime
    actor: Actor
    decline: Decline | None = None


class AccessStatus(StrEnum):
    ASKED = "asked"
    CONSENTED = "consented"
    REQUESTED = "requested"
    GRANTED = "granted"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Permission(StrEnum):
    """What a collaborator may do in the merchant's store."""

    PRODUCTS = "products"
    ORDERS = "orders"
    CUSTOMERS = "customers"
    THEMES = "themes"
    PAGES = "pages"
    APPS = "apps"
    REPORTS = "reports"
    SETTINGS = "settings"


class StoreAccess(Contract):
    """How far access to the merchant's store has come: what it is asked for or granted for, and for how many days.
    `asked_at` names the ask that a consent is to, `consent_until` is when an unused consent lapses, `requested_at`
    names the request that the platform answers, `expires_at` is the end of what was granted. `proof` is how the
    merchant had shown that the store is theirs when they consented.
    """

    status: AccessStatus
    permissions: tuple[Permission, ...] = ()
    days: int = 0
    asked_at: datetime | None = None
    consented_at: datetime | None = None
    consent_until: datetime | None = None
    proof: StoreProof | None = None
    requested_at: datetime | None = None
    expires_at: datetime | None = None


class JobParts(Contract):
    """At which version each part that is replaced whole was changed last, by the count of the side that replaces it;
    None where a release has written that did not keep it.
    """

    assignees: int | None = None
    review: int | None = None


class Job(Snapshot):
    """A job as it stands. The conversation is not in here but in the facts, so that a job never outgrows a record.

    `turn` is the status that a reactivated job returns to. `remind_at` holds the reminders still to come, soonest
    first. `introduced` tells whether the merchant may know of the partner at all, `blocked` that the merchant wants
    nothing more of it, `stopped_at` since when the marketplace has ended it, `suspended` that the partner was when the
    job was closed. `others` is the number of further partners who had got the same request when this one did.
    `team_versions` says of each assignee at which version of the partner whoever assigned it saw it in the team.
    `ended` tells that the merchant has ended the conversation of a job that was over.

    `partner_version` and `merchant_version` count the facts that this side may see (`shared.contracts.seen`), and
    `merchant_activity_at` is the last activity that the merchant may know of. None in jobs of an earlier release: then
    the side goes on from what it was shown, which counted everything.
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
    reply_opened_at: datetime | None = None
    review_asked_at: datetime | None = None
    pending: Pending | None = None
    access: StoreAccess | None = None
    blocked: bool = False
    stopped_at: datetime | None = None
    suspended: bool = False
    others: int = 0
    team_versions: dict[UUID, int] = Field(default_factory=dict)
    parts: JobParts = JobParts()
    ended: bool = False
    partner_version: int | None = None
    merchant_version: int | None = None
    merchant_activity_at: datetime | None = None

    def version_for(self, side: ActorKind) -> int:
        """The version that this side is shown. Raises KeyError for who is no side."""
        own = {ActorKind.PARTNER: self.partner_version, ActorKind.MERCHANT: self.merchant_version}[side]
        return self.version if own is None else own

    @property
    def activity_for_merchant(self) -> datetime:
        return self.merchant_activity_at or self.last_activity_at

    @property
    def known_to_merchant(self) -> bool:
        """Whether the merchant may know that this partner was asked."""
        return self.introduced or self.details.kind is RequestKind.DIRECT

    @property
    def conversation_over(self) -> bool:
        """Whether the two talk no more though the job is not closed. An earlier release kept of a block only that there
        was one.
        """
        return self.ended or (self.blocked and self.status not in (Status.DECLINED, Status.EXPIRED))


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
    others: int = 0
    actor: Actor


UndoSeconds = Annotated[int, Field(ge=0, le=60)]
"""How long an act can be taken back; 0 means that it holds at once."""


class OpenJob(Message):
    actor: Actor


class OpenReply(Message):
    """The merchant looks at the partner's answer."""

    actor: Actor


class SendMessage(Message):
    text: Text
    attachments: Attachments = ()
    actor: Actor


class DeclineJob(Message):
    reason: DeclineReason
    note: Annotated[str, Field(max_length=1000)] = ""
    undo_seconds: UndoSeconds = 0
    actor: Actor


class MarkInactive(Message):
    undo_seconds: UndoSeconds = 0
    actor: Actor


class CompleteJob(Message):
    undo_seconds: UndoSeconds = 0
    actor: Actor


class UndoAct(Message):
    """Take back what was just declined, completed or put aside, while it can still be taken back."""

    actor: Actor


class SettleAct(Message):
    """`due_at` names the pending act it means."""

    due_at: datetime
    actor: Actor


class EndConversation(Message):
    """The merchant wants no more of this job: one that is open is declined, and after one that is completed nobody
    writes any more.
    """

    actor: Actor


class CloseJob(Message):
    """The merchant withdrew the request or blocked the partner, the marketplace stopped the request, or the partner was
    suspended.
    """

    reason: DeclineReason
    actor: Actor


class ReactivateJob(Message):
    actor: Actor


class AddComment(Message):
    """`mentions` are members who are mailed about it."""

    text: Text
    mentions: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    actor: Actor


class AssignMembers(Message):
    """The whole new set of assignees; an empty one unassigns everybody. `team_version` is the partner's version at
    which they were seen in its team, 0 where nobody looked; `expected_version` the job's whose assignees are replaced.
    """

    member_ids: tuple[UUID, ...]
    team_version: int = 0
    expected_version: ExpectedVersion = None
    actor: Actor


class AssignMember(Message):
    """One more assignee, whoever else there is. `team_version` as in `AssignMembers`."""

    member_id: UUID
    team_version: int = 0
    actor: Actor


class UnassignMember(Message):
    """One assignee less. Where somebody has left the team, `left_version` is the version at which the partner said so:
    who was assigned by somebody that saw it in the team later stays, since it is back.
    """

    member_id: UUID
    left_version: int | None = None
    actor: Actor


class ReviewJob(Message):
    """`of_own_team` tells that the reviewing address belongs to the partner's own team: gateway knows the teams."""

    rating: Annotated[int, Field(ge=1, le=5)]
    text: Text
    of_own_team: bool = False
    actor: Actor


class EditReview(Message):
    rating: Annotated[int, Field(ge=1, le=5)]
    text: Text
    expected_version: ExpectedVersion = None
    actor: Actor


class AskReview(Message):
    actor: Actor


class AnswerReview(Message):
    text: Text
    actor: Actor


class TakeDownReview(Message):
    """The marketplace hides the review. `reason` is for operators alone."""

    reason: Annotated[str, Field(max_length=1000)]
    actor: Actor


class AskAccess(Message):
    """Ask the merchant whether access to the store may be requested: for what, for how many days, and why (`note`).
    `proof` is how the merchant has shown since the request that the store is theirs: gateway knows.
    """

    permissions: Annotated[tuple[Permission, ...], Field(max_length=20)] = ()
    days: Annotated[int, Field(ge=0, le=365)] = 0
    proof: StoreProof | None = None
    note: Annotated[str, Field(max_length=1000)] = ""
    actor: Actor


class ConsentAccess(Message):
    """Agree to the ask of this moment, and to no other. `proof` as in `AskAccess`."""

    asked_at: datetime | None = None
    proof: StoreProof | None = None
    actor: Actor


class RefuseAccess(Message):
    actor: Actor


class RequestAccess(Message):
    permissions: Annotated[tuple[Permission, ...], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=365)]
    actor: Actor


class GrantAccess(Message):
    """The platform granted what was requested at this moment."""

    requested_at: datetime
    actor: Actor


class DenyAccess(Message):
    """The platform denied what was requested at this moment."""

    requested_at: datetime
    actor: Actor


class RevokeAccess(Message):
    actor: Actor


class ExpireAccess(Message):
    """`expires_at` names the grant, or the consent, that it means."""

    expires_at: datetime
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
    others: int = 0


class JobOpened(Message):
    actor: Actor


class JobReplied(Message):
    """The partner wrote. `first` is the introduction: only now does the merchant of a matched job learn of the
    partner.
    """

    text: str
    first: bool
    attachments: Attachments = ()
    actor: Actor


class MerchantReplied(Message):
    text: str
    attachments: Attachments = ()
    actor: Actor


class ReplyOpened(Message):
    """The merchant has looked at the partner's first answer."""

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
    """`reopens`: it was completed. One that was put aside goes on without the merchant having known that it rested."""

    reopens: bool = False
    actor: Actor


class CommentAdded(Message):
    text: str
    mentions: tuple[UUID, ...] = ()
    actor: Actor


class MembersAssigned(Message):
    """`member_ids` is the whole set after the change, `added` those who are new in it. `team_versions` is as the job's,
    after the change; unless it `changes` who is assigned, that is all it says.
    """

    member_ids: tuple[UUID, ...]
    added: tuple[UUID, ...]
    team_versions: dict[UUID, int] = Field(default_factory=dict)
    changes: bool = True
    actor: Actor


class JobReviewed(Message):
    rating: int
    text: str
    actor: Actor


class ActDelayed(Message):
    """Somebody declined, completed or put the job aside, and may still take it back."""

    pending: Pending


class ActUndone(Message):
    act: Act
    actor: Actor


class ReviewEdited(Message):
    rating: int
    text: str
    actor: Actor


class ReviewAsked(Message):
    actor: Actor


class ReviewAnswered(Message):
    text: str
    actor: Actor


class ReviewTakenDown(Message):
    actor: Actor


class AccessChanged(Message):
    """A step of store access; `access` is the whole state after it."""

    access: StoreAccess
    note: str = ""
    actor: Actor


class ConversationEnded(Message):
    """The merchant has ended the conversation of a completed job."""

    actor: Actor


class JobBlocked(Message):
    """The merchant has blocked the partner. What the partner sees of it are the facts before this one, as of any other
    end.
    """

    actor: Actor


class JobStopped(Message):
    """The marketplace has ended what the job is about: whatever its status, nobody writes any more."""

    actor: Actor


class JobEnded(Message):
    """The partner no longer takes part: whatever the job's status, the conversation is over for good."""

    actor: Actor


JobCommand = (
    CreateJob
    | OpenJob
    | OpenReply
    | SendMessage
    | DeclineJob
    | MarkInactive
    | CompleteJob
    | ReactivateJob
    | AddComment
    | AssignMembers
    | AssignMember
    | UnassignMember
    | ReviewJob
    | EditReview
    | AskReview
    | AnswerReview
    | TakeDownReview
    | UndoAct
    | SettleAct
    | EndConversation
    | CloseJob
    | AskAccess
    | ConsentAccess
    | RefuseAccess
    | RequestAccess
    | GrantAccess
    | DenyAccess
    | RevokeAccess
    | ExpireAccess
    | RemindJob
    | ExpireJob
)
JobFact = (
    JobCreated
    | JobOpened
    | JobReplied
    | MerchantReplied
    | ReplyOpened
    | JobDeclined
    | JobExpired
    | JobReminded
    | JobMarkedInactive
    | JobCompleted
    | JobReactivated
    | CommentAdded
    | MembersAssigned
    | JobReviewed
    | ReviewEdited
    | ReviewAsked
    | ReviewAnswered
    | ReviewTakenDown
    | ActDelayed
    | ActUndone
    | AccessChanged
    | ConversationEnded
    | JobBlocked
    | JobStopped
    | JobEnded
)
COMMANDS = get_args(JobCommand)
EVENTS = get_args(JobFact)
