"""Sign-in and sign-out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Accounts
from services.gateway.api.answers import ASKED, BUSY, SESSION
from services.gateway.api.asking import OriginHeader
from services.gateway.api.views_partner import MembershipView, membership_view
from services.gateway.joining import Joining
from services.gateway.signed_in import SignedIn
from shared.contracts.base import Locale
from shared.doors import Address, Body


class SignIn(Body):
    email: Address


class Token(Body):
    token: Annotated[str, Field(min_length=1, max_length=2000)]


class SessionView(BaseModel):
    token: str
    expires_at: datetime


class NewAddress(Body):
    """`locale` is the language of the mail."""

    email: Address
    locale: Locale = Locale.EN


class Me(BaseModel):
    """`invitations` are teams that wait for you to join."""

    memberships: list[MembershipView]
    invitations: list[MembershipView]
    merchant_id: UUID | None


class Asked(BaseModel):
    detail: str = "If we know this address, a link is on its way."


def sessions_api(accounts: Accounts, joining: Joining, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["sign-in"])

    @router.post("/sign-in", status_code=202, responses=BUSY)
    async def sign_in(body: SignIn, background: BackgroundTasks) -> Asked:
        """Have a sign-in link mailed. The answer, and how long it takes, is the same for any address."""
        background.add_task(accounts.request_sign_in, body.email)
        return Asked()

    @router.post("/registrations", status_code=202, responses=BUSY)
    async def register(body: NewAddress, background: BackgroundTasks) -> Asked:
        """Have a link mailed to an address that is new here. With its session an organisation can be registered."""
        background.add_task(accounts.request_sign_in, body.email, body.locale)
        return Asked(detail="A link is on its way.")

    @router.post("/sessions", status_code=201, responses={**BUSY, 401: {"description": "The link is no good."}})
    async def open_session(body: Token, origin: OriginHeader) -> SessionView:
        """Exchange a mailed token, once, for a session. An invitation's token joins the team. Who sends a secret
        `Idempotency-Key` and loses the answer gets the same session by sending the same again.
        """
        session = await joining.open_session(body.token, origin.key)
        return SessionView(token=session.token, expires_at=session.expires_at)

    @router.delete("/sessions/current", status_code=204, responses=SESSION)
    async def close_session(
        token: Annotated[str, Depends(signed_in.token)], _email: Annotated[str, Depends(signed_in.email)]
    ) -> Response:
        await accounts.close_session(token)
        return Response(status_code=204)

    @router.get("/me", responses=SESSION)
    async def me(email: Annotated[str, Depends(signed_in.email)]) -> Me:
        """Who you are here."""
        merchant = await accounts.merchant(email)
        memberships, invitations = await accounts.teams(email)
        return Me(
            memberships=[membership_view(one) for one in memberships],
            invitations=[membership_view(one) for one in invitations],
            merchant_id=merchant.merchant_id if merchant else None,
        )

    @router.post("/invitations/{partner_id}/accept", status_code=204, responses=ASKED)
    async def accept(
        partner_id: UUID, email: Annotated[str, Depends(signed_in.email)], origin: OriginHeader
    ) -> Response:
        """Join a team that has invited you."""
        return await joining.accept(email, partner_id, origin) or Response(status_code=204)

    return router
