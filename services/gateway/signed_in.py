"""Who is asking: from the bearer token to a team member, a merchant or an operator."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.gateway.accounts import Accounts, Membership, Merchant
from services.gateway.operators import Operators
from shared.http import Problem

_bearer = HTTPBearer(auto_error=False, description="The token of POST /api/v1/sessions")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

# The same header. A scheme of its own tells in the API's document which operations are open to operators, too.
_operators_bearer = HTTPBearer(
    auto_error=False, scheme_name="Operator", description="One of the tokens of those who run Jobwire"
)
OperatorsBearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_operators_bearer)]


@dataclass(frozen=True)
class Operator:
    """Somebody who runs Jobwire. Which of them is not known."""


class SignedIn:
    """Dependencies for routes. Each answers 401 without a session, and 403 where the address has no such role."""

    def __init__(self, accounts: Accounts, operators: Operators) -> None:
        self._accounts = accounts
        self._operators = operators

    async def token(self, bearer: Bearer) -> str:
        if bearer is None:
            raise Problem(401, "sign_in", "Sign in and send the session's token as Authorization: Bearer.")
        return bearer.credentials

    async def email(self, bearer: Bearer) -> str:
        return await self._accounts.email_of_session(await self.token(bearer))

    async def member(self, bearer: Bearer, jobwire_partner: Annotated[UUID | None, Header()] = None) -> Membership:
        """The member that is asking. Who belongs to several teams names one in the header `Jobwire-Partner`; else the
        first counts.
        """
        memberships = await self._accounts.memberships(await self.email(bearer))
        for membership in memberships:
            if jobwire_partner in (None, membership.partner.partner_id):
                return membership
        raise Problem(403, "no_partner", "You are in no such partner's team.")

    async def member_or_operator(
        self,
        bearer: Bearer,
        operators_bearer: OperatorsBearer,
        jobwire_partner: Annotated[UUID | None, Header()] = None,
    ) -> Membership | Operator:
        """An operator by its token; as `member` for everybody else."""
        if operators_bearer is not None and self._operators.include(operators_bearer.credentials):
            return Operator()
        return await self.member(bearer, jobwire_partner)

    async def admin(self, bearer: Bearer, jobwire_partner: Annotated[UUID | None, Header()] = None) -> Membership:
        """As `member`, for owners and admins only."""
        member = await self.member(bearer, jobwire_partner)
        if not member.administers:
            raise Problem(403, "forbidden", "Only owners and admins can change this.")
        return member

    async def merchant(self, bearer: Bearer) -> Merchant:
        merchant = await self._accounts.merchant(await self.email(bearer))
        if merchant is None and await self._accounts.merchants_are_behind():
            raise Problem(503, "catching_up", "The newest requests are not here yet. Try again in a few minutes.")
        if merchant is None:
            raise Problem(403, "no_merchant", "This address has made no confirmed request.")
        return merchant

    async def somebody(self, bearer: Bearer) -> tuple[list[Membership], Merchant | None]:
        email = await self.email(bearer)
        return await self._accounts.memberships(email), await self._accounts.merchant(email)
