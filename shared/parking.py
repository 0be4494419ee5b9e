"""Where records wait that this release cannot read: an event type or value of a newer one, a command for a document
that a newer one wrote.

Only their own aggregate waits with them: what follows for it is parked behind, in order, and everything else goes on.
A release that can read them handles them (`shared.consumer.Consumer.retry_parked`); until then nothing is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pymongo import UpdateOne

from shared.mongo import Collection, Document
from shared.records import Parked, Place, RawRecord

COLLECTION = "parked"


@dataclass(slots=True)
class ParkedRecord:
    """A record as it was fetched, from where it was parked."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Parking(Protocol):
    """The parked records of one consumer group."""

    async def places(self) -> dict[Place, int]:
        """Each aggregate that has parked records, with the partition that it lies in."""

    async def park(self, records: Sequence[Parked], now: datetime) -> None:
        """Keep them. One that is parked already stays as it was."""

    async def first(self, place: Place, at_most: int) -> list[ParkedRecord]:
        """The aggregate's oldest parked records, in the log's order."""

    async def release(self, records: Sequence[RawRecord]) -> None:
        """They have been handled."""


class MongoParking:
    """A `Parking` in the service's own database."""

    def __init__(self, collection: Collection, group: str) -> None:
        self._parked = collection
        self._group = group

    async def prepare(self) -> None:
        await self._parked.create_index([("group", 1), ("topic", 1), ("key", 1), ("offset", 1)])

    async def places(self) -> dict[Place, int]:
        fields = {"topic": 1, "key": 1, "partition": 1}
        return {
            Place(one["topic"], one["key"]): one["partition"]
            async for one in self._parked.find({"group": self._group}, fields)
        }

    async def park(self, records: Sequence[Parked], now: datetime) -> None:
        writes = [
            UpdateOne({"_id": self._id(one.raw)}, {"$setOnInsert": self._document(one, now)}, upsert=True)
            for one in records
        ]
        await self._parked.bulk_write(writes, ordered=False)

    async def first(self, place: Place, at_most: int) -> list[ParkedRecord]:
        theirs = {"group": self._group, **place._asdict()}
        cursor = self._parked.find(theirs).sort("offset", 1).limit(at_most)
        return [_record(document) async for document in cursor]

    async def release(self, records: Sequence[RawRecord]) -> None:
        await self._parked.delete_many({"_id": {"$in": [self._id(raw) for raw in records]}})

    def _id(self, raw: RawRecord) -> str:
        # With the time, since a topic that was made anew begins again at offset 0.
        return f"{self._group}/{raw.topic}/{raw.partition}/{raw.offset}/{raw.timestamp}"

    def _document(self, parked: Parked, now: datetime) -> Document:
        raw = parked.raw
        return {
            "group": self._group,
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
            "timestamp": raw.timestamp,
            "key": raw.key or b"",
            "value": raw.value,
            "headers": [list(header) for header in raw.headers],
            "reason": parked.reason,
            "detail": parked.detail[:2000],
            "parked_at": now,
        }


class MemoryParking:
    """A `Parking` in a dictionary."""

    def __init__(self) -> None:
        self._parked: dict[tuple[str, int, int, int], ParkedRecord] = {}

    async def places(self) -> dict[Place, int]:
        return {Place(raw.topic, raw.key or b""): raw.partition for raw in self._parked.values()}

    async def park(self, records: Sequence[Parked], now: datetime) -> None:  # noqa: ARG002 - nobody asks for the time
        for one in records:
            raw = one.raw
            self._parked.setdefault(
                _coordinates(raw),
                ParkedRecord(
                    raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers)
                ),
            )

    async def first(self, place: Place, at_most: int) -> list[ParkedRecord]:
        theirs = [raw for raw in self._parked.values() if Place(raw.topic, raw.key or b"") == place]
        return sorted(theirs, key=lambda raw: raw.offset)[:at_most]

    async def release(self, records: Sequence[RawRecord]) -> None:
        for raw in records:
            self._parked.pop(_coordinates(raw), None)


def _coordinates(raw: RawRecord) -> tuple[str, int, int, int]:
    return raw.topic, raw.partition, raw.offset, raw.timestamp


def _record(document: Document) -> ParkedRecord:
    headers = tuple((name, value) for name, value in document["headers"])
    fields = {name: document[name] for name in ("topic", "partition", "offset", "timestamp", "key", "value")}
    return ParkedRecord(**fields, headers=headers)
