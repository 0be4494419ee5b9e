"""The words in which pure rules answer (the Decider pattern)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.base import Message


@dataclass(frozen=True, slots=True)
class Rejection:
    """A business answer: the command is understood and refused. `code` is stable, `reason` an English sentence."""

    code: str
    reason: str


Decision = Sequence[Message] | Rejection
"""The facts that follow, none if nothing changes; or the refusal."""
