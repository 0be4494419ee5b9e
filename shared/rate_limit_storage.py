"""The windows of the library `limits` in this service's own database.

The library's storage for MongoDB would open a second client, of Motor, whose maintenance has ended. This one goes
through `shared.mongo` with either driver, and asks Jobwire's clock.
"""

from datetime import timedelta

from limits.aio.storage import MovingWindowSupport, Storage
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared.clock import Clock
from shared.mongo import Collection


class MongoWindows(Storage, MovingWindowSupport):
    """One document per key with the times of its hits, the newest first. A hit that is one too many writes nothing."""

    STORAGE_SCHEME = None

    def __init__(self, collection: Collection, clock: Clock) -> None:
        super().__init__()
        self._windows = collection
        self._clock = clock

    @property
    def base_exceptions(self) -> type[Exception]:
        return PyMongoError

    async def prepare(self) -> None:
        await self._windows.create_index("expires_at", expireAfterSeconds=0)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        if amount > limit:
            return False
        now = self._clock.now()
        oldest, since = f"hits.{limit - amount}", now - timedelta(seconds=expiry)
        has_room = {"_id": key, "$or": [{oldest: {"$exists": False}}, {oldest: {"$lte": since}}]}
        hit = {
            "$push": {"hits": {"$each": [now] * amount, "$position": 0, "$slice": limit}},
            "$set": {"expires_at": now + timedelta(seconds=expiry)},
        }
        try:
            await self._windows.update_one(has_room, hit, upsert=True)
        except DuplicateKeyError:
            # The window is full, or somebody opened it in this moment: then there is room at the second look.
            return bool((await self._windows.update_one(has_room, hit)).matched_count)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock.now()
        document = await self._windows.find_one({"_id": key})
        hits = [hit for hit in document["hits"][:limit] if hit > now - timedelta(seconds=expiry)] if document else []
        return (hits[-1] if hits else now).timestamp(), len(hits)

    async def clear(self, key: str) -> None:
        await self._windows.delete_one({"_id": key})

    async def check(self) -> bool:
        await self._windows.find_one({"_id": ""})
        return True

    async def reset(self) -> int | None:
        await self._windows.delete_many({})
        return None

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError("Only moving windows are kept.")

    async def get(self, key: str) -> int:
        raise NotImplementedError("Only moving windows are kept.")

    async def get_expiry(self, key: str) -> float:
        raise NotImplementedError("Only moving windows are kept.")
