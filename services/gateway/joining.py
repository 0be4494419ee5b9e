"""From an invitation to a membership. Following the mailed link is the answer; there is no other form to fill in."""

from uuid import UUID

from starlette.responses import Response

from services.gateway.accounts import Accounts, Proof
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
        inviting = session.scope.partner_id
        if inviting is not None:
            invitations = await self._accounts.invitations(session.email)
            invited = [one.partner.partner_id for one in invitations if not one.partner.suspended]
            if inviting in invited:  # else it has been taken back, or nobody joins it now
                await self.accept(session.email, inviting, Origin())
        return session

    async def accept(self, email: str, partner_id: UUID, origin: Origin) -> Response | None:
        """Join; gives the 202 where no answer came in time. Raises `Problem` 404 for who is not invited, and as
        `asked`.
        """
        for invitation in await self._accounts.invitations(email):
            if invitation.partner.partner_id == partner_id:
                command = AcceptInvitation(actor=invitation.actor())
                answer = await asked(
                    self._commander,
                    PARTNER_COMMANDS,
                    command,
                    partner_id,
                    who=str(invitation.member.member_id),
                    origin=origin,
                    location="/api/v1/me",
                )
                return answer if isinstance(answer, Response) else None
        raise Problem(404, "not_found", "There is no such invitation.")
