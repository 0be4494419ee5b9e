"""One replica at a time, by the database's clock: a replica whose own clock is wrong can neither steal nor keep a
lease.
"""

from datetime import UTC, datetime
from uuid import uuid4

from pymongo import ReturnDocument

from shared.mongo import Collection


class Lease:
    """A named lease in `collection`. Held for `seconds` after the last successful `held()`."""

    def __init__(self, collection: Collection, name: str, seconds: float) -> None:
        self._collection = collection
        self._name = name
        self._milliseconds = int(seconds * 1000)
        self._owner = uuid4()

    async def held(self) -> bool:
        """Take or renew the lease. False while somebody else holds it."""
        ours = {"$eq": ["$owner", self._owner]}
        free = {"$lt": [{"$ifNull": ["$until", datetime.min.replace(tzinfo=UTC)]}, "$$NOW"]}
        mine = {"$or": [ours, free]}
        until = {"$add": ["$$NOW", self._milliseconds]}
        document = await self._collection.find_one_and_update(
            {"_id": self._name},
            # Within one stage both conditions see the document as it was.
            [
                {
                    "$set": {
                        "owner": {"$cond": [mine, self._owner, "$owner"]},
                        "until": {"$cond": [mine, until, "$until"]},
                    }
                }
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return document is not None and document["owner"] == self._owner
