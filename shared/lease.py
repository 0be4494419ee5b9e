"""One replica at a time, by the database's clock: a replica whose own clock is wrong can neither steal nor keep a lease."""

from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

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
        free_or_ours = {"$or": [{"owner": self._owner}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
        until = {"$add": ["$$NOW", self._milliseconds]}
        try:
            document = await self._collection.find_one_and_update(
                {"_id": self._name, **free_or_ours},
                [{"$set": {"owner": self._owner, "until": until}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return False  # it exists and is somebody else's: the upsert found no document to take
        return document is not None

    async def release(self) -> None:
        """Let the next replica begin at once instead of after the lease has run out."""
        await self._collection.delete_one({"_id": self._name, "owner": self._owner})
