"""The browser that sent a form. It confirms with one press; any other, and a scanner that presses buttons, has to say
to whom the link was mailed.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.contracts.requests import CONFIRM_WITHIN_SECONDS
from shared.links import BadLink, Links
from shared.settings import Settings


class Asker:
    """Remembered in the browser itself, one signed cookie for each request."""

    def __init__(self, links: Links, settings: Settings) -> None:
        self._links = links
        self._secure = settings.leads_url.startswith("https://")

    def remember(self, response: Response, request_id: UUID) -> None:
        response.set_cookie(
            self._name(request_id),
            self._links.sign("asker", request_id),
            CONFIRM_WITHIN_SECONDS,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def is_this_browser(self, request: Request, request_id: UUID) -> bool:
        try:
            found, _ = self._links.read(
                "asker", request.cookies.get(self._name(request_id), ""), CONFIRM_WITHIN_SECONDS
            )
        except BadLink:
            return False
        return found == request_id

    def _name(self, request_id: UUID) -> str:
        return f"{'__Host-' if self._secure else ''}jobwire-asker-{request_id.hex[:12]}"
