"""The words in which pure rules answer (the Decider pattern)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from shared.contracts.base import Message


@dataclass(frozen=True, slots=True)
class Rejection:
    """A business answer: the command is understood and refused. `code` is stable, `reason` an English sentence."""

    code: str
    reason: str


class Timer(NamedTuple):
    """What an aggregate has to be told, and when."""

    kind: str
    due_at: datetime


Decision = Sequence[Message] | Rejection
"""The facts that follow, none if nothing changes; or the refusal."""

VERSION_MISMATCH = "version_mismatch"


def unless_overtaken(decision: Decision, expected: int | None, changed: int | None, version: int) -> Decision:
    """The decision to replace a whole, refused where its sender has not seen what is there: it saw the aggregate at
    version `expected`, and that part was changed last at `changed` (None where nobody kept it: then it may have been
    any of the aggregate's changes). `version` is the aggregate's.

    What else has happened to the aggregate refuses nobody, and what changes nothing is refused to nobody.
    """
    if expected is None or isinstance(decision, Rejection) or not decision:
        return decision
    if (version if changed is None else changed) <= expected <= version:
        return decision
    return Rejection(VERSION_MISMATCH, "Somebody was faster: what you replace is not what you saw. Look again.")
