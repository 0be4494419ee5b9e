"""From an invitation to a membership. Following the mailed link is the answer; there is no other form to fill in."""

from uuid import UUID

from starlette.responses import Response

from services.gateway.accounts import Accounts, Membership, Proof
from services.gateway.api.asking import Origin, asked
from services.gateway.sessions import NOWHERE, Session, Where
from shared.commands import Commander
from shared.contracts.partners import AcceptInvitation
from shared.http import Problem
from shared.topics import PARTNER_COMMANDS


class Joining:
    def __init__(self, accounts: Accounts, commander: Commander) -> None:
        self._accounts = accounts
        self._commander = commander

    async def open_session(
        self, token: str, attempt: str | None = None, *, proof: Proof, where: Where = NOWHERE
    ) -> Session:
        """As `Accounts.open_session`; whoever was invited by this link joins."""
        session = await self._accounts.open_session(token, attempt, proof=proof, where=where)
        if session.scope.partner_id is not None:
            invitation = await self._invitation(session.email, session.scope.partner_id)
            if invitation and not invitation.partner.suspended:  # else it has been taken back, or nobody joins it now
                await self._accept(invitation, Origin())
        return session

    async def accept(self, email: str, partner_id: UUID, origin: Origin) -> Response | None:
        """Join; gives the 202 where no answer came in time. Raises `Problem` 404 for who is not invited, and as
        `asked`.
        """
        invitation = await self._invitation(email, partner_id)
        if invitation is None:
            raise Problem(404, "not_found", "There is no such invitation.")
        return await self._accept(invitation, origin)

    async def _invitation(self, email: str, partner_id: UUID) -> Membership | None:
        invitations = await self._accounts.invitations(email)
        return next((one for one in invitations if one.partner.partner_id == partner_id), None)

    async def _accept(self, invitation: Membership, origin: Origin) -> Response | None:
        answer = await asked(
            self._commander,
            PARTNER_COMMANDS,
            AcceptInvitation(actor=invitation.actor()),
            invitation.partner.partner_id,
            who=str(invitation.member.member_id),
            origin=origin,
            location="/api/v1/me",
        )
        return answer if isinstance(answer, Response) else None
