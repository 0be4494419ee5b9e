"""Sign-in and sign-out."""

from datetime import datetime
from secrets import token_urlsafe
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Accounts, Proof, digest_of
from services.gateway.api.answers import ASKED, BUSY, OFTEN, READ, SESSION, SIGNED_IN, Answers
from services.gateway.api.asking import OriginHeader
from services.gateway.api.views_partner import MembershipView, membership_view
from services.gateway.joining import Joining
from services.gateway.limits import Act, ActLimits, Counting
from services.gateway.sessions import Session, hash_of, id_of
from services.gateway.signed_in import SignedIn
from shared.contracts.base import Locale
from shared.doors import Address, Body
from shared.http import Problem
from shared.security_events import SecurityEvent, SecurityLog

NOT_OPENED: Answers = {401: {"description": "The link is no good, or nothing shows that it was mailed to you."}}


class SignIn(Body):
    email: Address


class Token(Body):
    """A mailed token, with `asked`, the secret that the answer to your asking held, or the `email` that it was mailed
    to: a program that only follows links has neither.
    """

    token: Annotated[str, Field(min_length=1, max_length=2000)]
    asked: Annotated[str, Field(max_length=100)] = ""
    email: Address | None = None


class SessionView(BaseModel):
    token: str
    expires_at: datetime


class OpenSession(BaseModel):
    """A session of yours: when and from where it was used last. `role` is what it is good for: `all`, or what the link
    was for that opened it.
    """

    session_id: UUID
    current: bool
    role: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    network: str
    device: str


class OpenSessions(BaseModel):
    sessions: list[OpenSession]


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
    """Keep `asked` and send it with the mailed token: it shows that it was you who asked."""

    detail: str = "If we know this address, a link is on its way."
    asked: str


def sessions_api(  # noqa: C901 - a list of routes
    accounts: Accounts, joining: Joining, signed_in: SignedIn, limits: ActLimits, security: SecurityLog
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["sign-in"])
    Email = Annotated[str, Depends(signed_in.email)]  # noqa: N806 - a type

    @router.post("/sign-in", status_code=202, responses={**BUSY, **OFTEN})
    async def sign_in(body: SignIn, request: Request, background: BackgroundTasks) -> Asked:
        """Have a sign-in link mailed. The answer, and how long it takes, is the same for any address."""
        await limits.count(Act.ASK_LINK, Counting(network=signed_in.where(request).network))
        asked = token_urlsafe()
        background.add_task(accounts.request_sign_in, body.email, asked_by=digest_of(asked))
        return Asked(asked=asked)

    @router.post("/registrations", status_code=202, responses={**BUSY, **OFTEN})
    async def register(body: NewAddress, request: Request, background: BackgroundTasks) -> Asked:
        """Have a link mailed to an address that is new here. With its session an organisation can be registered."""
        await limits.count(Act.ASK_NEWCOMERS_LINK, Counting(network=signed_in.where(request).network))
        asked = token_urlsafe()
        background.add_task(accounts.request_sign_in, body.email, body.locale, asked_by=digest_of(asked))
        return Asked(detail="A link is on its way.", asked=asked)

    @router.post("/sessions", status_code=201, responses={**BUSY, **NOT_OPENED})
    async def open_session(body: Token, request: Request, origin: OriginHeader) -> SessionView:
        """Exchange a mailed token, once, for a session. An invitation's token joins the team. Who sends a secret
        `Idempotency-Key` and loses the answer gets the same session by sending the same again.
        """
        proof = Proof(asked=body.asked, email=body.email or "")
        session = await joining.open_session(body.token, origin.key, proof=proof, where=signed_in.where(request))
        return SessionView(token=session.token, expires_at=session.expires_at)

    @router.get("/sessions", responses=SIGNED_IN)
    async def sessions(email: Email, token: Annotated[str, Depends(signed_in.token)]) -> OpenSessions:
        """Where you are signed in, the session used last first."""
        current = id_of(hash_of(token))
        listed = await accounts.sessions.listed(email)
        return OpenSessions(
            sessions=[
                OpenSession(
                    session_id=one.session_id,
                    current=one.session_id == current,
                    role="all" if one.scope.is_whole else "merchant" if one.scope.merchant else "partner",
                    created_at=one.created_at,
                    last_used_at=one.last_used_at,
                    expires_at=one.expires_at,
                    network=one.where.network,
                    device=one.where.device,
                )
                for one in listed
            ]
        )

    @router.delete("/sessions/current", status_code=204, responses=SESSION)
    async def close_session(
        token: Annotated[str, Depends(signed_in.token)], _session: Annotated[Session, Depends(signed_in.session)]
    ) -> Response:
        """Sign out here."""
        await accounts.sessions.close(token)
        security.event(SecurityEvent.SIGNED_OUT, which="current")
        return Response(status_code=204)

    @router.delete("/sessions/{session_id:uuid}", status_code=204, responses=READ)
    async def close_one(session_id: UUID, email: Email) -> Response:
        """Sign out somewhere else."""
        if not await accounts.sessions.close_listed(email, session_id):
            raise Problem(404, "not_found", "You have no such session.")
        security.event(SecurityEvent.SIGNED_OUT, which="one")
        return Response(status_code=204)

    @router.delete("/sessions", status_code=204, responses=SIGNED_IN)
    async def close_others(email: Email, token: Annotated[str, Depends(signed_in.token)]) -> Response:
        """Sign out everywhere but here."""
        await accounts.sessions.close_all(email, but=token)
        security.event(SecurityEvent.SIGNED_OUT, which="others")
        return Response(status_code=204)

    @router.get("/me", responses=SIGNED_IN)
    async def me(session: Annotated[Session, Depends(signed_in.session)]) -> Me:
        """Who you are here, as far as this session goes."""
        scope = session.scope
        merchant = await accounts.merchant(session.email) if scope.allows_merchant else None
        teams = await accounts.teams(session.email)
        memberships, invitations = [
            [one for one in named if scope.allows_partner(one.partner.partner_id)] for named in teams
        ]
        return Me(
            memberships=[membership_view(one) for one in memberships],
            invitations=[membership_view(one) for one in invitations],
            merchant_id=merchant.merchant_id if merchant else None,
        )

    @router.post("/invitations/{partner_id}/accept", status_code=204, responses=ASKED)
    async def accept(
        partner_id: UUID, session: Annotated[Session, Depends(signed_in.session)], origin: OriginHeader
    ) -> Response:
        """Join a team that has invited you."""
        if not session.scope.allows_partner(partner_id):
            raise Problem(404, "not_found", "There is no such invitation.")
        return await joining.accept(session.email, partner_id, origin) or Response(status_code=204)

    return router
