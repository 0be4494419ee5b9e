"""A partner's way into the merchant's store, in the JSON API: asked for, requested once agreed, given up."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field

from services.gateway.accounts import Membership
from services.gateway.api.answers import ASKED
from services.gateway.api.asking import OriginHeader
from services.gateway.api.desks import PartnerDesk
from services.gateway.api.views import JobView
from services.gateway.signed_in import SignedIn
from services.gateway.stores.proofs import StoreProofs
from shared.contracts.jobs import AskAccess, Permission, RequestAccess, RevokeAccess
from shared.doors import Body, GivenNote


class AccessBody(Body):
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=20)]
    days: Annotated[int, Field(ge=1, le=365)] = 30


class AskAccessBody(AccessBody):
    """What you need in the store, for how many days, and why."""

    note: GivenNote = ""


def store_access_api(desk: PartnerDesk, proofs: StoreProofs, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1/jobs/{job_id}", tags=["jobs"], responses=ASKED)
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type

    @router.post("/store-access/ask", response_model=JobView)
    async def ask_access(job_id: UUID, body: AskAccessBody, member: Member, origin: OriginHeader) -> Any:
        """Ask the merchant whether you may request access to the store: for exactly this. 409 `store_unproved` as long
        as the merchant has not shown that the store is theirs.
        """
        merchant = (await desk.job(member, job_id)).details.merchant
        shown = await proofs.of(merchant.merchant_id, merchant.store_url)
        command = AskAccess(
            permissions=tuple(body.permissions),
            days=body.days,
            note=body.note,
            proof=shown.way if shown else None,
            actor=member.actor(),
        )
        return await desk.ask(member, job_id, command, origin)

    @router.post("/store-access/request", response_model=JobView)
    async def request_access(job_id: UUID, body: AccessBody, member: Member, origin: OriginHeader) -> Any:
        """Request what the merchant has agreed to, or less. Without consent 409 `consent_missing`; for more than that
        `beyond_consent`.
        """
        command = RequestAccess(permissions=tuple(body.permissions), days=body.days, actor=member.actor())
        return await desk.ask(member, job_id, command, origin)

    @router.post("/store-access/revoke", response_model=JobView)
    async def revoke_access(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """Give the access back, or ask for it no more."""
        return await desk.ask(member, job_id, RevokeAccess(actor=member.actor()), origin)

    return router
