"""The signed links in mails. Their secret travels in the mail only: no topic, database or log ever holds a token."""

from typing import Any, Literal
from uuid import UUID

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from shared.settings import Settings

Purpose = Literal[
    "sign-in",
    "merchant-link",
    "confirm-request",
    "invitation",
    "helped",
    "lead-review",
    "unsubscribe",
    "asker",
    "address",
]


class BadLink(Exception):  # noqa: N818 - what the person sees
    """`code` is `link_expired` or `link_invalid`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Links:
    """Signs and reads tokens. A token is bound to its purpose, so that one kind of link never opens another's door."""

    def __init__(self, settings: Settings) -> None:
        # itsdangerous signs with the last key and accepts all; the settings name the current one first.
        self._keys = list(reversed(settings.keys))

    def sign(self, purpose: Purpose, about: UUID, claims: dict[str, str] | None = None) -> str:
        return self._serializer(purpose).dumps({"id": str(about), **(claims or {})})

    def read(self, purpose: Purpose, token: str, max_age_seconds: int) -> tuple[UUID, dict[str, Any]]:
        """The id and claims that were signed. Raises `BadLink`."""
        try:
            claims = self._serializer(purpose).loads(token, max_age=max_age_seconds)
            return UUID(claims["id"]), claims
        except SignatureExpired:
            raise BadLink("link_expired") from None
        except (BadSignature, KeyError, TypeError, ValueError):
            raise BadLink("link_invalid") from None

    def _serializer(self, purpose: Purpose) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._keys, salt=f"jobwire.{purpose}")
