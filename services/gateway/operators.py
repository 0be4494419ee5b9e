"""Those who run Jobwire: known by a token of the settings and not by a session, each by one of their own."""

import re
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from shared.contracts.base import Actor, ActorKind
from shared.settings import Settings

SHORTEST = 24
NAME = re.compile(r"[a-z0-9._-]{2,40}")


@dataclass(frozen=True)
class Operator:
    """Somebody who runs Jobwire. The name is for operators alone: to everybody else it is the marketplace that acts."""

    name: str

    def actor(self) -> Actor:
        return Actor(kind=ActorKind.OPERATOR, name=self.name)


class Operators:
    def __init__(self, settings: Settings) -> None:
        """Raises ValueError for a token that is nobody's, several people's, or too short to be a secret; it never says
        which token. Without any, nobody is an operator.
        """
        entries = [entry.strip() for entry in settings.ops_tokens.get_secret_value().split(",") if entry.strip()]
        self._known = [_operator(entry) for entry in entries]
        if len({hashed for hashed, _ in self._known}) < len(self._known):
            raise ValueError("JOBWIRE_OPS_TOKENS names one token twice: each person needs a token of their own.")

    def named(self, token: str) -> Operator | None:
        """Whose token this is. It takes as long whichever it is like."""
        given = _hash(token)
        found = [operator for hashed, operator in self._known if compare_digest(given, hashed)]
        return found[0] if found else None


def _operator(entry: str) -> tuple[bytes, Operator]:
    name, separator, token = (part.strip() for part in entry.partition(":"))
    if not separator or not NAME.fullmatch(name):
        raise ValueError(
            "JOBWIRE_OPS_TOKENS is a list of name:token, one for each person: a name has 2 to 40 of a-z, 0-9, dot, "
            "underscore and hyphen. A token without a name is not accepted: each act is recorded under its name."
        )
    if len(token) < SHORTEST:
        raise ValueError(f"Each token of JOBWIRE_OPS_TOKENS must have {SHORTEST} characters or more.")
    return _hash(token), Operator(name)


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
