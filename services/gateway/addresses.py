"""An organisation's address for notifications: nothing but the question goes to it before somebody there says yes."""

from uuid import UUID

from services.gateway.accounts import LINK_SECONDS
from services.gateway.api.asking import Origin, asked
from shared.commands import Commander
from shared.contracts.base import SYSTEM, address_key
from shared.contracts.partners import ConfirmNotificationAddress
from shared.http import Problem
from shared.links import BadLink, Links
from shared.topics import PARTNER_COMMANDS


class Addresses:
    def __init__(self, links: Links, commander: Commander) -> None:
        self._links = links
        self._commander = commander

    async def confirm(self, token: str, typed: str) -> None:
        """Raises `Problem`: 400 for a bad link, 422 `address_needed` where it was mailed to another address than the
        one that was typed, and as `asked`.
        """
        try:
            _, claims = self._links.read("address", token, LINK_SECONDS)
            partner_id, email = UUID(claims["partner"]), str(claims["email"])
        except (BadLink, KeyError, ValueError):
            raise Problem(400, "link_invalid", "This link is no longer good.") from None
        if address_key(typed) != address_key(email):
            raise Problem(422, "address_needed", "This link was mailed to another address.")
        command = ConfirmNotificationAddress(email=email, actor=SYSTEM)
        location = "/api/v1/preferences"
        await asked(
            self._commander, PARTNER_COMMANDS, command, partner_id, who=email, origin=Origin(), location=location
        )
