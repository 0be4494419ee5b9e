"""What was sent in the last 24 hours: who sends the same again means the same request."""

import unicodedata
from datetime import timedelta
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from shared.clock import Clock
from shared.contracts.base import address_key, derived_id
from shared.contracts.requests import RequestDetails
from shared.mongo import Collection

DAY = timedelta(hours=24)


def fingerprint(details: RequestDetails, *, known: bool) -> UUID:
    """The same for the same kind, address, partner and words, however they are spaced, cased or encoded. All that was
    said counts: a corrected budget or telephone number is no repetition. Nor is what a store app vouches for (`known`)
    the same as what anybody can send.
    """
    said = details.model_dump(mode="json", exclude={"locale": True, "merchant": {"merchant_id", "email"}})
    return derived_id("sent", known, address_key(details.merchant.email), _normal(said))


def _normal(value: object) -> object:
    if isinstance(value, dict):
        return {name: _normal(part) for name, part in value.items()}
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    return value


class Recent:
    def __init__(self, collection: Collection, clock: Clock) -> None:
        self._sent = collection
        self._clock = clock

    async def prepare(self) -> None:
        await self._sent.create_index("at", expireAfterSeconds=int(DAY.total_seconds()))

    async def first(self, key: UUID) -> UUID | None:
        """The request that was sent first, if there is one."""
        found = await self._sent.find_one({"_id": key, "at": {"$gt": self._clock.now() - DAY}})
        return found["request"] if found else None

    async def claim(self, key: UUID, request_id: UUID, *, instead_of: UUID | None = None) -> UUID:
        """Be the first, unless somebody else has just been. Gives the id of the first."""
        now = self._clock.now()
        over = [{"at": {"$lte": now - DAY}}, {"request": instead_of}]
        await self._sent.delete_one({"_id": key, "$or": over})
        try:
            await self._sent.insert_one({"_id": key, "request": request_id, "at": now})
        except DuplicateKeyError:
            return await self.first(key) or request_id
        return request_id
