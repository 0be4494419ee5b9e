"""Many documents in a few round trips, beside others who do the same."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import randrange
from typing import Any
from uuid import uuid4

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.mongo import Collection, Document

_DUPLICATE_KEY = 11000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPREAD = 8
"""So many times what one takes is looked at, so that whoever was too late for the first takes others."""


async def all_written(collection: Collection, writes: Sequence[UpdateOne]) -> bool:
    """Do these compare-and-set upserts. False when one of them did not find what it compares with: somebody else was
    faster; the others have been written.
    """
    try:
        result = await collection.bulk_write(list(writes), ordered=False)
    except BulkWriteError as error:
        failures = error.details.get("writeErrors", [])
        if error.details.get("writeConcernErrors") or any(one["code"] != _DUPLICATE_KEY for one in failures):
            raise
        return False
    return int(result.matched_count) + len(result.upserted_ids or {}) == len(writes)


async def take(  # noqa: PLR0913 - what to take, and how it is marked
    collection: Collection, free: Document, mark: str, held: Document, *, first: str, at_most: int
) -> list[Document]:
    """Some documents that are `free`, made `held` by one owner whose id stands in `mark`; those with the lowest `first`
    come first. Empty when there are none. Each document goes to one of those who ask at once.
    """
    start = 0
    while True:
        found = [one["_id"] async for one in collection.find(free, {"_id": 1}).sort(first, 1).limit(at_most * SPREAD)]
        if not found:
            return []
        owner = uuid4()
        chosen: dict[str, Any] = {"_id": {"$in": found[start : start + at_most]}}
        result = await collection.update_many({**chosen, **free}, [{"$set": {**held, mark: owner}}])
        if result.modified_count:
            return [document async for document in collection.find({**chosen, mark: owner}).sort(first, 1)]
        start = at_most * randrange(max(len(found) // at_most, 1))  # noqa: S311 - no secret
