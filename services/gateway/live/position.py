"""Where in the log of `jobs.events` a page is, in words that every replica understands: what the
cursor of the streams seals.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

_CURSOR = re.compile(r"1-((?:[0-9a-f]{0,15}\.){0,255}[0-9a-f]{0,15})-(?:([0-9a-f]{1,3})\.([0-9a-f]{8}))?")


class Newest(NamedTuple):
    """The event before a position, by its partition and a checksum of its id. Offsets begin again when a topic is made
    anew; this tells that the event before them is another.
    """

    partition: int
    check: int


class Position(NamedTuple):
    """By partition, the offset of the next record. Of a partition that is missing nothing is known."""

    offsets: Mapping[int, int]
    newest: Newest | None = None

    def cursor(self) -> str:
        """Version, offsets in the order of their partitions, newest; in hexadecimal."""
        partitions = range(max(self.offsets, default=-1) + 1)
        offsets = ".".join(f"{self.offsets[one]:x}" if one in self.offsets else "" for one in partitions)
        newest = f"{self.newest.partition:x}.{self.newest.check:08x}" if self.newest else ""
        return f"1-{offsets}-{newest}"

    @classmethod
    def read(cls, cursor: str) -> "Position | None":
        """None: this is no cursor, or one of a release that writes them differently."""
        if not (parts := _CURSOR.fullmatch(cursor)):
            return None
        offsets, partition, check = parts.groups()
        return cls(
            {number: int(offset, 16) for number, offset in enumerate(offsets.split(".")) if offset},
            Newest(int(partition, 16), int(check, 16)) if partition else None,
        )


def check_of(event_id: UUID) -> int:
    return crc32(event_id.bytes)
