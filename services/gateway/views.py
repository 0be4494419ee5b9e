"""What the API shows of a job, to each side. A field stands here or is not shown: the merchant's view has no way to
leak a comment.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.base import Locale, Money
from shared.contracts.jobs import (
    CommentAdded,
    Decline,
    Job,
    JobCompleted,
    JobDeclined,
    JobExpired,
    JobReplied,
    JobReviewed,
    MembersAssigned,
    MerchantReplied,
    Review,
    Status,
)
from shared.contracts.matching import ServiceStanding
from shared.contracts.partners import Partner, Preferences
from shared.contracts.requests import Priorities, RequestKind


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
    """A job as its partner sees it. The merchant's address is not in it: the conversation is here."""

    job_id: UUID
    request_id: UUID
    version: int
    status: Status
    created_at: datetime
    deadline: datetime | None
    first_reply_at: datetime | None
    last_activity_at: datetime
    assignees: tuple[UUID, ...]
    messages: int
    comments: int
    decline: Decline | None
    review: Review | None
    request: RequestView


class MerchantJobView(BaseModel):
    """A job as its merchant sees it: the partner's name, the conversation's state, nothing of the team's."""

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


class Entry(BaseModel):
    """One step in a job's timeline."""

    id: UUID
    version: int
    type: str
    at: datetime
    by: str = ""
    side: str = ""
    text: str | None = None
    details: dict[str, Any] = {}


class JobPage(BaseModel):
    job: JobView
    timeline: list[Entry]


class MerchantJobPage(BaseModel):
    job: MerchantJobView
    timeline: list[Entry]


class Jobs(BaseModel):
    jobs: list[JobView]
    next_cursor: str | None


class MerchantJobs(BaseModel):
    jobs: list[MerchantJobView]
    next_cursor: str | None


class PreferencesView(BaseModel):
    version: int
    preferences: Preferences


class StandingView(BaseModel):
    version: int
    total: ServiceStanding
    services: dict[str, ServiceStanding]


def partner_view(job: Job) -> JobView:
    details = job.details
    unanswered = job.status in (Status.NEW, Status.OPENED)
    return JobView(
        **job.model_dump(include=set(JobView.model_fields) - {"request", "deadline"}),
        deadline=job.deadline if unanswered else None,
        request=RequestView(
            **details.model_dump(include=set(RequestView.model_fields) - {"merchant_name", "store_url"}),
            merchant_name=details.merchant.name,
            store_url=details.merchant.store_url,
        ),
    )


def merchant_view(job: Job, partner: Partner | None) -> MerchantJobView:
    return MerchantJobView(
        **job.model_dump(include={"job_id", "request_id", "version", "partner_id", "last_activity_at", "messages"}),
        status=shown_status(job),
        partner_name=partner.profile.name if partner else "",
        title=job.details.title,
        service=job.details.service,
        declined_by=job.decline.by.value if job.decline else None,
        review=job.review,
    )


def shown_status(job: Job) -> Status:
    """The status as the merchant sees it: opening a request, or putting it aside, is the partner's own business."""
    return {Status.OPENED: Status.NEW, Status.INACTIVE: job.turn}.get(job.status, job.status)


MERCHANT_SEES = frozenset(
    fact.__name__ for fact in (JobReplied, MerchantReplied, JobDeclined, JobExpired, JobCompleted, JobReviewed)
)
_SHOWN = {
    JobDeclined.__name__: "decline",
    MembersAssigned.__name__: "member_ids",
    JobReviewed.__name__: "rating",
    CommentAdded.__name__: "",
}


def entry(document: dict[str, Any], *, for_merchant: bool = False) -> Entry:
    """A timeline document as the API shows it. Why a partner declined is between the partner and matching."""
    fact = document["fact"]
    actor = fact.get("actor") or {}
    shown = _SHOWN.get(document["type"], "")
    return Entry(
        id=document["_id"],
        version=document["version"],
        type=document["type"],
        at=document["at"],
        by=actor.get("name", ""),
        side=actor.get("kind", "system"),
        text=fact.get("text"),
        details=_details(fact, shown, for_merchant=for_merchant),
    )


def _details(fact: dict[str, Any], shown: str, *, for_merchant: bool) -> dict[str, Any]:
    if shown == "decline" and for_merchant:
        return {"decline": {"by": fact["decline"]["by"]}}
    return {shown: fact[shown]} if shown else {}
