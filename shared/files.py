"""Files in MongoDB, in the layout of GridFS: any GridFS tool can read them.

The drivers' own buckets hold a whole file in memory, on its way in and on its way out, however slow the other side is.
This one holds a chunk at a time, keeps no cursor open while a download waits, and has one code for both drivers.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from shared.clock import Clock
from shared.contracts.base import derived_id
from shared.mongo import Database, Document, aggregated

CHUNK_BYTES = 1024 * 1024
LEAST_BYTES = 64 * 1024
"""What a file counts at least: many small ones cost, too."""

_WHOLE: Document = {"length": {"$ne": None}}
_UNDECIDED = "metadata.undecided_since"


@dataclass(frozen=True)
class StoredFile:
    """A whole file; `size` in bytes."""

    file_id: UUID
    name: str
    size: int
    metadata: dict[str, Any]
    uploaded_at: datetime


class MissingChunk(Exception):  # noqa: N818 - what is wrong
    """A file that should be whole is not; or it was deleted while it was read."""


class Files(Protocol):
    async def begin(self, file_id: UUID, name: str, size: int, metadata: dict[str, Any]) -> bool:
        """Take the file's place, so that `total` counts its `size`, before its bytes come by `put`. False if somebody
        has begun it already.
        """

    async def put(self, file_id: UUID, name: str, source: AsyncIterator[bytes], metadata: dict[str, Any]) -> int:
        """Store what `source` gives, in pieces of any size, and return how many bytes that were. It is there once this
        returns. The same bytes may be put under the same id again, also at the same time, and after a failure; other
        bytes need another id. Until somebody says `keep`, it may be forgotten.
        """

    async def info(self, file_id: UUID) -> StoredFile | None:
        """The file, if it is there as a whole."""

    def read(self, file_id: UUID) -> AsyncIterator[bytes]:
        """Its bytes, a chunk at a time. Raises `MissingChunk`."""

    async def count(self, metadata: dict[str, Any]) -> int:
        """How many files have these values in their metadata, those included that are still on their way."""

    async def total(self, metadata: dict[str, Any]) -> int:
        """How many bytes these files have together, each counted as `LEAST_BYTES` at least. Whoever begins a file and
        then asks is among those counted: of two at once at least one sees both.
        """

    async def keep(self, file_id: UUID) -> bool:
        """Do not forget it; somebody decides later whether it was needed. False if it is gone already."""

    async def undecided(self, before: datetime, limit: int) -> list[StoredFile]:
        """Files that were last kept earlier than that, and of which nobody has decided yet."""

    async def decide(self, stored: StoredFile, until: datetime | None) -> None:
        """Keep it for good, or ask again later: as if it were kept at `until`."""

    async def drop(self, stored: StoredFile) -> None:
        """Delete what `undecided` gave, unless somebody has kept it again since."""

    async def marked(self, name: str, value: str, limit: int) -> list[UUID]:
        """Whole files whose metadata say so, the oldest first."""

    async def mark(self, file_id: UUID, said: dict[str, str]) -> None:
        """Say something more in its metadata."""

    async def lease(self, file_id: UUID, now: datetime, lasts: timedelta) -> bool:
        """Be the only one who works on it for a while. False while somebody else is."""

    async def empty(self, file_id: UUID, said: dict[str, str]) -> None:
        """Delete its bytes and say why; that it was there can still be seen."""

    async def forget(self, before: datetime) -> None:
        """Delete what was put earlier than that and not kept, with what a process left behind that died in a `put`."""

    async def delete(self, file_id: UUID) -> None:
        """Delete a file, or what there is of it."""


class GridFiles:
    """The real one. A file's document is written before its chunks and gets its length after them: without a length it
    is not there yet, and nothing is ever stored that no document tells of.
    """

    def __init__(self, database: Database, bucket: str, clock: Clock) -> None:
        self._files = database[f"{bucket}.files"]
        self._chunks = database[f"{bucket}.chunks"]
        self._clock = clock

    async def prepare(self) -> None:
        await self._files.create_index([("metadata.$**", 1)])
        for scope in ("by", "job_id", "organisation"):  # `total` reads the index alone
            fields = [f"metadata.{scope}", "metadata.side", "metadata.counts", "length"]
            await self._files.create_index([(name, 1) for name in fields])
        await self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)

    async def begin(self, file_id: UUID, name: str, size: int, metadata: dict[str, Any]) -> bool:
        metadata = {**metadata, "counts": max(size, LEAST_BYTES), "kept": False}
        first = {"filename": name, "chunkSize": CHUNK_BYTES, "metadata": metadata}
        begun = {"$set": {"uploadDate": self._clock.now()}, "$setOnInsert": first}
        result = await self._files.update_one({"_id": file_id}, begun, upsert=True)
        return result.upserted_id is not None

    async def put(self, file_id: UUID, name: str, source: AsyncIterator[bytes], metadata: dict[str, Any]) -> int:
        await self.begin(file_id, name, 0, metadata)
        if (there := await self.info(file_id)) is not None:
            return there.size
        size = number = 0
        async for data in _chunks(source):
            chunk = {"files_id": file_id, "n": number, "data": data}
            # Its id follows from its place, so that whoever writes it twice writes it once.
            place = derived_id("chunk", file_id, number)
            await self._chunks.update_one({"_id": place}, {"$setOnInsert": chunk}, upsert=True)
            size, number = size + len(data), number + 1
        done = await self._files.update_one({"_id": file_id}, {"$set": {"length": size}})
        if not done.matched_count:
            await self._chunks.delete_many({"files_id": file_id})
            raise MissingChunk(f"{file_id} was deleted while it was written.")
        return size

    async def info(self, file_id: UUID) -> StoredFile | None:
        found = await self._files.find_one({"_id": file_id, **_WHOLE})
        return _stored(found) if found else None

    async def read(self, file_id: UUID) -> AsyncIterator[bytes]:
        stored = await self.info(file_id)
        if stored is None:
            raise MissingChunk(f"{file_id} is not there.")
        for number in range(-(-stored.size // CHUNK_BYTES)):
            chunk = await self._chunks.find_one({"files_id": file_id, "n": number})
            if chunk is None:
                raise MissingChunk(f"{file_id} has no chunk {number}.")
            yield bytes(chunk["data"])

    async def count(self, metadata: dict[str, Any]) -> int:
        return await self._files.count_documents({f"metadata.{name}": value for name, value in metadata.items()})

    async def total(self, metadata: dict[str, Any]) -> int:
        match = {f"metadata.{name}": value for name, value in metadata.items()}
        counted = {"$ifNull": ["$metadata.counts", "$length"]}
        group = {"_id": {name: f"$metadata.{name}" for name in metadata}, "bytes": {"$sum": counted}}
        return sum(one["bytes"] for one in await aggregated(self._files, [{"$match": match}, {"$group": group}]))

    async def keep(self, file_id: UUID) -> bool:
        kept = {"metadata.kept": True, _UNDECIDED: self._clock.now()}
        result = await self._files.update_one({"_id": file_id, **_WHOLE}, {"$set": kept})
        return bool(result.matched_count)

    async def undecided(self, before: datetime, limit: int) -> list[StoredFile]:
        found = self._files.find({_UNDECIDED: {"$lt": before}, **_WHOLE}).sort(_UNDECIDED, 1).limit(limit)
        return [_stored(document) async for document in found]

    async def decide(self, stored: StoredFile, until: datetime | None) -> None:
        await self._files.update_one(_as_it_was(stored), {"$set": {_UNDECIDED: until}})

    async def drop(self, stored: StoredFile) -> None:
        await self._remove(_as_it_was(stored))

    async def marked(self, name: str, value: str, limit: int) -> list[UUID]:
        found = self._files.find({f"metadata.{name}": value, **_WHOLE}).sort("uploadDate", 1).limit(limit)
        return [document["_id"] async for document in found]

    async def mark(self, file_id: UUID, said: dict[str, str]) -> None:
        fields = {f"metadata.{name}": value for name, value in said.items()}
        await self._files.update_one({"_id": file_id}, {"$set": fields})

    async def lease(self, file_id: UUID, now: datetime, lasts: timedelta) -> bool:
        free = [{"metadata.leased_until": {"$exists": False}}, {"metadata.leased_until": {"$lte": now}}]
        taken = await self._files.update_one(
            {"_id": file_id, "$or": free}, {"$set": {"metadata.leased_until": now + lasts}}
        )
        return bool(taken.matched_count)

    async def empty(self, file_id: UUID, said: dict[str, str]) -> None:
        await self.mark(file_id, said)
        await self._chunks.delete_many({"files_id": file_id})

    async def forget(self, before: datetime) -> None:
        lapsed = {"metadata.kept": False, "uploadDate": {"$lt": before}}
        async for document in self._files.find(lapsed, {"_id": 1}):
            # Asked again with the id: somebody may have kept it, or put it again, in this very moment.
            await self._remove({"_id": document["_id"], **lapsed})

    async def delete(self, file_id: UUID) -> None:
        await self._remove({"_id": file_id})

    async def _remove(self, query: Document) -> None:
        """First it is no longer there, and its document goes last: a process may die in between."""
        gone = await self._files.update_one(query, {"$set": {"length": None, "metadata.kept": False}})
        if gone.matched_count:
            await self._chunks.delete_many({"files_id": query["_id"]})
            await self._files.delete_one({"_id": query["_id"]})


def _as_it_was(stored: StoredFile) -> Document:
    return {"_id": stored.file_id, _UNDECIDED: stored.metadata["undecided_since"]}


def _stored(document: Document) -> StoredFile:
    return StoredFile(
        document["_id"], document["filename"], document["length"], document["metadata"], document["uploadDate"]
    )


async def _chunks(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `CHUNK_BYTES`; only the last is shorter."""
    waiting = bytearray()
    async for piece in source:
        waiting += piece
        while len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting[:CHUNK_BYTES])
            del waiting[:CHUNK_BYTES]
    if waiting:
        yield bytes(waiting)
