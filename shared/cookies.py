"""Cookies of our own: for one site alone, unseen by scripts, and sent with no other site's forms."""

from starlette.requests import Request
from starlette.responses import Response


class Cookies:
    """`url` is where people reach the site: under https nobody on the way reads its cookies, and no other name of its
    domain sets them.
    """

    def __init__(self, url: str) -> None:
        self._secure = url.startswith("https://")

    def get(self, request: Request, name: str) -> str:
        """Empty where there is none."""
        return request.cookies.get(self._full(name), "")

    def set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(self._full(name), value, seconds, secure=self._secure, httponly=True, samesite="lax")

    def _full(self, name: str) -> str:
        return f"__Host-{name}" if self._secure else name
