"""Who is asking: from the bearer token to a team member or a merchant."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.gateway.accounts import Accounts, Membership, Merchant
from shared.http import Problem

_bearer = HTTPBearer(auto_error=False, description="The token of POST /api/v1/sessions")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class SignedIn:
    """Dependencies for routes. Each answers 401 without a session, and 403 where the address has no such role."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

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

    async def admin(self, bearer: Bearer, jobwire_partner: Annotated[UUID | None, Header()] = None) -> Membership:
        """As `member`, for owners and admins only."""
        member = await self.member(bearer, jobwire_partner)
        if not member.administers:
            raise Problem(403, "forbidden", "Only owners and admins can change this.")
        return member

    async def merchant(self, bearer: Bearer) -> Merchant:
        merchant = await self._accounts.merchant(await self.email(bearer))
        if merchant is None:
            raise Problem(403, "no_merchant", "This address has made no confirmed request.")
        return merchant

    async def somebody(self, bearer: Bearer) -> tuple[list[Membership], Merchant | None]:
        email = await self.email(bearer)
        return await self._accounts.memberships(email), await self._accounts.merchant(email)
