"""What the API shows of a job, to each side. A field stands here or is not shown: the merchant's view has no way to
leak a comment.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from services.gateway.read.deliveries import Delivery
from services.gateway.read.search import Place
from shared.contracts.base import ActorKind, Locale, Money
from shared.contracts.jobs import (
    AccessChanged,
    ActDelayed,
    ActUndone,
    CommentAdded,
    Decline,
    DeclineReason,
    Job,
    JobDeclined,
    JobReplied,
    JobReviewed,
    MembersAssigned,
    MerchantReplied,
    Pending,
    Review,
    ReviewEdited,
    Status,
    StoreAccess,
)
from shared.contracts.partners import Partner
from shared.contracts.requests import Priorities, Request, RequestKind, RequestStatus


class RequestView(BaseModel):
    kind: RequestKind
    locale: Locale
    service: str
    title: str
    requirements: str
    business: str
    budget: Money | None
    priorities: Priorities
    merchant_name: str
    store_url: str


class JobView(BaseModel):
    """A job as its partner sees it. The merchant's address is not in it: the conversation is here. `pending` can still
    be taken back; `conversation_over` tells that the merchant wants no more messages, `stopped_at` since when the
    marketplace has ended it. A review with `taken_down_at` is shown to nobody else and does not count. `others` is the
    number of further partners who had got the same request when this one did. `version` counts what a partner may see
    of the job.
    """

    job_id: UUID
    request_id: UUID
    version: int
    status: Status
    created_at: datetime
    deadline: datetime | None
    first_reply_at: datetime | None
    reply_opened_at: datetime | None
    last_activity_at: datetime
    assignees: tuple[UUID, ...]
    messages: int
    comments: int
    decline: Decline | None
    pending: Pending | None
    review: Review | None
    review_asked_at: datetime | None
    access: StoreAccess | None
    conversation_over: bool
    stopped_at: datetime | None
    others: int
    request: RequestView


class PlaceView(BaseModel):
    """Where searched words stand: the field, the timeline's entry if it is one, an excerpt with the words' spans."""

    field: str
    entry_id: UUID | None
    excerpt: str
    spans: list[tuple[int, int]]


class ListedJob(JobView):
    """`unread` counts messages and comments that are new to the reader."""

    unread: int
    places: list[PlaceView] = []


class MerchantJobView(BaseModel):
    """A job as its merchant sees it: the partner's name, the conversation's state, nothing of the team's. `version` and
    `last_activity_at` are of what a merchant may see of the job. `partner_gone`: it no longer takes part in Jobwire,
    and the conversation is over.
    """

    job_id: UUID
    request_id: UUID
    version: int
    status: Status
    partner_id: UUID
    partner_name: str
    title: str
    service: str
    last_activity_at: datetime
    messages: int
    declined_by: str | None
    review: Review | None
    access: StoreAccess | None
    conversation_over: bool
    blocked: bool
    stopped_at: datetime | None
    partner_gone: bool


class AlternativeView(BaseModel):
    """Another partner who could take a request; `slug` names its public profile."""

    partner_id: UUID
    name: str
    slug: str


class MerchantRequestView(BaseModel):
    """A request as its merchant sees it, with the partners who have introduced themselves, or whom it asked by name.
    `alternatives` could do the work of a partner that was asked by name and has not taken it, the best first.
    """

    request_id: UUID
    version: int
    status: RequestStatus
    kind: RequestKind
    service: str
    title: str
    requirements: str
    submitted_at: datetime
    confirmed_at: datetime | None
    jobs: list[MerchantJobView]
    alternatives: list[AlternativeView]


class Entry(BaseModel):
    """One step in a job's timeline. `version` is the job's after it, as this side counts."""

    id: UUID
    version: int
    type: str
    at: datetime
    by: str = ""
    side: str = ""
    text: str | None = None
    details: dict[str, Any] = {}


class Timeline(BaseModel):
    """A page of a job's timeline, the oldest step first. `older_cursor` fetches the steps before it from `/timeline`;
    null at the beginning.
    """

    timeline: list[Entry]
    older_cursor: str | None


class JobPage(Timeline):
    """A job with the newest page of its timeline. `unread` counts what is new to the reader; `shown` the messages and
    comments that the timeline holds up to the job's version, which it may be behind for a moment.
    """

    job: JobView
    unread: int
    shown: int


class MerchantJobPage(Timeline):
    """A job with the newest page of its timeline."""

    job: MerchantJobView


class MailView(BaseModel):
    """One mail about a job to the reader's side: which kind, and how it ended. `uncertain` may have arrived."""

    template: str
    state: Literal["sent", "failed", "uncertain"]
    at: datetime


class Mails(BaseModel):
    mails: list[MailView]


class Jobs(BaseModel):
    jobs: list[ListedJob]
    next_cursor: str | None


class MerchantJobs(BaseModel):
    jobs: list[MerchantJobView]
    next_cursor: str | None


class MerchantRequests(BaseModel):
    requests: list[MerchantRequestView]
    next_cursor: str | None


def mails_view(deliveries: list[Delivery]) -> Mails:
    return Mails(mails=[MailView(**delivery._asdict()) for delivery in deliveries])


def partner_view(job: Job) -> JobView:
    return JobView(**_partners_fields(job))


def listed(job: Job, unread: int, places: list[Place]) -> ListedJob:
    found = [PlaceView.model_validate(place, from_attributes=True) for place in places]
    return ListedJob(**_partners_fields(job), unread=unread, places=found)


def _partners_fields(job: Job) -> dict[str, Any]:
    details = job.details
    return {
        **{name: getattr(job, name) for name in _OF_THE_JOB},
        "version": job.version_for(ActorKind.PARTNER),
        "deadline": job.deadline if job.status in (Status.NEW, Status.OPENED) else None,
        "decline": _told(job.decline) if job.decline else None,
        "conversation_over": job.conversation_over or job.suspended,
        "request": RequestView(
            **{name: getattr(details, name) for name in _OF_THE_REQUEST},
            merchant_name=details.merchant.name,
            store_url=details.merchant.store_url,
        ),
    }


# Taken over as they are: dumping a job into plain values to make models of them again took half of a view's time.
_OF_THE_JOB = JobView.model_fields.keys() - {"request", "version", "deadline", "decline", "conversation_over"}
_OF_THE_REQUEST = RequestView.model_fields.keys() - {"merchant_name", "store_url"}


MERCHANTS_OWN = frozenset({DeclineReason.BLOCKED, DeclineReason.SPAM})
"""The reasons that a merchant keeps to itself."""


def _told(decline: Decline) -> Decline:
    """That it was blocked is not for a partner to know, which an earlier release wrote down as the reason; nor that it
    was reported.
    """
    if decline.by is ActorKind.MERCHANT and decline.reason in MERCHANTS_OWN:
        return decline.model_copy(update={"reason": DeclineReason.OTHER})
    return decline


def merchant_view(job: Job, partner: Partner | None) -> MerchantJobView:
    shown = {"job_id", "request_id", "partner_id", "messages", "access", "blocked", "stopped_at"}
    return MerchantJobView(
        **job.model_dump(include=shown),
        version=job.version_for(ActorKind.MERCHANT),
        last_activity_at=job.activity_for_merchant,
        conversation_over=job.conversation_over or job.suspended,
        status=shown_status(job),
        partner_name=partner.profile.name if partner else "",
        title=job.details.title,
        service=job.details.service,
        declined_by=job.decline.by.value if job.decline else None,
        partner_gone=job.suspended,
        review=job.review,
    )


def request_view(request: Request, jobs: list[MerchantJobView], alternatives: Iterable[Partner]) -> MerchantRequestView:
    details = request.details
    return MerchantRequestView(
        **request.model_dump(include={"request_id", "version", "status", "submitted_at", "confirmed_at"}),
        **details.model_dump(include={"kind", "service", "title", "requirements"}),
        jobs=jobs,
        alternatives=[
            AlternativeView(partner_id=one.partner_id, name=one.profile.name, slug=one.profile.slug)
            for one in alternatives
        ],
    )


def shown_status(job: Job) -> Status:
    """The status as the merchant sees it: opening a request, or putting it aside, is the partner's own business."""
    return {Status.OPENED: Status.NEW, Status.INACTIVE: job.turn}.get(job.status, job.status)


TALK = frozenset(fact.__name__ for fact in (JobReplied, MerchantReplied, CommentAdded))
"""What is counted as unread."""

_SHOWN: dict[str, tuple[str, ...]] = {
    JobReplied.__name__: ("attachments",),
    MerchantReplied.__name__: ("attachments",),
    JobDeclined.__name__: ("decline",),
    ActDelayed.__name__: ("pending",),
    ActUndone.__name__: ("act",),
    MembersAssigned.__name__: ("member_ids",),
    CommentAdded.__name__: ("mentions",),
    JobReviewed.__name__: ("rating",),
    ReviewEdited.__name__: ("rating",),
    AccessChanged.__name__: ("access", "note"),
}
"""What the timeline tells of a fact beside its text."""


MARKETPLACE = "Jobwire"


def entry(document: Mapping[str, Any], side: ActorKind, version: int) -> Entry:
    """A timeline document as the API shows it to this side, which counts it as `version`."""
    fact = document["fact"]
    by, whose = _said_by(fact)
    return Entry(
        id=document["_id"],
        version=version,
        type=document["type"],
        at=document["at"],
        by=by,
        side=whose,
        text=fact.get("text"),
        details=_details(fact, _SHOWN.get(document["type"], ()), for_merchant=side is ActorKind.MERCHANT),
    )


def _said_by(fact: Mapping[str, Any]) -> tuple[str, str]:
    """The name and the side. Which operator it was is for operators alone."""
    actor = fact.get("actor") or {}
    kind = actor.get("kind", ActorKind.SYSTEM.value)
    if kind == ActorKind.OPERATOR:
        return MARKETPLACE, kind
    if (fact.get("decline") or {}).get("reason") == DeclineReason.BLOCKED:
        return "", ActorKind.MERCHANT.value  # an earlier release let the system say it
    return actor.get("name", ""), kind


def _details(fact: Mapping[str, Any], shown: tuple[str, ...], *, for_merchant: bool) -> dict[str, Any]:
    """Why a partner declined is between the partner and matching, and that it was blocked is the merchant's secret."""
    details = {name: fact[name] for name in shown if fact.get(name) not in (None, "", [])}
    if "decline" in details and for_merchant:
        details["decline"] = {"by": fact["decline"]["by"]}
    elif "decline" in details:
        details["decline"] = _told(Decline.model_validate(fact["decline"])).model_dump(mode="json")
    return details
