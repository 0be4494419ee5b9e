"""Who is asking: from the bearer token to a team member, a merchant or an operator."""

from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.gateway.accounts import Accounts, Membership, Merchant
from services.gateway.operators import Operator, Operators
from services.gateway.sessions import Session, Where, device_of
from shared.client_ip import Networks
from shared.http import Problem
from shared.security_events import SecurityEvent, SecurityLog

_bearer = HTTPBearer(auto_error=False, description="The token of POST /api/v1/sessions")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

# The same header. A scheme of its own tells in the API's document which operations are open to operators, too.
_operators_bearer = HTTPBearer(
    auto_error=False, scheme_name="Operator", description="One of the tokens of those who run Jobwire"
)
OperatorsBearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_operators_bearer)]


SIGN_IN_AGAIN = "This session came by a link for another role. Sign in by your address."
SUSPENDED = "This organisation is suspended: it takes no part in Jobwire until it is restored."


class Somebody(NamedTuple):
    """A person in every role that the session is good for."""

    session: Session
    memberships: list[Membership]
    merchant: Merchant | None


class SignedIn:
    """Dependencies for routes. Each answers 401 without a session, and 403 where the address has no such role, or the
    session was opened for another one.
    """

    def __init__(self, accounts: Accounts, operators: Operators, networks: Networks, security: SecurityLog) -> None:
        self._accounts = accounts
        self._operators = operators
        self._networks = networks
        self._security = security

    def where(self, request: Request) -> Where:
        return Where(self._networks.of(request), device_of(request.headers.get("user-agent", "")[:400]))

    async def token(self, bearer: Bearer) -> str:
        if bearer is None:
            raise Problem(401, "sign_in", "Sign in and send the session's token as Authorization: Bearer.")
        return bearer.credentials

    async def session(self, request: Request, bearer: Bearer) -> Session:
        return await self._accounts.sessions.current(await self.token(bearer), self.where(request))

    async def email(self, request: Request, bearer: Bearer) -> str:
        """The address, for what concerns all of its roles."""
        session = await self.session(request, bearer)
        if not session.scope.is_whole:
            raise self._refused("sign_in_again", SIGN_IN_AGAIN)
        return session.email

    async def member(
        self, request: Request, bearer: Bearer, jobwire_partner: Annotated[UUID | None, Header()] = None
    ) -> Membership:
        """The member that is asking. Who belongs to several teams names one in the header `Jobwire-Partner`; else the
        first counts.
        """
        named = await self._named(request, bearer, jobwire_partner)
        for membership in named:
            if not membership.partner.suspended:
                return membership
        raise self._refused("suspended", SUSPENDED)

    async def even_suspended(
        self, request: Request, bearer: Bearer, jobwire_partner: Annotated[UUID | None, Header()] = None
    ) -> Membership:
        """As `member`, and whoever is in a suspended organisation's team, to learn that it is."""
        named = await self._named(request, bearer, jobwire_partner)
        return next((one for one in named if not one.partner.suspended), named[0])

    async def _named(self, request: Request, bearer: Bearer, partner_id: UUID | None) -> list[Membership]:
        """The teams that are meant and that the session reaches, at least one. Raises `Problem` 403."""
        session = await self.session(request, bearer)
        memberships = await self._accounts.memberships(session.email)
        theirs = [one for one in memberships if partner_id in (None, one.partner.partner_id)]
        reached = [one for one in theirs if session.scope.allows_partner(one.partner.partner_id)]
        if reached:
            return reached
        if theirs:
            raise self._refused("sign_in_again", SIGN_IN_AGAIN)
        raise self._refused("no_partner", "You are in no such partner's team.")

    async def member_or_operator(
        self,
        request: Request,
        bearer: Bearer,
        operators_bearer: OperatorsBearer,
        jobwire_partner: Annotated[UUID | None, Header()] = None,
    ) -> Membership | Operator:
        """An operator by its token; as `member` for everybody else."""
        return self._operator(operators_bearer) or await self.member(request, bearer, jobwire_partner)

    async def operator(self, request: Request, operators_bearer: OperatorsBearer) -> Operator:
        """The operator that is asking, by its token."""
        if operator := self._operator(operators_bearer):
            return operator
        self._security.event(SecurityEvent.OPERATOR_REFUSED)
        await self.session(request, operators_bearer)
        raise self._refused("forbidden", "This is for those who run Jobwire.")

    def _operator(self, bearer: HTTPAuthorizationCredentials | None) -> Operator | None:
        return self._operators.named(bearer.credentials) if bearer is not None else None

    async def admin(
        self, request: Request, bearer: Bearer, jobwire_partner: Annotated[UUID | None, Header()] = None
    ) -> Membership:
        """As `member`, for owners and admins only."""
        member = await self.member(request, bearer, jobwire_partner)
        if not member.administers:
            raise self._refused("forbidden", "Only owners and admins can change this.")
        return member

    async def merchant(self, request: Request, bearer: Bearer) -> Merchant:
        session = await self.session(request, bearer)
        merchant = await self._accounts.merchant(session.email)
        if merchant is None and await self._accounts.merchants_are_behind():
            raise Problem(503, "catching_up", "The newest requests are not here yet. Try again in a few minutes.")
        if merchant is None:
            raise self._refused("no_merchant", "This address has made no confirmed request.")
        if not session.scope.allows_merchant:
            raise self._refused("sign_in_again", SIGN_IN_AGAIN)
        return merchant

    async def somebody(self, request: Request, bearer: Bearer) -> Somebody:
        """Whoever is asking, without the roles that a suspended organisation has taken along."""
        session = await self.session(request, bearer)
        scope, memberships = session.scope, await self._accounts.memberships(session.email)
        merchant = await self._accounts.merchant(session.email) if scope.allows_merchant else None
        reached = [one for one in memberships if scope.allows_partner(one.partner.partner_id)]
        return Somebody(session, [one for one in reached if not one.partner.suspended], merchant)

    def _refused(self, code: str, detail: str) -> Problem:
        """Somebody who is signed in, and asks for what is not theirs to ask."""
        self._security.event(SecurityEvent.ACCESS_REFUSED, reason=code)
        return Problem(403, code, detail)
