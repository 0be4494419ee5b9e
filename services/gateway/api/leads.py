"""The reviews of prospects, in the JSON API. A lead is no job: it came by mail, and is talked about elsewhere."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.responses import Response

from services.gateway.accounts import Membership
from services.gateway.api.answers import ASKED, SIGNED_IN
from services.gateway.api.asking import OriginHeader, asked
from services.gateway.api.desks import PartnerDesk, counting
from services.gateway.limits import ActLimits
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from shared.commands import Commander
from shared.contracts.leads import AskLeadReview, Lead, LeadReview
from shared.topics import LEAD_COMMANDS


class LeadView(BaseModel):
    """A prospect who was sent to you, without its address: that came by mail."""

    lead_id: UUID
    version: int
    prospect: str
    service: str
    title: str
    delivered_at: datetime
    review_asked_at: datetime | None
    review: LeadReview | None


class Leads(BaseModel):
    leads: list[LeadView]
    next_cursor: str | None


def leads_api(
    commander: Commander, reading: Reading, desk: PartnerDesk, limits: ActLimits, signed_in: SignedIn
) -> APIRouter:
    router = APIRouter(prefix="/api/v1/reviews/leads", tags=["reviews"], responses=SIGNED_IN)
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type

    @router.get("")
    async def list_leads(member: Member, cursor: Annotated[str | None, Query(max_length=400)] = None) -> Leads:
        """Prospects who were sent to you by mail, newest first: whom to ask for a review."""
        if member.member.assigned_only:
            return Leads(leads=[], next_cursor=None)
        page = await reading.leads(member.partner.partner_id, cursor)
        return Leads(leads=[_view(lead) for lead in page.leads], next_cursor=page.next_cursor)

    @router.post("/{lead_id}/request", response_model=LeadView, responses=ASKED)
    async def ask_review(lead_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """Ask a prospect for a review of your work, once. It gets a mail."""
        lead = await desk.lead(member, lead_id)
        await limits.count(AskLeadReview, counting(member, subject=str(lead_id)))
        who, command = str(member.member.member_id), AskLeadReview(actor=member.actor())
        location = "/api/v1/reviews/leads"
        answer = await asked(commander, LEAD_COMMANDS, command, lead.lead_id, who=who, origin=origin, location=location)
        return answer if isinstance(answer, Response) else _view(Lead.model_validate(answer.snapshot))

    return router


def _view(lead: Lead) -> LeadView:
    details = lead.details
    return LeadView(
        **lead.model_dump(include={"lead_id", "version", "delivered_at", "review_asked_at", "review"}),
        prospect=details.merchant.name,
        service=details.service,
        title=details.title,
    )
