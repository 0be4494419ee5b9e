"""Those who run Jobwire: known by a token of the settings, not by a session."""

from hashlib import sha256
from hmac import compare_digest

from shared.settings import Settings

SHORTEST = 24


class Operators:
    def __init__(self, settings: Settings) -> None:
        """Raises ValueError for a token that is too short to be a secret. Without any, nobody is an operator."""
        tokens = [token.strip() for token in settings.ops_tokens.get_secret_value().split(",") if token.strip()]
        if any(len(token) < SHORTEST for token in tokens):
            raise ValueError(f"Each of JOBWIRE_OPS_TOKENS must have {SHORTEST} characters or more.")
        self._hashes = [_hash(token) for token in tokens]

    def include(self, token: str) -> bool:
        """Whether this is one of their tokens. It takes as long whichever it is like."""
        given = _hash(token)
        return any([compare_digest(given, one) for one in self._hashes])  # noqa: C419 - a list: each is compared


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
