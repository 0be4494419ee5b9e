"""What a dashboard asks for, and beside each question the bare queries that fetch the same documents.

A bare query is what one would write by hand with PyMongo: the filter as a literal, the documents as a list, and nothing
done with them. It stands here by itself and shares no code with the gateway, whose answers it is compared with.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from deploy.bench.inbox.loading import Reader
from shared.mongo import Collection, Database, aggregated

PAGE = 50
PAGES_BEFORE = 4
THREAD = 20
"""Entries that a job must have at least to be asked for alone."""
UNANSWERED = {"$in": ["new", "opened"]}
SAID = {"$in": ["CommentAdded", "JobReplied", "MerchantReplied"]}
NEVER_SHOWN = {"$nin": ["JobBlocked"]}

Query = dict[str, Any]
Order = list[tuple[str, int]]
NEWEST: Order = [("created_at", -1), ("_id", -1)]
ACTIVITY: Order = [("last_activity_at", -1), ("_id", -1)]
DEADLINE: Order = [("deadline", 1), ("_id", 1)]

Bare = Callable[[], Awaitable[Any]]
"""Gives what the answer's documents are known by: the ids of jobs in order, the number of entries, the counts."""


@dataclass(frozen=True)
class Question:
    path: str
    bare: Bare


@dataclass(frozen=True)
class Class:
    """Questions of one kind, asked in turns. `kind` is what the target names: list, search or one job."""

    kind: str
    name: str
    questions: Sequence[Question]


class Asking:
    """The questions of one reader."""

    def __init__(self, database: Database, reader: Reader) -> None:
        self._jobs: Collection = database["job_view"]
        self._timeline: Collection = database["timeline_view"]
        self._marks: Collection = database["read_marks"]
        self._search: Collection = database["search_view"]
        self._words: Collection = database["search_words"]
        self._owner = reader.team.owner
        self._mine: Query = {"partner_id": reader.team.partner_id}

    async def newest(self, count: int) -> list[tuple[UUID, int]]:
        """The newest jobs and their versions."""
        found = self._jobs.find(self._mine, {"version": 1}).sort(NEWEST).limit(count)
        return [(document["_id"], document["version"]) for document in await found.to_list()]

    async def classes(self, cursor: str) -> list[Class]:
        """`cursor` is where the fourth page of the newest ends."""
        before = await self._before_page(PAGES_BEFORE)
        replied, mine = {"status": {"$in": ["replied"]}}, {"assignees": str(self._owner)}
        open_jobs = {"status": UNANSWERED}
        return [
            self._list("newest, page 1", {}, {}, NEWEST),
            self._list("newest, page 5", {"cursor": cursor}, before, NEWEST),
            self._list("status replied", {"status": "replied"}, replied, NEWEST),
            self._list("by activity", {"sort": "activity"}, {}, ACTIVITY),
            self._list("by deadline", {"sort": "deadline"}, open_jobs, DEADLINE),
            self._list("assigned to me", {"assignee": str(self._owner)}, mine, NEWEST),
            self._list("unassigned", {"unassigned": "true"}, {"assignees": []}, NEWEST),
            Class("counts", "by status", [Question("/api/v1/jobs/counts", self._counts)]),
            self._found("common word", ("checkout ", _words("checkout")), ("photos ", _words("photos"))),
            self._found("prefix", ("subscr", _prefix("subscr")), ("invoi", _prefix("invoi"))),
            self._found(
                "two words",
                ("phones budget ", [*_words("phones"), *_words("budget")]),
                ("theme newer ", [*_words("theme"), *_words("newer")]),
            ),
            self._found("ja, 1 character", ("色", _words("色")), ("茶", _words("茶"))),
            self._found("ja, 2 characters", ("検索", _words("検索")), ("在庫", _words("在庫"))),
            self._found("ja, 4 characters", ("商品写真", _run("商品写真")), ("定期購入", _run("定期購入"))),
            self._typo("one typo", ("chekcout ", "checkout"), ("subscripton ", "subscription")),
            self._found("word of comments", ("retainer ", _words("retainer")), ("timesheet ", _words("timesheet"))),
            Class("one job", f"with {THREAD} entries and more", [self._one(one) for one in await self._long()]),
        ]

    def _list(self, name: str, asked: dict[str, str], query: Query, order: Order) -> Class:
        async def bare() -> list[UUID]:
            found = self._jobs.find({**self._mine, **query}).sort(order).limit(PAGE + 1)
            jobs = [job["_id"] for job in await found.to_list()][:PAGE]
            await self._read_marks(jobs)
            return jobs

        return Class("list", name, [Question(f"/api/v1/jobs?{urlencode(asked)}", bare)])

    def _found(self, name: str, *searched: tuple[str, list[Query]]) -> Class:
        return Class("search", name, [self._search_for(q, {"$and": tokens}) for q, tokens in searched])

    def _typo(self, name: str, *typed: tuple[str, str]) -> Class:
        return Class("search", name, [self._search_for(q, _words(meant)[0], typed=q) for q, meant in typed])

    def _search_for(self, q: str, tokens: Query, typed: str = "") -> Question:
        word = typed.strip()
        keys = [word, *(word[:place] + word[place + 1 :] for place in range(len(word)))] if word else []

        async def bare() -> list[UUID]:
            if keys:
                await self._words.find({"keys": {"$in": keys}}, {"_id": 1}).to_list()
            found = self._search.find({**self._mine, **tokens}, {"created_at": 1}).sort(NEWEST).limit(PAGE + 1)
            jobs = [job["_id"] for job in await found.to_list()]
            await self._jobs.find({"_id": {"$in": jobs}}).to_list()
            may_hold = [{"job_id": {"$in": jobs}, **one} for one in (*tokens.get("$and", [tokens]), {"tokens": None})]
            await self._timeline.find({"$or": may_hold, "type": SAID}, {"tokens": 0}).to_list()
            await self._read_marks(jobs[:PAGE])
            return jobs[:PAGE]

        return Question(f"/api/v1/jobs?{urlencode({'q': q})}", bare)

    def _one(self, job_id: UUID) -> Question:
        async def bare() -> int:
            await self._jobs.find_one({"_id": job_id, **self._mine})
            await self._read_marks([job_id])
            found = self._timeline.find({"job_id": job_id, "type": NEVER_SHOWN}).sort("version", -1).limit(PAGE + 1)
            return len((await found.to_list())[:PAGE])

        return Question(f"/api/v1/jobs/{job_id}", bare)

    async def _counts(self) -> dict[str, int]:
        pipeline: list[dict[str, Any]] = [{"$match": self._mine}, {"$group": {"_id": "$status", "jobs": {"$sum": 1}}}]
        return {one["_id"]: one["jobs"] for one in await aggregated(self._jobs, pipeline)}

    async def _read_marks(self, jobs: Sequence[UUID]) -> None:
        await self._marks.find({"_id": {"$in": [self._owner.bytes + job_id.bytes for job_id in jobs]}}).to_list()

    async def _long(self) -> list[UUID]:
        found = self._jobs.find({**self._mine, "version": {"$gte": THREAD}}, {"_id": 1}).sort(NEWEST).limit(5)
        return [document["_id"] for document in await found.to_list()]

    async def _before_page(self, pages: int) -> Query:
        """What stands behind so many pages of the newest."""
        found = self._jobs.find(self._mine, {"created_at": 1}).sort(NEWEST).skip(pages * PAGE - 1).limit(1)
        for last in await found.to_list():
            at: datetime = last["created_at"]
            return {"created_at": {"$lte": at}, "$or": [{"created_at": {"$lt": at}}, {"_id": {"$lt": last["_id"]}}]}
        return {}


def _words(*words: str) -> list[Query]:
    """As said to the merchant or among the team."""
    return [{"tokens": {"$in": [mark + word for word in words for mark in ("", "#")]}}]


def _prefix(prefix: str) -> list[Query]:
    return [{"$or": [{"tokens": {"$regex": f"^{mark}{prefix}"}} for mark in ("", "#")]}]


def _run(run: str) -> list[Query]:
    return [condition for place in range(len(run) - 1) for condition in _words(run[place : place + 2])]
