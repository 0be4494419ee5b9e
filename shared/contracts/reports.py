"""What gateway says of reports: somebody says that something is not as it should be, and what operators found."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, ActorKind, Contract, Message, Snapshot, derived_id


class ReportReason(StrEnum):
    SPAM = "spam"
    FRAUD = "fraud"
    ABUSE = "abuse"
    NOT_A_REQUEST = "not_a_request"


class Reported(StrEnum):
    """What can be reported: a job by either side, the lead of a prospect, and the review of either by its partner."""

    JOB = "job"
    LEAD = "lead"
    REVIEW = "review"
    LEAD_REVIEW = "lead_review"

    @property
    def of_a_lead(self) -> bool:
        return self in (Reported.LEAD, Reported.LEAD_REVIEW)

    @property
    def is_review(self) -> bool:
        return self in (Reported.REVIEW, Reported.LEAD_REVIEW)


class Finding(StrEnum):
    """What operators found. Neither costs the reporter anything."""

    UPHELD = "upheld"
    DISMISSED = "dismissed"


class About(Contract):
    """`at` is the id of the job or lead. The two sides are those of it."""

    what: Reported
    at: UUID
    request_id: UUID
    partner_id: UUID
    merchant_id: UUID


class Resolution(Contract):
    """`reason` and `by`, the operator's name, are for operators alone."""

    finding: Finding
    reason: str
    by: str
    at: datetime


ReportText = Annotated[str, Field(max_length=1000)]


class Report(Snapshot):
    """`subject` is what it is about for whoever counts: reports of one request by several partners have the same. A
    report is open as long as it has no `resolution`; who adds to it afterwards opens it again.
    """

    report_id: UUID
    subject: UUID
    about: About
    reason: ReportReason
    text: str
    reporter: Actor
    filed_at: datetime
    resolution: Resolution | None = None


def report_id_of(about: About, reporter: Actor) -> UUID:
    """The report of this by this side: an organisation with many members has one."""
    whose = reporter.partner_id if reporter.kind is ActorKind.PARTNER else reporter.merchant_id
    return derived_id("report", about.what.value, about.at, reporter.kind.value, whose)


def subject_of(about: About, reporter: Actor) -> UUID:
    """A review is reported as itself; a partner reports the request, and a merchant the partner."""
    if about.what.is_review:
        return about.at
    return about.request_id if reporter.kind is ActorKind.PARTNER else about.partner_id


class FileReport(Message):
    """Whoever sends this has looked up what it is `about`."""

    about: About
    reason: ReportReason
    text: ReportText = ""
    actor: Actor


class ResolveReport(Message):
    finding: Finding
    reason: ReportText
    actor: Actor


class ReportFiled(Message):
    about: About
    reason: ReportReason
    text: str
    actor: Actor


class ReportResolved(Message):
    finding: Finding
    reason: str
    actor: Actor


ReportCommand = FileReport | ResolveReport
ReportFact = ReportFiled | ReportResolved
COMMANDS = get_args(ReportCommand)
EVENTS = get_args(ReportFact)
