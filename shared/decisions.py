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
