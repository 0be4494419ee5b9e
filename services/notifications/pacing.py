"""At most so many leads for one partner in any hour; what is more waits its turn.

The unit is the lead and not the mail: the members of a team who are told of one lead are told at the same time. Each
partner has one document with the times that are taken, changed by compare-and-set, because leads of one partner lie in
several partitions. A lead that has its time keeps it, so that a redelivered one waits no longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pymongo import UpdateOne

from services.notifications.bulk import all_written
from shared.mongo import Collection, Document

PER_HOUR = 3
HOUR = timedelta(hours=1)


class Turn(NamedTuple):
    """One lead's wish for a time: whose leads are spread over the hours, and which one it is."""

    key: UUID
    about: UUID


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

    async def due(self, turns: Iterable[Turn], now: datetime) -> Mapping[Turn, datetime]:
        """When each may go out, in the order in which they come; the same again for the same one, for an hour at
        least. As many reads and writes for many as for one, unless somebody else is faster.
        """
        waiting = list(dict.fromkeys(turns))
        due: dict[Turn, datetime] = {}
        while waiting:
            known = await self._known({turn.key for turn in waiting})
            due |= {turn: at for turn in waiting if (at := _time_of(known[turn.key]["slots"], turn.about))}
            waiting = [turn for turn in waiting if turn not in due]
            taken = {key: _taken(document, waiting, now) for key, document in known.items()}
            writes = [_write(known[key], slots) for key, slots in taken.items() if slots is not None]
            if writes and await all_written(self._collection, writes):
                due |= {turn: at for turn in waiting if (at := _time_of(taken[turn.key] or (), turn.about))}
                waiting = []
        return due

    async def _known(self, keys: set[UUID]) -> dict[UUID, Document]:
        fresh: dict[UUID, Document] = {key: {"_id": key, "revision": 0, "slots": []} for key in keys}
        found = self._collection.find({"_id": {"$in": list(keys)}})
        return fresh | {document["_id"]: document async for document in found}


def _taken(document: Document, waiting: Sequence[Turn], now: datetime) -> list[Document] | None:
    """The slots with those of the waiting that are this document's; None when there are none."""
    slots, wanted = list(document["slots"]), [turn for turn in waiting if turn.key == document["_id"]]
    if not wanted:
        return None
    for turn in wanted:
        due_at = next_due([slot["due_at"] for slot in slots], now)
        slots = [*_still_count(slots, now), {"about": turn.about, "due_at": due_at}]
    return slots


def _write(document: Document, slots: list[Document]) -> UpdateOne:
    key, revision = document["_id"], document["revision"]
    after = {"$set": {"slots": slots, "revision": revision + 1}}
    return UpdateOne({"_id": key, "revision": revision}, after, upsert=revision == 0)


def _time_of(slots: Iterable[Document], about: UUID) -> datetime | None:
    return next((slot["due_at"] for slot in slots if slot["about"] == about), None)


def _still_count(slots: list[Document], now: datetime) -> list[Document]:
    """The last few, and all that are not an hour old."""
    recent = [slot for slot in slots if slot["due_at"] > now - HOUR]
    return recent if len(recent) >= PER_HOUR else slots[-PER_HOUR:]
