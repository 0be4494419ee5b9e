"""What the outcomes of one partner add up to, in whole numbers alone: what was added can be taken back without a trace,
so that a sum that was changed a thousand times is the sum that somebody would make anew. Pure.
"""

import sys
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple, Self
from uuid import UUID

from services.matching.learning import ANSWERS, NO_ROOM, OFFERS, Sort
from shared.contracts.requests import RequestKind

Document = dict[str, Any]

COUNTED = ("leads", "open", "replied", "opened", "declined", "expired", "reviews", "rating_sum")
_KIND = RequestKind.MATCH.value
_A_DAY = 8
SECOND = 1_000_000
"""Reply times are summed in microseconds: sums of seconds depend on their order."""


class Outcome(NamedTuple):
    """What one job or lead adds to its partner's standing. The newer version of the same id replaces the older."""

    outcome_id: UUID
    version: int
    fields: Mapping[str, Any]

    @property
    def partner_id(self) -> UUID:
        partner_id: UUID = self.fields["partner_id"]
        return partner_id


class Days:
    """How many jobs a partner received on each day, and how many outcomes speak of that day, the first day first."""

    def __init__(self, packed: bytes = b"") -> None:
        size = len(packed) // _A_DAY
        self._days = _row("i", packed[: 4 * size])
        self._received = _row("h", packed[4 * size : 6 * size])
        self._told = _row("h", packed[6 * size :])

    def packed(self) -> bytes:
        """Eight bytes a day: as a document it would be five times as much to read and write for each event."""
        return b"".join(_bytes(row) for row in (self._days, self._received, self._told))

    def add(self, day: date, received: int, told: int) -> None:
        ordinal = day.toordinal()
        place = bisect_left(self._days, ordinal)
        if place == len(self._days) or self._days[place] != ordinal:
            for row, value in ((self._days, ordinal), (self._received, 0), (self._told, 0)):
                row.insert(place, value)
        self._received[place] += received
        self._told[place] += told
        if not self._told[place]:
            del self._days[place], self._received[place], self._told[place]

    @property
    def last(self) -> date | None:
        return date.fromordinal(self._days[-1]) if self._days else None

    def recent(self) -> Iterator[tuple[date, int]]:
        """The days that brought jobs, the last first."""
        for ordinal, received in zip(reversed(self._days), reversed(self._received), strict=True):
            if received:
                yield date.fromordinal(ordinal), received


def _row(kind: str, packed: bytes) -> "array[int]":
    row = array(kind, packed)
    if sys.byteorder == "big":
        row.byteswap()
    return row


def _bytes(row: "array[int]") -> bytes:
    return (_row(row.typecode, row.tobytes()) if sys.byteorder == "big" else row).tobytes()


class Sums:
    """`version` is the sum of the outcomes' versions, `services` the counts of each service with its `received` and
    its `reply_microseconds`; answers and offers are kept as the parts of `learning.Fading`.
    """

    def __init__(self) -> None:
        self.version = 0
        self.services: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.answers: dict[Sort, int] = defaultdict(int)
        self.days = Days()
        self.offered = 0
        self.without_room = 0

    def add(self, outcome: Outcome, sign: int = 1) -> None:
        """Take an outcome in, or with `sign` -1 out again. Documents of older releases lack some of its fields."""
        fields = outcome.fields
        self.version += sign * outcome.version
        counts = self.services[fields["service"]]
        for name in COUNTED:
            counts[name] += sign * (fields.get(name) or 0)
        counts["reply_microseconds"] += sign * round((fields.get("reply_seconds") or 0) * SECOND)
        counts["received"] += sign
        if not counts["received"]:
            del self.services[fields["service"]]
        if fields.get("day"):
            day = date.fromisoformat(fields["day"])
            self.days.add(day, sign * (1 - (fields.get("leads") or 0)), sign)
            self.offered += sign * (fields.get("offered") or 0) * OFFERS.parts(day)
        if fields.get("end") and fields.get("answered_on"):
            self._answered(fields, date.fromisoformat(fields["answered_on"]), sign)

    def _answered(self, fields: Mapping[str, Any], day: date, sign: int) -> None:
        sort = Sort(fields["service"], fields.get("band") or 0, fields.get("kind") or _KIND, fields["end"])
        self.days.add(day, 0, sign)
        self.answers[sort] += sign * ANSWERS.parts(day)
        if not self.answers[sort]:
            del self.answers[sort]
        if sort.end in NO_ROOM:
            self.without_room += sign * OFFERS.parts(day)

    def replace(self, before: Outcome | None, after: Outcome) -> bool:
        """Count `after` instead of `before`. Whether anything but the version is another one for it."""
        if before is not None and before.fields == after.fields:
            self.version += after.version - before.version
            return False
        if before is not None:
            self.add(before, -1)
        self.add(after)
        return True

    def document(self) -> Document:
        return {
            "version": self.version,
            "services": [[service, dict(counts)] for service, counts in self.services.items()],
            "answers": [[*sort, _packed(parts)] for sort, parts in self.answers.items()],
            "days": self.days.packed(),
            "offered": _packed(self.offered),
            "without_room": _packed(self.without_room),
        }

    @classmethod
    def of(cls, document: Document) -> Self:
        sums = cls()
        sums.version = document["version"]
        for service, counts in document["services"]:
            sums.services[service].update(counts)
        for service, band, kind, end, parts in document["answers"]:
            sums.answers[Sort(service, band, kind, end)] = _unpacked(parts)
        sums.days = Days(document["days"])
        sums.offered, sums.without_room = _unpacked(document["offered"]), _unpacked(document["without_room"])
        return sums


def _packed(parts: int) -> bytes:
    # Signed: what was read while another replica wrote may be short of what is taken out; that write is then refused.
    return parts.to_bytes(parts.bit_length() // 8 + 1, "big", signed=True)


def _unpacked(parts: bytes) -> int:
    return int.from_bytes(parts, "big", signed=True)
