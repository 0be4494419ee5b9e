"""The only module that knows the MongoDB driver: PyMongo's asyncio API, or Motor with the same surface.

Reads are at `majority` and writes at `w: majority`: an isolated primary shows writes that are rolled back later, and a
decision that rests on one of those would be lost (facts: reproduced).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bson.codec_options import CodecOptions, TypeRegistry
from pymongo import AsyncMongoClient, ReadPreference, UpdateOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.collation import Collation
from pymongo.read_concern import ReadConcern

from shared.progress import MongoProgress

Document = dict[str, Any]
Collection = AsyncCollection[Document]
Database = AsyncDatabase[Document]


def _encode_unknown(value: Any) -> Any:
    """Enumerations go in as their plain values; anything else that BSON does not know is a mistake of ours."""
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no place in a document.")


CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True, uuid_representation=4, type_registry=TypeRegistry(fallback_encoder=_encode_unknown)
)


IGNORING_CASE = Collation("en", strength=2)
"""For a query, and for the index that it uses."""


@dataclass(frozen=True)
class Mongo:
    """One client for one process."""

    client: Any

    @classmethod
    def connect(cls, uri: str, *, driver: str = "pymongo", app: str = "jobwire") -> "Mongo":
        """A client that has not connected yet: it does so at its first command. Raises ConfigurationError for a
        malformed URI.
        """
        options: dict[str, Any] = {
            "appname": app,
            "w": "majority",
            "journal": True,
            "readConcernLevel": "majority",
            "retryWrites": True,
            "serverSelectionTimeoutMS": 5_000,
            "connectTimeoutMS": 5_000,
            "socketTimeoutMS": 30_000,
            "wTimeoutMS": 15_000,
            "maxPoolSize": 50,
            "event_listeners": [MongoProgress()],
        }
        if driver == "motor":
            from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415 - an optional extra

            return cls(AsyncIOMotorClient(uri, **options))
        return cls(AsyncMongoClient(uri, **options))

    def database(self, name: str) -> Database:
        """The database with the guarantees of this module, whatever the URI said."""
        database: Database = self.client.get_database(
            name,
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True, wtimeout=15_000),
        )
        return database

    async def ping(self) -> None:
        await self.client.admin.command("ping")

    async def close(self) -> None:
        result = self.client.close()
        if result is not None:  # PyMongo's is a coroutine, Motor's is not
            await result


async def aggregated(collection: Collection, pipeline: list[Document]) -> list[Document]:
    """All documents of an aggregation. PyMongo's call has to be awaited for its cursor, Motor's gives it at once."""
    cursor: Any = collection.aggregate(pipeline)
    if not hasattr(cursor, "__aiter__"):
        cursor = await cursor
    return [document async for document in cursor]


def join_and_replace_if_newer(
    document_id: Any, version: int, fields: Mapping[str, Any], joined: Mapping[str, Sequence[Any]], most: int
) -> Any:
    """`replace_if_newer`; in the same write each list of `joined` joins the one that is there, whatever the version.

    Values come in once each; a list ends at `most`, so that no document outgrows its limit of 16 MB. New values go to
    the end: then the log of operations holds only them. `$addToSet` would compare each with each and be no pipeline.
    """
    stage = _if_newer(version, fields)
    for name, values in joined.items():
        there = {"$ifNull": [f"${name}", {"$literal": []}]}
        missing = {"$setDifference": [{"$literal": list(values)}, there]}
        stage[name] = {"$slice": [{"$concatArrays": [there, missing]}, most]}
    return UpdateOne({"_id": document_id}, [{"$set": stage}], upsert=True)


def replace_if_newer(document_id: Any, version: int, fields: Mapping[str, Any]) -> Any:
    """The write of every projection: put `fields` in place unless the document is already at `version` or later.

    An upsert with a condition would insert a second time and fail on the id where the document is newer; the pipeline
    decides on the server instead, so that duplicates and reordering change nothing.
    """
    return UpdateOne({"_id": document_id}, [{"$set": _if_newer(version, fields)}], upsert=True)


def _if_newer(version: int, fields: Mapping[str, Any]) -> Document:
    newer = {"$gt": [version, {"$ifNull": ["$version", -1]}]}
    return {
        name: {"$cond": [newer, {"$literal": value}, f"${name}"]}
        for name, value in {**fields, "version": version}.items()
    }
