"""The embedded MongoDB keeps its documents, whatever ends it."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern

from deploy.local import mongodb
from deploy.local.mongodb import EmbeddedMongo, find_mongod
from deploy.local.parts import PartUnavailable
from deploy.local.processes import ProcessFailed

Client = AsyncMongoClient[dict[str, Any]]


def jobs(client: Client) -> AsyncCollection[dict[str, Any]]:
    return client.get_database("jobwire", write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority"))[
        "jobs"
    ]


@pytest.mark.live
async def test_documents_outlive_the_server(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path)
    await mongo.start()
    async with Client(mongo.uri) as client:
        await jobs(client).insert_one({"_id": "kept"})
        uri = mongo.uri

        await mongo.kill()
        await mongo.start()
        assert mongo.uri == uri
        assert await jobs(client).find_one() == {"_id": "kept"}, "the same client goes on"
    await mongo.stop()

    elsewhere = EmbeddedMongo(tmp_path)
    await elsewhere.start()
    assert elsewhere.uri != uri
    async with Client(elsewhere.uri) as client:
        assert await jobs(client).find_one() == {"_id": "kept"}
        await jobs(client).insert_one({"_id": "written at the new address"})
    await elsewhere.stop()


@pytest.mark.live
async def test_transactions_and_change_streams_work(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path)
    await mongo.start()
    async with Client(mongo.uri) as client:
        async with await jobs(client).watch() as changes:
            async with client.start_session() as session, await session.start_transaction():
                await jobs(client).insert_one({"_id": 1}, session=session)
            change = await changes.next()
        assert change["fullDocument"] == {"_id": 1}
    await mongo.stop()


@pytest.mark.live
async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data" / "mongod.lock").mkdir(parents=True)
    with pytest.raises(ProcessFailed, match=r"MongoDB ended with exit code \d+\.\n.*mongod\.lock.*\nIts log is"):
        await EmbeddedMongo(tmp_path).start()


async def test_without_a_mongod_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mongodb, "_WHEEL", "no-such-package")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PartUnavailable, match=r"no mongod on this machine.*MONGODB_URI"):
        await EmbeddedMongo(tmp_path).start()


@pytest.mark.processes
async def test_an_old_openssl_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\necho 'mongod: error while loading shared libraries: libssl.so.3' >&2\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setattr(mongodb, "_WHEEL", "no-such-package")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_mongod() == program
    with pytest.raises(PartUnavailable, match=r"needs OpenSSL 3.*Debian 12.*MONGODB_URI"):
        await EmbeddedMongo(tmp_path / "data").start()
