"""Files in a real MongoDB, with both drivers: the same checks as over memory, and what only a server can show."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from gridfs.asynchronous import AsyncGridFSBucket

from shared.contracts.base import derived_id
from shared.files import CHUNK_BYTES, LEAST_BYTES, GridFiles, MissingChunk
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase

TEN_MEGABYTES = Random(1).randbytes(10 * 1024 * 1024)
FILE_ID, JOB_ID = derived_id("file"), derived_id("job")


async def pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        await asyncio.sleep(0)
        yield content[at : at + size]


class Kept:
    """Files over a database, and what is in it."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.clock = ManualClock()
        self.files = GridFiles(database, "attachments", self.clock)

    async def put(self, content: bytes, file_id: UUID = FILE_ID) -> int:
        return await self.files.put(file_id, "お茶.png", pieces(content), {"job_id": JOB_ID})

    async def content(self, file_id: UUID = FILE_ID) -> bytes:
        return b"".join([piece async for piece in self.files.read(file_id)])

    async def chunks(self) -> int:
        return await self.database["attachments.chunks"].count_documents({})


class SomeFiles:
    """What attachments rely on."""

    @pytest.fixture
    async def kept(self, database: Any) -> Kept:
        kept = Kept(database)
        await kept.files.prepare()
        return kept

    async def test_ten_megabytes_come_back_in_chunks(self, kept: Kept) -> None:
        assert await kept.put(TEN_MEGABYTES) == len(TEN_MEGABYTES)
        sizes, digest = [], sha256()
        async for piece in kept.files.read(FILE_ID):
            sizes.append(len(piece))
            digest.update(piece)
        assert sizes == [CHUNK_BYTES] * 10
        assert digest.digest() == sha256(TEN_MEGABYTES).digest()
        stored = await kept.files.info(FILE_ID)
        assert stored is not None
        assert (stored.name, stored.size, stored.uploaded_at) == ("お茶.png", len(TEN_MEGABYTES), kept.clock.now())
        assert stored.metadata["job_id"] == JOB_ID
        assert await kept.files.count({"job_id": JOB_ID}) == 1

    @pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
    async def test_a_file_of_any_size_comes_back(self, kept: Kept, size: int) -> None:
        assert await kept.put(TEN_MEGABYTES[:size]) == size
        assert await kept.content() == TEN_MEGABYTES[:size]

    async def test_many_at_once_do_not_mix(self, kept: Kept) -> None:
        contents = {uuid4(): TEN_MEGABYTES[at : at + 1_500_000] for at in range(8)}
        await asyncio.gather(*(kept.put(content, file_id) for file_id, content in contents.items()))
        back = await asyncio.gather(*(kept.content(file_id) for file_id in contents))
        assert back == list(contents.values())

    async def test_the_same_file_put_several_times_at_once_is_one_file(self, kept: Kept) -> None:
        content = TEN_MEGABYTES[: 3 * CHUNK_BYTES]
        assert await asyncio.gather(*(kept.put(content) for _ in range(5))) == [len(content)] * 5
        assert await kept.content() == content
        assert await kept.chunks() == 3

    async def test_what_broke_off_is_not_there_and_can_be_put_again(self, kept: Kept) -> None:
        async def breaks_off() -> AsyncIterator[bytes]:
            yield TEN_MEGABYTES[:CHUNK_BYTES]
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await kept.files.put(FILE_ID, "a.png", breaks_off(), {})
        assert await kept.files.info(FILE_ID) is None
        assert not await kept.files.keep(FILE_ID)
        await kept.put(TEN_MEGABYTES[: 2 * CHUNK_BYTES])
        assert await kept.content() == TEN_MEGABYTES[: 2 * CHUNK_BYTES]

    async def test_a_deleted_file_leaves_nothing(self, kept: Kept) -> None:
        await kept.put(TEN_MEGABYTES)
        await kept.files.keep(FILE_ID)
        await kept.files.delete(FILE_ID)
        assert await kept.files.info(FILE_ID) is None
        assert await kept.chunks() == 0
        assert await kept.files.count({"job_id": JOB_ID}) == 0
        with pytest.raises(MissingChunk):
            await kept.content()

    async def test_a_file_counts_from_the_moment_it_is_begun(self, kept: Kept) -> None:
        mine = {"job_id": JOB_ID, "side": "partner"}
        assert await kept.files.total(mine) == 0
        assert await kept.files.begin(FILE_ID, "a.png", 3 * CHUNK_BYTES, mine)
        assert not await kept.files.begin(FILE_ID, "a.png", 3 * CHUNK_BYTES, mine)
        assert await kept.files.begin(derived_id("small"), "b.png", 1, mine)
        assert await kept.files.total(mine) == 3 * CHUNK_BYTES + LEAST_BYTES
        assert await kept.files.info(FILE_ID) is None
        await kept.files.delete(FILE_ID)
        assert await kept.files.total(mine) == LEAST_BYTES

    async def test_what_was_kept_is_undecided_until_somebody_decides(self, kept: Kept) -> None:
        await kept.put(b"something")
        assert await kept.files.keep(FILE_ID)
        assert await kept.files.undecided(kept.clock.now(), 10) == []
        kept.clock.move(timedelta(days=1))
        (stored,) = await kept.files.undecided(kept.clock.now(), 10)
        assert await kept.files.keep(FILE_ID)
        await kept.files.drop(stored)
        assert await kept.content() == b"something", "It was kept again."
        kept.clock.move(timedelta(days=1))
        (stored,) = await kept.files.undecided(kept.clock.now(), 10)
        await kept.files.decide(stored, None)
        assert await kept.files.undecided(kept.clock.now(), 10) == []

    async def test_only_what_is_old_and_not_kept_is_forgotten(self, kept: Kept) -> None:
        ours, theirs, fresh = (derived_id(name) for name in ("ours", "theirs", "fresh"))
        for file_id in (ours, theirs):
            await kept.put(b"something", file_id)
        assert await kept.files.keep(ours)
        kept.clock.move(timedelta(hours=1))
        await kept.put(b"something", fresh)
        await kept.files.forget(kept.clock.now())
        assert [await kept.files.info(one) is not None for one in (ours, theirs, fresh)] == [True, False, True]
        assert await kept.chunks() == 2
        assert not await kept.files.keep(theirs)


class TestFilesInMemory(SomeFiles):
    @pytest.fixture
    def database(self) -> Any:
        return MemoryDatabase()


class TestFilesInMongo(SomeFiles):
    @pytest.fixture
    def database(self, mongo_database: Any) -> Any:
        return mongo_database

    @pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
    async def test_a_driver_reads_them_as_gridfs(self, kept: Kept) -> None:
        content = TEN_MEGABYTES[: 2 * CHUNK_BYTES + 1]
        await kept.put(content)
        stream = await AsyncGridFSBucket(kept.database, "attachments").open_download_stream(FILE_ID)
        assert await stream.read() == content
        assert stream.filename == "お茶.png"
