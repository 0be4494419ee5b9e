"""Read models: written from topics only, idempotent, so that they can be dropped and replayed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pymongo import UpdateOne

from shared.mongo import replace_if_newer
from shared.records import Received


class Write(NamedTuple):
    """One idempotent operation on one of the read model's collections."""

    collection: str
    operation: Any


def newer(collection: str, document_id: Any, version: int, fields: dict[str, Any]) -> Write:
    """Put `fields` in place unless the document is already at `version` or later."""
    return Write(collection, replace_if_newer(document_id, version, fields))


def once(collection: str, document_id: Any, fields: dict[str, Any]) -> Write:
    """Insert a document that never changes; a second time does nothing."""
    return Write(collection, UpdateOne({"_id": document_id}, {"$setOnInsert": fields}, upsert=True))


class Projection:
    """A `shared.consumer.Handler` that writes what `react` says, a batch in one bulk per collection."""

    def __init__(self, database: Any, react: Callable[[Received], Iterable[Write]]) -> None:
        self._database = database
        self._react = react

    async def __call__(self, batch: Sequence[Received]) -> None:
        operations: dict[str, list[Any]] = defaultdict(list)
        for received in batch:
            for write in self._react(received):
                operations[write.collection].append(write.operation)
        for name, writes in operations.items():
            await self._database[name].bulk_write(writes, ordered=False)
