"""What the owner of an aggregate answers to a command."""

from typing import Any

from shared.contracts.base import Message


class CommandApplied(Message):
    """`version` and `snapshot` are the aggregate's after the command (or later, when the answer is a repeated one)."""

    version: int
    snapshot: dict[str, Any]


class CommandRejected(Message):
    """A business answer. `code` is stable and machine-readable, `reason` an English sentence."""

    code: str
    reason: str


REPLIES = (CommandApplied, CommandRejected)
