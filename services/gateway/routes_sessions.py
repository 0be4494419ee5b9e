"""Sign-in and sign-out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Accounts
from services.gateway.signed_in import SignedIn
from shared.contracts.partners import Role
from shared.http import Address


class SignIn(BaseModel):
    email: Address


class Token(BaseModel):
    token: Annotated[str, Field(min_length=1, max_length=2000)]


class SessionView(BaseModel):
    token: str
    expires_at: datetime


class MembershipView(BaseModel):
    partner_id: UUID
    partner_name: str
    member_id: UUID
    name: str
    role: Role


class Me(BaseModel):
    memberships: list[MembershipView]
    merchant_id: UUID | None


class Asked(BaseModel):
    detail: str = "If we know this address, a link is on its way."


def sessions_api(accounts: Accounts, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["sign-in"])

    @router.post("/sign-in", status_code=202)
    async def sign_in(body: SignIn, background: BackgroundTasks) -> Asked:
        """Have a sign-in link mailed. The answer, and how long it takes, is the same for any address."""
        background.add_task(accounts.request_sign_in, body.email)
        return Asked()

    @router.post("/sessions", status_code=201)
    async def open_session(body: Token) -> SessionView:
        """Exchange a mailed token, once, for a session."""
        session = await accounts.open_session(body.token)
        return SessionView(token=session.token, expires_at=session.expires_at)

    @router.delete("/sessions/current", status_code=204)
    async def close_session(token: Annotated[str, Depends(signed_in.token)]) -> Response:
        await accounts.close_session(token)
        return Response(status_code=204)

    @router.get("/me")
    async def me(who: Annotated[tuple, Depends(signed_in.somebody)]) -> Me:  # type: ignore[type-arg]  # FastAPI reads the bare type
        memberships, merchant = who
        return Me(
            memberships=[
                MembershipView(
                    partner_id=one.partner.partner_id,
                    partner_name=one.partner.profile.name,
                    member_id=one.member.member_id,
                    name=one.member.name,
                    role=one.member.role,
                )
                for one in memberships
            ],
            merchant_id=merchant.merchant_id if merchant else None,
        )

    return router
