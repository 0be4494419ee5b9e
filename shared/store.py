"""Where aggregates live: one document each, changed by compare-and-set only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import ValidationError
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.contracts.base import Snapshot
from shared.documents import why_unreadable
from shared.mongo import Collection, Document
from shared.records import RawRecord, Received

StateT = TypeVar("StateT", bound=Snapshot)

RING = 256
"""How many commands a document remembers. At least a batch, or a redelivered batch could be applied twice; of a command
that was met again, the newest entry counts.
"""

_DUPLICATE_KEY = 11000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: applied at `version`, or rejected with `code` and `reason`. `digest` is the command's,
    if it had one.
    """

    command_id: UUID
    version: int | None = None
    code: str = ""
    reason: str = ""
    digest: str | None = None

    def document(self) -> Document:
        document: Document = {"id": self.command_id.bytes}
        if self.version is not None:
            document["version"] = self.version
        else:
            document |= {"code": self.code, "reason": self.reason}
        if self.digest is not None:
            document["digest"] = self.digest
        return document

    @classmethod
    def of(cls, document: Document) -> "Outcome":
        return cls(
            UUID(bytes=document["id"]),
            document.get("version"),
            document.get("code", ""),
            document.get("reason", ""),
            document.get("digest"),
        )

    def answers(self, digest: str | None) -> bool:
        """Whether it is the outcome of the command with this digest. One without a digest is known by its id alone."""
        return digest is None or self.digest is None or digest == self.digest


class Remembered(Mapping[UUID, Outcome]):
    """The ring as it was read, the oldest first. A batch asks for few of hundreds of outcomes, so each is made when it
    is asked for.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = {document["id"]: document for document in documents}

    def __getitem__(self, command_id: UUID) -> Outcome:
        return Outcome.of(self._documents[command_id.bytes])

    def __iter__(self) -> Iterator[UUID]:
        return (UUID(bytes=raw) for raw in self._documents)

    def get(self, command_id: UUID, default: Any = None) -> Any:  # without an exception for each that is not there
        document = self._documents.get(command_id.bytes)
        return default if document is None else Outcome.of(document)

    def __len__(self) -> int:
        return len(self._documents)

    def __contains__(self, command_id: object) -> bool:
        return isinstance(command_id, UUID) and command_id.bytes in self._documents


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the outbox: its fact and where it came from. The snapshot is attached when it is published."""

    id: UUID
    type: str
    version: int
    time: datetime
    fact: dict[str, Any]
    causationid: UUID
    correlationid: UUID
    traceparent: str | None = None

    def document(self) -> Document:
        ids = {name: getattr(self, name).bytes for name in _IDS}
        return {**{name: getattr(self, name) for name in self.__slots__}, **ids}

    @classmethod
    def of(cls, document: Document) -> "Entry":
        known = {name: document[name] for name in cls.__slots__ if name in document}  # a newer release may say more
        return cls(**{**known, **{name: UUID(bytes=document[name]) for name in _IDS}})


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where in its partition of the command topic an aggregate stands.

    Commands up to `floor` were handled to their end, and some of their outcomes have left the ring: what is read again
    from there is not decided anew. `offset` and `time` (ms) are the highest folded: a topic that was made anew
    (restored from a backup, say) begins again at offset 0, but its clock goes on.
    """

    floor: int = -1
    offset: int = -1
    time: int = -1

    @classmethod
    def of(cls, document: Document | None) -> "LogPosition":
        return cls(**{name: document[name] for name in cls.__slots__ if name in document}) if document else cls()

    def precedes(self, raw: RawRecord) -> bool:
        """Whether it was said in another log than this record stands in."""
        return raw.offset <= self.offset and raw.timestamp > self.time

    def moved(self, batch: Sequence[Received], *, forgets: bool) -> "LogPosition":
        """The position after this batch. Where the ring forgets for it, the floor moves to where the batch was fetched
        from, and not into it: should it come again, what broke its handler must be met again.
        """
        below = min(received.since for received in batch) - 1
        return LogPosition(
            floor=max(self.floor, below) if forgets else self.floor,
            offset=max(self.offset, *(received.raw.offset for received in batch)),
            time=max(self.time, *(received.raw.timestamp for received in batch)),
        )


_IDS = ("id", "causationid", "correlationid")
"""Ids inside arrays are stored as 16 raw bytes: the driver makes each UUID in Python, and most are never looked at."""


@dataclass(frozen=True)
class Stored(Generic[StateT]):
    """An aggregate as it was read.

    `revision` counts writes; 0 means that it is not there yet. `entries` counts what stands in its ring, where one
    command may stand twice. `unreadable` says what this release cannot read of it, if so: then nothing else is known.
    """

    id: UUID
    state: StateT | None = None
    version: int = 0
    revision: int = 0
    outcomes: Mapping[UUID, Outcome] = field(default_factory=dict)
    outbox: tuple[Entry, ...] = ()
    log: LogPosition = LogPosition()
    entries: int = 0
    unreadable: str = ""


@dataclass(frozen=True)
class Change(Generic[StateT]):
    """A write that counts only if the aggregate is still at `revision`."""

    id: UUID
    revision: int
    had_state: bool
    state: StateT | None
    version: int
    outcomes: tuple[Outcome, ...]
    outbox: tuple[Entry, ...]
    indexed: dict[str, Any]
    log: LogPosition = LogPosition()


class AggregateStore(Protocol[StateT]):
    async def load(self, ids: Sequence[UUID]) -> dict[UUID, Stored[StateT]]:
        """Those of `ids` that exist, as a majority of the servers knows them."""

    async def save(self, changes: Sequence[Change[StateT]]) -> bool:
        """True when every change is held by a majority. False when at least one lost its race: load again and see
        which.

        Raises what `is_transient` knows when the outcome is unknown; loading again tells it.
        """


class MongoAggregateStore(Generic[StateT]):
    """The real one. A write sets named fields and never replaces a document or its state."""

    def __init__(self, collection: Collection, state: type[StateT]) -> None:
        self._collection = collection
        self._state = state

    async def load(self, ids: Sequence[UUID]) -> dict[UUID, Stored[StateT]]:
        cursor = self._collection.find({"_id": {"$in": list(ids)}})
        return {document["_id"]: self._stored(document) async for document in cursor}

    async def save(self, changes: Sequence[Change[StateT]]) -> bool:
        try:
            result = await self._collection.bulk_write([_update(change) for change in changes], ordered=False)
        except BulkWriteError as error:
            failures = error.details.get("writeErrors", [])
            if failures and all(failure["code"] == _DUPLICATE_KEY for failure in failures):
                return False  # somebody else created it first
            raise
        return result.matched_count + len(result.upserted_ids or {}) == len(changes)

    def _stored(self, document: Document) -> Stored[StateT]:
        try:
            state = self._state.model_validate(document["state"]) if document["state"] is not None else None
        except ValidationError as error:  # a newer release has written what this one does not know
            return Stored(document["_id"], unreadable=why_unreadable(error))
        return Stored(
            id=document["_id"],
            state=state,
            version=document["version"],
            revision=document["revision"],
            outcomes=Remembered(document["applied"]),
            outbox=tuple(Entry.of(entry) for entry in document["outbox"]),
            log=LogPosition.of(document.get("log")),
            entries=len(document["applied"]),
        )


def _state(change: Change[Any]) -> Document:
    """Field by field where there is a state already, so that an older release does not erase what a newer one knows."""
    fields = change.state.model_dump(mode="json") if change.state is not None else None
    if fields is None or not change.had_state:
        return {"state": fields}
    return {f"state.{name}": value for name, value in fields.items()}


def _update(change: Change[Any]) -> UpdateOne:
    # With revision 0 there is no such document: the upsert inserts, or fails on the id if somebody was faster.
    return UpdateOne(
        {"_id": change.id, "revision": change.revision},
        {
            "$set": {
                "revision": change.revision + 1,
                "version": change.version,
                "outbox": [entry.document() for entry in change.outbox],
                "log": {name: getattr(change.log, name) for name in LogPosition.__slots__},
                **_state(change),
                **change.indexed,
            },
            "$push": {"applied": {"$each": [outcome.document() for outcome in change.outcomes], "$slice": -RING}},
        },
        upsert=change.revision == 0,
    )
