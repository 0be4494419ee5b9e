"""What operators send, and what the API shows them."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.gateway.api.views import Entry
from services.gateway.read.oversight import ReportState
from services.gateway.read.queue import Act, Queued
from services.gateway.read.reading import TimelinePage
from shared.contracts.base import ActorKind, Locale, Money
from shared.contracts.jobs import Job, Review
from shared.contracts.leads import Lead, LeadReview
from shared.contracts.operators import Deed, Outcome
from shared.contracts.partners import Approval
from shared.contracts.reports import About, Finding, Report, Reported, ReportReason, Resolution
from shared.doors import Address, Body, GivenBecause, GivenReason

_GIVEN, _LEFT_OUT = {"type": "string"}, {"type": "null"}


class ReasonBody(Body):
    """Why. It stands in the log of acts for good, and is shown to operators alone."""

    reason: GivenReason


class BecauseBody(Body):
    """Why, on one line: the organisation's owners read it, and it stands in the log of acts for good."""

    reason: GivenBecause


class VouchBody(BecauseBody):
    approval: Approval


class ResolveBody(ReasonBody):
    finding: Finding


class ReadBody(ReasonBody):
    """`cursor` is the `older_cursor` of a page that was read before."""

    cursor: Annotated[str, Field(max_length=400)] | None = None


class SomebodyBody(ReasonBody):
    """Who: by address, or by the id of a merchant or prospect. Addresses never stand in a URL: URLs are logged."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["email"], "properties": {"email": {"type": "string"}, "merchant_id": {"type": "null"}}},
                {
                    "required": ["merchant_id"],
                    "properties": {"merchant_id": {"type": "string"}, "email": {"type": "null"}},
                },
            ]
        }
    )

    email: Address | None = None
    merchant_id: UUID | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.email is None) == (self.merchant_id is None):
            raise PydanticCustomError("somebody", "Name either email or merchant_id.")
        return self


class ActDone(BaseModel):
    """`subject` is the id of what it was done to; a person's follows from the mailbox."""

    deed: Deed
    subject: UUID


class ReporterView(BaseModel):
    side: ActorKind
    partner_id: UUID | None
    member_id: UUID | None
    merchant_id: UUID | None


class ReportView(BaseModel):
    """`at` is the id of the job or lead. `subject` is what it is about: the request for a partner, the partner for a
    merchant, the review; `same_subject` counts the reports of it, this one among them.
    """

    report_id: UUID
    state: ReportState
    what: Reported
    at: UUID
    request_id: UUID
    partner_id: UUID
    merchant_id: UUID
    subject: UUID
    same_subject: int
    reason: ReportReason
    text: str
    reporter: ReporterView
    filed_at: datetime
    resolution: Resolution | None


class Reports(BaseModel):
    reports: list[ReportView]
    next_cursor: str | None


class ActView(BaseModel):
    """`outcome` is null for an act that was interrupted: nobody knows how it ended."""

    act_id: UUID
    at: datetime
    operator: str
    deed: Deed
    subject: UUID
    reason: str
    outcome: Outcome | None
    code: str


class Acts(BaseModel):
    acts: list[ActView]
    next_cursor: str | None


class AskedFor(BaseModel):
    """What somebody asked for."""

    locale: Locale
    service: str
    title: str
    business: str
    requirements: str
    budget: Money | None
    merchant_name: str
    store_url: str | None


class Conversation(BaseModel):
    """What a report is about. Of a lead there is no timeline: prospects and partners talk elsewhere."""

    report_id: UUID
    asked_for: AskedFor
    review: Review | LeadReview | None
    timeline: list[Entry]
    older_cursor: str | None


def report_view(queued: Queued) -> ReportView:
    report, reporter = queued.report, queued.report.reporter
    return ReportView(
        **{name: getattr(report, name) for name in _OF_THE_REPORT},
        **{name: getattr(report.about, name) for name in About.model_fields},
        state=ReportState.of(report),
        same_subject=queued.same_subject,
        reporter=ReporterView(
            side=reporter.kind,
            partner_id=reporter.partner_id,
            member_id=reporter.member_id,
            merchant_id=reporter.merchant_id,
        ),
    )


_OF_THE_REPORT = ("report_id", "subject", "reason", "text", "filed_at", "resolution")


def act_view(of: Act) -> ActView:
    return ActView(**of.act.model_dump(), outcome=of.outcome, code=of.code)


def conversation_view(report: Report, about: Job | Lead, page: TimelinePage | None = None) -> Conversation:
    details = about.details
    return Conversation(
        report_id=report.report_id,
        asked_for=AskedFor(
            **{name: getattr(details, name) for name in AskedFor.model_fields.keys() - {"merchant_name", "store_url"}},
            merchant_name=details.merchant.name,
            store_url=details.merchant.store_url,
        ),
        review=about.review,
        timeline=page.timeline if page else [],
        older_cursor=page.older_cursor if page else None,
    )
