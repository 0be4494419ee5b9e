"""Several replicas share one work by the ids of what it is about: who is there, by the database's clock, and which part
of the ids is whose. A replica that dies leaves its part to the others after some seconds.

No part is locked: while somebody comes or goes, two may work on the same for a moment, so what they do must bear that.
"""

from typing import Any, NamedTuple
from uuid import UUID, uuid4

from pymongo import ReturnDocument

from shared.mongo import Collection

SECONDS = 5.0
"""For so long a replica counts after it was last heard of."""
_IDS = 1 << 128


class Share(NamedTuple):
    """The `number`-th of `of` equal parts of all ids. They must be spread evenly: random or hashed ones are, those that
    begin with a time are not.
    """

    number: int
    of: int

    def query(self) -> dict[str, Any]:
        """As a part of a query."""
        bounds = {}
        if self.number > 0:
            bounds["$gte"] = UUID(int=self.number * _IDS // self.of)
        if self.number + 1 < self.of:
            bounds["$lt"] = UUID(int=(self.number + 1) * _IDS // self.of)
        return {"_id": bounds} if bounds else {}


class Sharing:
    """One replica's place among those that do the work `name`. One document holds them all, in `collection`."""

    def __init__(self, collection: Collection, name: str, seconds: float = SECONDS) -> None:
        self._collection = collection
        self._name = name
        self._milliseconds = int(seconds * 1000)
        self._me = uuid4().hex

    async def share(self) -> Share:
        """Be counted, and what is ours right now. To be asked again for each piece of work."""
        document = await self._collection.find_one_and_update(
            {"_id": self._name},
            [{"$set": {"now": "$$NOW", f"until.{self._me}": {"$add": ["$$NOW", self._milliseconds]}}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert document is not None
        there = sorted(one for one, until in document["until"].items() if until > document["now"] or one == self._me)
        gone = set(document["until"]) - set(there)
        if gone:
            await self._forget(gone)
        return Share(there.index(self._me), len(there))

    async def _forget(self, gone: set[str]) -> None:
        """Who comes back after all is counted again by its next `share`."""
        await self._collection.update_one({"_id": self._name}, {"$unset": {f"until.{one}": "" for one in gone}})
