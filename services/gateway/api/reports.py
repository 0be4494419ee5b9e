"""Reports, in the JSON API: either side of a job says that something is not as it should be."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from services.gateway.accounts import Membership, Merchant
from services.gateway.api.answers import ASKED
from services.gateway.api.asking import Origin, OriginHeader, asked
from services.gateway.api.desks import MerchantDesk, PartnerDesk
from services.gateway.limits import ActLimits, Counting
from services.gateway.oversight.report import about
from services.gateway.signed_in import SignedIn
from shared.commands import Commander
from shared.contracts.base import Actor
from shared.contracts.jobs import Job
from shared.contracts.leads import Lead
from shared.contracts.reports import About, FileReport, Report, Reported, ReportReason, report_id_of
from shared.doors import Body, GivenNote
from shared.http import Problem
from shared.security_events import SecurityEvent, SecurityLog
from shared.topics import REPORT_COMMANDS


class ReportBody(Body):
    """What is wrong, and in your own words if you like."""

    reason: ReportReason
    text: GivenNote = ""


class ReportTaken(BaseModel):
    """Those who run the marketplace look at it. The same once more is the same report."""

    report_id: UUID
    what: Reported
    reason: ReportReason


class Filing:
    def __init__(self, commander: Commander, limits: ActLimits, security: SecurityLog) -> None:
        self._limits = limits
        self._commander = commander
        self._security = security

    async def file(self, about: About, body: ReportBody, actor: Actor, origin: Origin) -> ReportTaken | Response:
        """Raises `Problem` as `asked` does."""
        report_id, who = report_id_of(about, actor), str(actor.member_id or actor.merchant_id)
        await self._limits.count(FileReport, Counting(person=who))
        answer = await asked(
            self._commander,
            REPORT_COMMANDS,
            FileReport(about=about, reason=body.reason, text=body.text.strip(), actor=actor),
            report_id,
            who=who,
            origin=origin,
            location="/api/v1/me",
        )
        if isinstance(answer, Response):
            return answer
        report = Report.model_validate(answer.snapshot)
        self._security.event(
            SecurityEvent.REPORT_FILED,
            report_id=str(report_id),
            what=about.what.value,
            at=str(about.at),
            reason=body.reason.value,
            side=actor.kind.value,
        )
        return ReportTaken(report_id=report_id, what=about.what, reason=report.reason)


def reports_api(
    filing: Filing, partner_desk: PartnerDesk, merchant_desk: MerchantDesk, signed_in: SignedIn
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["reports"], responses=ASKED)
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type
    Asker = Annotated[Merchant, Depends(signed_in.merchant)]  # noqa: N806 - a type

    @router.post("/jobs/{job_id}/report", response_model=ReportTaken)
    async def report_job(job_id: UUID, body: ReportBody, member: Member, origin: OriginHeader) -> Any:
        """Report the request behind this job to the marketplace. It costs you nothing; the merchant is not told."""
        job = await partner_desk.job(member, job_id)
        return await filing.file(about(job, Reported.JOB), body, member.actor(), origin)

    @router.post("/jobs/{job_id}/review/report", response_model=ReportTaken)
    async def report_review(job_id: UUID, body: ReportBody, member: Member, origin: OriginHeader) -> Any:
        """Report the review of this job to the marketplace."""
        job = await partner_desk.job(member, job_id)
        _check_reviewed(job)
        return await filing.file(about(job, Reported.REVIEW), body, member.actor(), origin)

    @router.post("/merchant/jobs/{job_id}/report", response_model=ReportTaken)
    async def report_partner(job_id: UUID, body: ReportBody, merchant: Asker, origin: OriginHeader) -> Any:
        """Report the partner of this job to the marketplace. The partner is not told."""
        job = await merchant_desk.job(merchant, job_id)
        return await filing.file(about(job, Reported.JOB), body, merchant.actor(), origin)

    @router.post("/reviews/leads/{lead_id}/report", response_model=ReportTaken)
    async def report_lead(lead_id: UUID, body: ReportBody, member: Member, origin: OriginHeader) -> Any:
        """Report a prospect's request to the marketplace. It costs you nothing; the prospect is not told."""
        lead = await partner_desk.lead(member, lead_id)
        return await filing.file(about(lead, Reported.LEAD), body, member.actor(), origin)

    @router.post("/reviews/leads/{lead_id}/review/report", response_model=ReportTaken)
    async def report_leads_review(lead_id: UUID, body: ReportBody, member: Member, origin: OriginHeader) -> Any:
        """Report the review of a prospect to the marketplace."""
        lead = await partner_desk.lead(member, lead_id)
        _check_reviewed(lead)
        return await filing.file(about(lead, Reported.LEAD_REVIEW), body, member.actor(), origin)

    return router


def _check_reviewed(of: Job | Lead) -> None:
    if of.review is None:
        raise Problem(409, "not_reviewed", "There is no review to report.")
