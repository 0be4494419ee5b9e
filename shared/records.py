"""A record on its way through a consumer: as it was fetched, as it was parsed, and as it is put aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

REPLAY_HEADER = "x-replay-id"
FOR_GROUP_HEADER = "x-for-group"
"""The one group that a redriven record is for. Everybody else has handled it."""


class RawRecord(Protocol):
    """What is needed of aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Place(NamedTuple):
    """One aggregate in one topic (by its name on the broker): what keeps its order."""

    topic: str
    key: bytes


def place_of(raw: RawRecord) -> Place:
    return Place(raw.topic, raw.key or b"")


def header_of(raw: RawRecord, wanted: str) -> str | None:
    """The header's text, if the record has it. Headers are checked to be UTF-8 before."""
    return next(((value or b"").decode() for name, value in raw.headers if name == wanted), None)


@dataclass(frozen=True, slots=True)
class Received:
    """A parsed record and where it stood. `at` is the log's time, the only clock that rules may use. `fetched_from` is
    the offset of the first record of its partition that was fetched with it: all before that were handled to their end.
    """

    record: Any
    at: datetime
    raw: RawRecord
    fetched_from: int | None = None

    @property
    def since(self) -> int:
        """`fetched_from`, or where it stands itself if it came alone."""
        return self.raw.offset if self.fetched_from is None else self.fetched_from

    @property
    def replayed(self) -> bool:
        """Whether an operator sent it again: nobody outside is told of a replayed record."""
        return any(name == REPLAY_HEADER for name, _ in self.raw.headers)


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that goes to the dead letters, and why."""

    raw: RawRecord
    reason: str
    detail: str
    bug: bool = False


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that this release cannot read, or that follows one of its aggregate: it waits for a release that can."""

    raw: RawRecord
    reason: str
    detail: str


Aside = Dead | Parked
