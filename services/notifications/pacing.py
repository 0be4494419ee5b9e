"""At most so many leads for one partner in any hour; what is more waits its turn.

The unit is the lead and not the mail: the members of a team who are told of one lead are told at the same time. Each
partner has one document with the times that are taken, changed by compare-and-set, because leads of one partner lie in
several partitions. A lead that has its time keeps it, so that a redelivered one waits no longer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from shared.mongo import Collection, Document

PER_HOUR = 3
HOUR = timedelta(hours=1)


def next_due(taken: Sequence[datetime], now: datetime) -> datetime:
    """The first moment that is not before `now`, not before any that is taken, and leaves no hour with more than
    `PER_HOUR`. `taken` is in order.
    """
    earliest = [now, *taken[-1:]]
    if len(taken) >= PER_HOUR:
        earliest.append(taken[-PER_HOUR] + HOUR)
    return max(earliest)


class Pace:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def due(self, key: UUID, about: UUID, now: datetime) -> datetime:
        """When a mail about this may go out; the same again for the same `about`, for an hour at least."""
        while True:
            document = await self._collection.find_one({"_id": key}) or {"_id": key, "revision": 0, "slots": []}
            slots: list[Document] = document["slots"]
            given: datetime | None = next((slot["due_at"] for slot in slots if slot["about"] == about), None)
            if given is not None:
                return given
            due_at = next_due([slot["due_at"] for slot in slots], now)
            if await self._take(key, document["revision"], [*_still_count(slots, now), _slot(about, due_at)]):
                return due_at

    async def _take(self, key: UUID, revision: int, slots: list[Document]) -> bool:
        """False when somebody else was faster."""
        try:
            result = await self._collection.update_one(
                {"_id": key, "revision": revision},
                {"$set": {"slots": slots, "revision": revision + 1}},
                upsert=revision == 0,
            )
        except DuplicateKeyError:
            return False
        return result.matched_count == 1 or result.upserted_id is not None


def _slot(about: UUID, due_at: datetime) -> Document:
    return {"about": about, "due_at": due_at}


def _still_count(slots: list[Document], now: datetime) -> list[Document]:
    """The last few, and all that are not an hour old."""
    recent = [slot for slot in slots if slot["due_at"] > now - HOUR]
    return recent if len(recent) >= PER_HOUR else slots[-PER_HOUR:]
