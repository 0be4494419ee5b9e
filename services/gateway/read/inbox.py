"""Lists of jobs: filtered, sorted, counted, searched, in pages that stay in place while jobs move."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.gateway.read.cursors import Place, bad_cursor, cursor_of, id_of, moment_of, place_of, words_of
from services.gateway.read.projections import JOBS
from services.gateway.read.search import Place as Found
from services.gateway.read.search import Search
from services.gateway.read.tenants import MemberTenant, Query
from shared.clock import Clock
from shared.contracts.jobs import Job, Status
from shared.contracts.requests import RequestKind
from shared.documents import read, readable
from shared.http import field_problem
from shared.mongo import Database, Document, aggregated

DUE_SOON = timedelta(hours=24)
UNANSWERED = (Status.NEW, Status.OPENED)


class Sort(StrEnum):
    """`deadline` lists only jobs that still wait for a first answer: the others have no deadline any more."""

    NEWEST = "newest"
    DEADLINE = "deadline"
    ACTIVITY = "activity"


@dataclass(frozen=True)
class Wanted:
    """The filters of a list. Empty and None ask for nothing."""

    statuses: Sequence[Status] = ()
    assignee: UUID | None = None
    unassigned: bool = False
    kind: RequestKind | None = None
    due_soon: bool = False

    def query(self, now: datetime) -> Query:
        """The part of a query that these filters are, on the fields that jobs are listed by."""
        parts: list[Query] = []
        if self.statuses:
            parts.append({"status": {"$in": [status.value for status in self.statuses]}})
        if self.assignee:
            parts.append({"assignees": str(self.assignee)})
        if self.unassigned:
            parts.append({"assignees": []})
        if self.kind:
            parts.append({"kind": self.kind.value})
        if self.due_soon:
            parts.append({"deadline": {"$lte": now + DUE_SOON}, "status": _unanswered()})
        return {"$and": parts} if parts else {}


@dataclass(frozen=True)
class Page:
    """`found` tells where the words that were searched stand, by job."""

    jobs: list[Job]
    next_cursor: str | None
    found: dict[UUID, list[Found]] = field(default_factory=dict)


class Inbox:
    def __init__(self, database: Database, search: Search, clock: Clock) -> None:
        self._jobs = database[JOBS]
        self._search = search
        self._clock = clock

    async def page(self, tenant: Query, wanted: Wanted, sort: Sort, cursor: str | None, limit: int) -> Page:
        """The next `limit` jobs of the tenant. A job that does not move is shown once; raises `Problem` 422 for a
        cursor of another list.
        """
        query = {"$and": [tenant, wanted.query(self._clock.now())]}
        words = words_of(cursor) if cursor else []
        if words and words[0] != sort.value:
            raise bad_cursor()
        if sort is Sort.ACTIVITY:
            return await self._by_activity(query, words[1:], limit)
        if sort is Sort.DEADLINE:
            query = {"$and": [query, {"status": _unanswered()}]}
        name, way = ("deadline", 1) if sort is Sort.DEADLINE else ("created_at", -1)
        after = await self._place(tenant, name, words[1:]) if words else None
        documents = await self._ordered(query, name, way, after, limit + 1)
        more = documents[limit - 1] if len(documents) > limit else None
        next_cursor = cursor_of(sort.value, more["_id"]) if more else None
        return Page(jobs_of(documents[:limit]), next_cursor)

    async def found(self, tenant: MemberTenant, q: str, wanted: Wanted, cursor: str | None, limit: int) -> Page:
        """The tenant's jobs in which these words stand, newest first."""
        words = words_of(cursor) if cursor else []
        if words and words[0] != "found":
            raise bad_cursor()
        before = place_of(words[1:]) if words else None
        if wanted.due_soon:
            wrong = {"field": "query.due_soon", "message": "Search without this filter.", "code": "not_with_q"}
            raise field_problem([wrong])
        filters = {"$and": [tenant.assigned(), wanted.query(self._clock.now())]}
        hits = await self._search.find(tenant.partner_id, q, filters=filters, before=before, limit=limit + 1)
        more = hits[limit - 1] if len(hits) > limit else None
        shown = [hit for hit in hits[:limit] if tenant.sees(hit.job)]  # the index may be behind
        next_cursor = cursor_of("found", more.created_at, more.job_id) if more else None
        return Page([hit.job for hit in shown], next_cursor, {hit.job_id: hit.places for hit in shown})

    async def counts(self, tenant: Query, wanted: Wanted) -> dict[Status, int]:
        """How many of the tenant's jobs are in each status."""
        pipeline: list[Document] = [
            {"$match": {"$and": [tenant, wanted.query(self._clock.now())]}},
            {"$group": {"_id": {"status": "$status"}, "jobs": {"$sum": 1}}},
        ]
        counted = {one["_id"]["status"]: one["jobs"] for one in await aggregated(self._jobs, pipeline)}
        return {status: counted.get(status.value, 0) for status in Status}

    async def _place(self, tenant: Query, name: str, words: Sequence[str]) -> Place:
        """Where the job stands that a cursor names. When it was made is not in the cursor, nor can one be made up to
        ask: a merchant must not learn when a partner was asked. Raises `Problem` 422 for a job that is not theirs.
        """
        job_id = id_of(words)
        whose = {key: value for key, value in tenant.items() if key != "assignees"}  # who is assigned may have changed
        found = await self._jobs.find_one({"$and": [whose, {"_id": job_id}]}, {name: 1})
        if found is None:
            raise bad_cursor()
        return found[name], job_id

    async def _by_activity(self, query: Query, words: Sequence[str], limit: int) -> Page:
        """The last active first. What moves after the first page was read would jump out of the pages still to come;
        it comes again behind them, in the order in which it moved.
        """
        as_of, part, after = None, "", None
        if words:
            as_of, part, after = moment_of(words[0]), words[1] if len(words) > 1 else "", place_of(words[2:])
        resting: list[dict[str, Any]] = []
        if part != "moved":
            bound = {"last_activity_at": {"$lte": as_of}} if as_of else {}
            resting = await self._ordered({"$and": [query, bound]}, "last_activity_at", -1, after, limit + 1)
        as_of = as_of or (resting[0]["last_activity_at"] if resting else self._clock.now())
        documents = resting
        if len(resting) <= limit:
            since = {"$and": [query, {"last_activity_at": {"$gt": as_of}}]}
            place = after if part == "moved" else None
            documents = resting + await self._ordered(since, "last_activity_at", 1, place, limit + 1 - len(resting))
        if len(documents) <= limit:
            return Page(jobs_of(documents), None)
        last, part = documents[limit - 1], "resting" if limit <= len(resting) else "moved"
        next_cursor = cursor_of(Sort.ACTIVITY.value, as_of, part, last["last_activity_at"], last["_id"])
        return Page(jobs_of(documents[:limit]), next_cursor)

    async def _ordered(
        self, query: Query, name: str, way: int, after: Place | None, limit: int
    ) -> list[dict[str, Any]]:
        if after:
            query = {"$and": [query, behind(name, way, after)]}
        # Without the fields that jobs are listed by: making their ids in Python took a third of the query's time.
        found = self._jobs.find(query, {"job": 1, name: 1}).sort([(name, way), ("_id", way)]).limit(limit)
        return [document async for document in found]


def job_of(document: dict[str, Any]) -> Job:
    return read(Job, document["job"], document["_id"])


def jobs_of(documents: Iterable[dict[str, Any]]) -> list[Job]:
    """Those that this release can read."""
    return list(readable(Job, ((document["_id"], document["job"]) for document in documents)))


def _unanswered() -> Query:
    return {"$in": [status.value for status in UNANSWERED]}


def behind(name: str, way: int, place: Place) -> Query:
    """What stands behind a place. The bound on the field alone is what an index can use."""
    at, document_id = place
    beyond, up_to = ("$gt", "$gte") if way > 0 else ("$lt", "$lte")
    return {name: {up_to: at}, "$or": [{name: {beyond: at}}, {"_id": {beyond: document_id}}]}
