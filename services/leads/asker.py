"""The browser that sent a form. It confirms with one press; any other, and a scanner that presses buttons, has to say
to whom the link was mailed.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.contracts.requests import CONFIRM_WITHIN_SECONDS
from shared.cookies import Cookies
from shared.links import BadLink, Links
from shared.settings import Settings


class Asker:
    """Remembered in the browser itself, one signed cookie for each request."""

    def __init__(self, links: Links, settings: Settings) -> None:
        self._links = links
        self._cookies = Cookies(settings.leads_url)

    def remember(self, response: Response, request_id: UUID) -> None:
        signed = self._links.sign("asker", request_id)
        self._cookies.set(response, _name(request_id), signed, CONFIRM_WITHIN_SECONDS)

    def is_this_browser(self, request: Request, request_id: UUID) -> bool:
        try:
            signed = self._cookies.get(request, _name(request_id))
            found, _ = self._links.read("asker", signed, CONFIRM_WITHIN_SECONDS)
        except BadLink:
            return False
        return found == request_id


def _name(request_id: UUID) -> str:
    return f"jobwire-asker-{request_id.hex[:12]}"
