"""Where it is kept what became of each job and lead, and what that adds up to for a partner: in MongoDB, or in memory
where matching runs by itself. `tests/matching/test_outcomes.py` holds both to the same promises.

An outcome and its partner's sums are two documents, and either may be all that a crash leaves. So the sums say what
they count before the outcome does:

1. read the sums, then the outcomes: an outcome was counted as the sums' `marks` say, else as its own `counted` says;
2. write the sums by compare-and-set, with a mark for each outcome that this write counts;
3. write the outcomes, each with what was counted of it.

Whoever finds a mark that has not reached its outcome writes the outcome first, and only then the sums without it. So
each outcome is counted in its newest version once, whatever comes twice, late, in another order or in two replicas.

Versions are written as 64-bit integers. A release that knew no sums writes 32-bit ones and leaves `counted` as it was:
an index finds just those outcomes, and they are counted as if they had been told.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from bson.int64 import Int64
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from services.matching.sums import Outcome, Sums
from shared.mongo import Database, Document

COLLECTION = "job_outcomes"
SUMS = "standing_sums"
UNCOUNTED = "uncounted"
AT_ONCE = 512
"""Outcomes of an older release that are counted in one go."""
_OURS = ("_id", "version", "counted")
_DUPLICATE_KEY = 11000

Told = Mapping[UUID, Mapping[UUID, Outcome]]
"""Outcomes by their partner and their id."""


class Standing(NamedTuple):
    """A partner's sums. `changed` is the version at which anything but the version last changed."""

    sums: Sums
    changed: int


class Outcomes(Protocol):
    async def remember(self, outcomes: Iterable[Outcome]) -> dict[UUID, Standing]:
        """Count them, and tell where that leaves each partner they are about. The newest version of an outcome counts;
        what is older or known changes nothing.
        """

    async def standings(self, partner_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        """Of those of whom something is known."""


class MongoOutcomes:
    def __init__(self, database: Database) -> None:
        self._outcomes = database[COLLECTION]
        self._sums = database[SUMS]

    async def prepare(self) -> None:
        """Count what an older release has left, so that the first event of a partner need not wait for it."""
        older = {"version": {"$type": "int"}}
        await self._outcomes.create_index(
            [("partner_id", 1), ("version", 1)], name=UNCOUNTED, partialFilterExpression=older
        )
        while found := [_outcome(document) async for document in self._older().limit(AT_ONCE)]:
            await self.remember(found)

    async def remember(self, outcomes: Iterable[Outcome]) -> dict[UUID, Standing]:
        told = _newest(outcomes)
        standings: dict[UUID, Standing] | None = None
        while told and standings is None:
            standings = await self._counted(told)
        return standings or {}

    async def standings(self, partner_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        cursor = self._sums.find({"_id": {"$in": list(partner_ids)}}, {"marks": 0})
        return {document["_id"]: Standing(Sums.of(document), document["changed"]) async for document in cursor}

    async def versions(self) -> dict[UUID, int]:
        """At which version each partner's standing last changed."""
        cursor = self._sums.find({}, {"changed": 1})
        return {document["_id"]: document["changed"] async for document in cursor}

    async def _counted(self, told: Told) -> dict[UUID, Standing] | None:
        """None when it has to be tried again: another replica was faster, or an older release left more than this
        counts at once.
        """
        partners = list(told)
        heads = {one["_id"]: _Head.of(one) async for one in self._sums.find({"_id": {"$in": partners}})}
        older = [document async for document in self._older({"partner_id": {"$in": partners}}).limit(AT_ONCE)]
        told = _newest(chain((one for theirs in told.values() for one in theirs.values()), map(_outcome, older)))
        ids = {*chain.from_iterable(told.values()), *(id_ for head in heads.values() for id_ in head.marks)}
        documents = {one["_id"]: one async for one in self._outcomes.find({"_id": {"$in": list(ids)}})}
        await self._write(
            mark
            for head in heads.values()
            for id_, mark in head.marks.items()
            if _counted_version(documents.get(id_)) < mark.version
        )
        heads = {one: heads.get(one) or _Head(one) for one in partners}
        counting = [head for one, head in heads.items() if head.count(told[one].values(), documents)]
        if not await self._save(counting):
            return None
        await self._write(mark for head in counting for mark in head.marks.values())
        if len(older) == AT_ONCE:
            return None
        return {one: Standing(head.sums, head.changed) for one, head in heads.items()}

    async def _save(self, heads: Collection["_Head"]) -> bool:
        """Whether all were written. A write that lost its race shows as one that is missing."""
        if not heads:
            return True
        try:
            result = await self._sums.bulk_write([head.operation() for head in heads], ordered=False)
        except BulkWriteError as error:
            failures = error.details.get("writeErrors", [])
            if failures and all(failure["code"] == _DUPLICATE_KEY for failure in failures):
                return False  # another replica made the first one
            raise
        return result.matched_count + len(result.upserted_ids or {}) == len(heads)

    async def _write(self, counted: Iterable[Outcome]) -> None:
        writes = [_as_counted(one) for one in counted]
        if writes:
            await self._outcomes.bulk_write(writes, ordered=False)

    def _older(self, where: Document | None = None) -> Any:
        """A cursor over what a release that knew no sums has written."""
        return self._outcomes.find({**(where or {}), "version": {"$type": "int"}}).hint(UNCOUNTED)


class _Head:
    """A partner's sums as they were read, and what is counted now."""

    def __init__(self, partner_id: UUID) -> None:
        self.partner_id = partner_id
        self.revision = 0
        self.changed = 0
        self.sums = Sums()
        self.marks: dict[UUID, Outcome] = {}

    @classmethod
    def of(cls, document: Document) -> "_Head":
        head = cls(document["_id"])
        head.revision, head.changed = document["revision"], document["changed"]
        head.sums = Sums.of(document)
        marks = (Outcome(mark["_id"], mark["version"], _fields(mark)) for mark in document["marks"])
        head.marks = {mark.outcome_id: mark for mark in marks}
        return head

    def count(self, told: Iterable[Outcome], documents: Mapping[UUID, Document]) -> bool:
        """Whether any of these is newer than what was counted. Then `marks` are those, else as they were."""
        new: dict[UUID, Outcome] = {}
        changed = False
        for one in told:
            before = self._before(one.outcome_id, documents.get(one.outcome_id))
            if before is None or one.version > before.version:
                changed |= self.sums.replace(before, one)
                new[one.outcome_id] = one
        if changed:
            self.changed = self.sums.version
        if new:
            self.marks = new
        return bool(new)

    def _before(self, outcome_id: UUID, document: Document | None) -> Outcome | None:
        """What was counted of an outcome."""
        mark, version = self.marks.get(outcome_id), _counted_version(document)
        if mark is not None and mark.version > version:
            return mark
        if document is None or version < 0:
            return None
        return Outcome(outcome_id, version, _fields(document["counted"]))

    def operation(self) -> UpdateOne:
        # With revision 0 there is no such document: the upsert inserts, or fails on the id if somebody was faster.
        marks = [{**mark.fields, "_id": mark.outcome_id, "version": mark.version} for mark in self.marks.values()]
        after = {**self.sums.document(), "revision": self.revision + 1, "changed": self.changed, "marks": marks}
        return UpdateOne({"_id": self.partner_id, "revision": self.revision}, {"$set": after}, upsert=not self.revision)


class MemoryOutcomes:
    def __init__(self) -> None:
        self._outcomes: dict[UUID, Outcome] = {}
        self._standings: dict[UUID, Standing] = {}

    async def remember(self, outcomes: Iterable[Outcome]) -> dict[UUID, Standing]:
        about = []
        for outcome in outcomes:
            about.append(outcome.partner_id)
            before = self._outcomes.get(outcome.outcome_id)
            if before is None or outcome.version > before.version:
                self._outcomes[outcome.outcome_id] = outcome
                sums, changed = self._standings.get(outcome.partner_id) or Standing(Sums(), 0)
                if sums.replace(before, outcome):
                    changed = sums.version
                self._standings[outcome.partner_id] = Standing(sums, changed)
        return await self.standings(about)

    async def standings(self, partner_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        return {one: self._standings[one] for one in partner_ids if one in self._standings}


def _newest(outcomes: Iterable[Outcome]) -> dict[UUID, dict[UUID, Outcome]]:
    told: dict[UUID, dict[UUID, Outcome]] = defaultdict(dict)
    for one in outcomes:
        theirs = told[one.partner_id]
        known = theirs.get(one.outcome_id)
        if known is None or one.version > known.version:
            theirs[one.outcome_id] = one
    return told


def _outcome(document: Document) -> Outcome:
    return Outcome(document["_id"], document["version"], _fields(document))


def _fields(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in _OURS}


def _counted_version(document: Document | None) -> int:
    version: int = document["counted"]["version"] if document and "counted" in document else -1
    return version


def _as_counted(one: Outcome) -> UpdateOne:
    """Say that this version is counted, and that it is the newest unless a newer one is there."""
    newest = {"$gte": [one.version, {"$ifNull": ["$version", -1]}]}
    newly = {"$gt": [one.version, {"$ifNull": ["$counted.version", -1]}]}
    stage: Document = {
        name: {"$cond": [newest, {"$literal": value}, f"${name}"]}
        for name, value in {**one.fields, "version": Int64(one.version)}.items()
    }
    stage["counted"] = {"$cond": [newly, {"$literal": {**one.fields, "version": one.version}}, "$counted"]}
    return UpdateOne({"_id": one.outcome_id}, [{"$set": stage}], upsert=True)
