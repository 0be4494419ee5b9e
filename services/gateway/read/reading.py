"""Queries on the read models, but for lists of jobs (`inbox.py`). The tenant is part of each query."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from services.gateway.api.views import TALK, Entry, entry
from services.gateway.read.cursors import bad_cursor, cursor_of, place_of, words_of
from services.gateway.read.deliveries import DELIVERIES, Delivery, delivery
from services.gateway.read.explanations import ALTERNATIVES, EXPLANATIONS, Explanation, explanation
from services.gateway.read.inbox import behind, job_of, jobs_of
from services.gateway.read.projections import (
    JOBS,
    LEADS,
    PARTNERS,
    REQUESTS,
    STANDINGS,
    TEAMS_VERSION,
    TIMELINE,
    VERSION_FOR,
)
from services.gateway.read.tenants import Query
from shared.contracts.base import ActorKind, Message
from shared.contracts.jobs import Job
from shared.contracts.leads import Lead
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Partner
from shared.contracts.requests import Request, merchant_id_of
from shared.contracts.seen import SEEN
from shared.documents import read, readable
from shared.http import Problem
from shared.mongo import Collection, Database

CATCH_UP_SECONDS = 3.0
PAGE = 50


@dataclass(frozen=True)
class RequestsPage:
    requests: list[Request]
    next_cursor: str | None


@dataclass(frozen=True)
class LeadsPage:
    leads: list[Lead]
    next_cursor: str | None


@dataclass(frozen=True)
class ExplanationsPage:
    explanations: list[Explanation]
    next_cursor: str | None


@dataclass(frozen=True)
class TimelinePage:
    """Steps, the oldest first; `older_cursor` is for those before them."""

    timeline: list[Entry]
    older_cursor: str | None


class Reading:
    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._timeline = database[TIMELINE]
        self._deliveries = database[DELIVERIES]
        self._partners = database[PARTNERS]
        self._standings = database[STANDINGS]
        self._requests = database[REQUESTS]
        self._leads = database[LEADS]
        self._explanations = database[EXPLANATIONS]
        self._alternatives = database[ALTERNATIVES]

    async def job(self, tenant: Query, job_id: UUID, min_version: int = 0, side: ActorKind = ActorKind.PARTNER) -> Job:
        """One job of the tenant, at `min_version` or later as this side counts. Raises `Problem` 404, also for somebody
        else's job; 503 when the read model has not come that far in time.
        """
        mine = {**tenant, "_id": job_id}
        return job_of(await _at_version(self._jobs, mine, min_version, "job", counted_as=VERSION_FOR[side]))

    async def timeline(self, job: Job, side: ActorKind, cursor: str | None = None, limit: int = PAGE) -> TimelinePage:
        """The last `limit` steps that this side may see of a job that the caller has been allowed to see, or those
        before a page that was read, the oldest first. Raises `Problem` 422 for a cursor of something else.
        """
        before = await self._before(job, side, cursor) if cursor else None
        query = {"job_id": job.job_id, **seen_by(side)}
        if before:
            query["version"] = {"$lt": before.version}
        found = self._timeline.find(query, {"job_id": 0, "tokens": 0}).sort("version", -1).limit(limit + 1)
        steps = [document async for document in found]
        more, steps = len(steps) > limit, steps[:limit]
        newest = before.number - 1 if before else await self._number(job, side, steps)
        told = [entry(document, side, newest - place) for place, document in enumerate(steps)]
        older = cursor_of("timeline", told[-1].id, str(told[-1].version)) if more else None
        return TimelinePage(told[::-1], older)

    async def conversation(self, job: Job, cursor: str | None = None) -> TimelinePage:
        """As `timeline`, for operators who look into a report: what passed between the two sides, and nothing of what
        the partner's team said among itself.
        """
        return await self.timeline(job, ActorKind.MERCHANT, cursor)

    async def any_job(self, job_id: UUID) -> Job:
        """Anybody's, for operators alone. Raises `Problem` 404."""
        return await self.job({}, job_id)

    async def any_lead(self, lead_id: UUID) -> Lead:
        """As `any_job`."""
        return read(Lead, (await _at_version(self._leads, {"_id": lead_id}, 0, "lead"))["lead"], lead_id)

    async def any_request(self, request_id: UUID) -> Request:
        """As `any_job`."""
        found = await _at_version(self._requests, {"_id": request_id}, 0, "request")
        return read(Request, found["request"], request_id)

    async def address_of(self, merchant_id: UUID) -> str:
        """The address of this merchant or prospect, confirmed or not, by a request that still has it: one that nobody
        confirmed loses its words. Raises `Problem` 404.
        """
        found = self._requests.find({"merchant_id": merchant_id}, {"request.details.merchant.email": 1})
        async for document in found:
            email = str(document["request"]["details"]["merchant"]["email"])
            if merchant_id_of(email) == merchant_id:
                return email
        raise Problem(404, "not_found", "There is no such merchant.")

    async def said(self, job: Job, version: int | None = None) -> int:
        """The number of messages and comments of a job, up to this version as the partner counts; None is the job's
        own.
        """
        talk = {"job_id": job.job_id, "type": {"$in": sorted(TALK)}}
        upto = await self._place_of(job, ActorKind.PARTNER, version)
        return await self._timeline.count_documents({**talk, "version": {"$lte": upto}})

    async def _before(self, job: Job, side: ActorKind, cursor: str) -> "_Step":
        """The step that a page ended with. What a cursor names is looked up among what this side may see: else it could
        be asked which places in the log there are.
        """
        words = words_of(cursor)
        if len(words) != 3 or words[0] != "timeline" or not re.fullmatch(r"[0-9]{1,15}", words[2]):
            raise bad_cursor("older_cursor")
        try:
            step = {"_id": UUID(words[1]), "job_id": job.job_id, **seen_by(side)}
        except ValueError:
            raise bad_cursor("older_cursor") from None
        found = await self._timeline.find_one(step, {"version": 1})
        if found is None:
            raise bad_cursor("older_cursor")
        return _Step(found["version"], int(words[2]))

    async def _number(self, job: Job, side: ActorKind, steps: Sequence[dict[str, Any]]) -> int:
        """As what this side counts the newest of these steps. The timeline may be ahead of the job, and in the timeline
        may stand what the job has from an earlier release, which counted everything.
        """
        if not steps:
            return 0
        newest, known = steps[0]["version"], job.version_for(side)
        low, high = sorted((newest, job.version))
        between = {"job_id": job.job_id, **seen_by(side), "version": {"$gt": low, "$lte": high}}
        apart = await self._timeline.count_documents(between) if low < high else 0
        return known + apart if newest > job.version else known - apart

    async def _place_of(self, job: Job, side: ActorKind, version: int | None) -> int:
        """Up to which version of the job this side has seen it."""
        later = job.version_for(side) - version if version is not None else 0
        if later <= 0:
            return job.version
        seen = {"job_id": job.job_id, **seen_by(side), "version": {"$lte": job.version}}
        found = self._timeline.find(seen, {"version": 1}).sort("version", -1).skip(later).limit(1)
        return next((int(one["version"]) for one in [document async for document in found]), 0)

    async def deliveries(self, about: UUID, side: ActorKind) -> list[Delivery]:
        """What became of the mails about a job, a lead or a request that the caller may see, the oldest first: those
        that went to this side.
        """
        found = self._deliveries.find({"about": about, "side": side.value}).sort("at", 1)
        return [delivery(document) async for document in found]

    async def standing(self, partner_id: UUID) -> StandingChanged:
        """What matching knows of a partner; an empty standing for a newcomer."""
        document = await self._standings.find_one({"_id": partner_id})
        if document is None:
            return StandingChanged.newcomers(partner_id)
        return read(StandingChanged, document["standing"], partner_id)

    async def partner(self, partner_id: UUID, min_version: int = 0) -> Partner:
        """One partner, at `min_version` or later. Raises `Problem` as `job` does."""
        found = await _at_version(self._partners, {"_id": partner_id}, min_version, "partner", counted_as=TEAMS_VERSION)
        return _partner(found)

    async def partners(self, partner_ids: Sequence[UUID]) -> dict[UUID, Partner]:
        cursor = self._partners.find({"_id": {"$in": list(partner_ids)}})
        documents = [(document["_id"], document["partner"]) async for document in cursor]
        return {partner.partner_id: partner for partner in readable(Partner, documents)}

    async def request(self, merchant_id: UUID, request_id: UUID) -> Request:
        """One request of the merchant. Raises `Problem` 404."""
        found = await _at_version(self._requests, {"_id": request_id, "merchant_id": merchant_id}, 0, "request")
        return read(Request, found["request"], request_id)

    async def requests(self, merchant_id: UUID, cursor: str | None) -> RequestsPage:
        """The merchant's requests, newest first."""
        documents, next_cursor = await page_of(self._requests, {"merchant_id": merchant_id}, "submitted_at", cursor)
        found = readable(Request, ((document["_id"], document["request"]) for document in documents))
        return RequestsPage(list(found), next_cursor)

    async def leads(self, partner_id: UUID, cursor: str | None) -> LeadsPage:
        """The partner's leads, newest first."""
        documents, next_cursor = await page_of(self._leads, {"partner_id": partner_id}, "delivered_at", cursor)
        found = readable(Lead, ((document["_id"], document["lead"]) for document in documents))
        return LeadsPage(list(found), next_cursor)

    async def lead(self, partner_id: UUID, lead_id: UUID) -> Lead:
        """One lead of the partner. Raises `Problem` 404."""
        found = await _at_version(self._leads, {"_id": lead_id, "partner_id": partner_id}, 0, "lead")
        return read(Lead, found["lead"], lead_id)

    async def explanations(self, tenant: Query, sought: Query, cursor: str | None) -> ExplanationsPage:
        """Why matching has asked the tenant, or has not, newest first."""
        documents, next_cursor = await page_of(self._explanations, {"$and": [tenant, sought]}, "at", cursor)
        return ExplanationsPage([explanation(document) for document in documents], next_cursor)

    async def alternatives(self, merchant_id: UUID, request_ids: Sequence[UUID]) -> dict[UUID, list[Partner]]:
        """Who else could take the merchant's requests that nobody has taken, the best first, by request: those whose
        profile can be seen.
        """
        mine = {"merchant_id": merchant_id, "_id": {"$in": list(request_ids)}}
        offered = {one["_id"]: one["alternatives"] async for one in self._alternatives.find(mine)}
        partners = await self.partners([partner_id for some in offered.values() for partner_id in some])
        shown = {partner_id: one for partner_id, one in partners.items() if one.shown}
        return {
            request_id: [shown[partner_id] for partner_id in some if partner_id in shown]
            for request_id, some in offered.items()
        }

    async def jobs_of_requests(self, tenant: Query, request_ids: Sequence[UUID]) -> list[Job]:
        """The tenant's jobs that came of these requests, the oldest first."""
        mine = {"$and": [tenant, {"request_id": {"$in": list(request_ids)}}]}
        return jobs_of([document async for document in self._jobs.find(mine).sort("created_at", 1)])

    async def knows(self, tenant: Query, partner_id: UUID) -> bool:
        """Whether the tenant has a job with this partner."""
        return await self._jobs.find_one({"$and": [tenant, {"partner_id": partner_id}]}, {"_id": 1}) is not None


async def page_of(
    collection: Collection, query: Query, by: str, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of documents, newest first by a time that never changes, and where the next one starts."""
    if cursor:
        query = {**query, **behind(by, -1, place_of(words_of(cursor)))}
    found = collection.find(query).sort([(by, -1), ("_id", -1)]).limit(PAGE + 1)
    documents = [document async for document in found]
    more = documents[PAGE - 1] if len(documents) > PAGE else None
    return documents[:PAGE], cursor_of(more[by], more["_id"]) if more else None


async def _at_version(
    collection: Collection, query: Query, min_version: int, what: str, *, counted_as: str = "version"
) -> dict[str, Any]:
    document = await collection.find_one(query)
    if document is None:
        raise Problem(404, "not_found", f"There is no such {what}.")
    if _counted(document, counted_as) < min_version:
        await _until(lambda: _has(collection, {**query, counted_as: {"$gte": min_version}}))
        document = await collection.find_one(query) or document
    if _counted(document, counted_as) < min_version:
        raise Problem(503, "catching_up", f"The newest version of this {what} is not here yet. Try again in a moment.")
    return document


def _counted(document: dict[str, Any], by: str) -> int:
    """An earlier release wrote down the aggregate's version alone."""
    return int(document.get(by, document["version"]))


async def _has(collection: Collection, query: Query) -> bool:
    return await collection.find_one(query, {"_id": 1}) is not None


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the read model is there, a moment at most: it is some milliseconds behind its topic."""
    deadline = asyncio.get_running_loop().time() + CATCH_UP_SECONDS
    while not await holds() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)


def seen_by(side: ActorKind) -> Query:
    """Which of a timeline's entries this side may see. What a newer release says is not known to be among them."""
    always = [fact.__name__ for fact, seen in SEEN.items() if seen.by(side) is True]
    sometimes = [_if_it_says(fact, field) for fact, seen in SEEN.items() if isinstance(field := seen.by(side), str)]
    return {"$or": [{"type": {"$in": sorted(always)}}, *sometimes]}


def _if_it_says(fact: type[Message], field: str) -> Query:
    """An entry of an earlier release says what the field's default does."""
    meant = fact.model_fields[field].default
    return {"type": fact.__name__, f"fact.{field}": {"$ne": False} if meant else True}


class _Step(NamedTuple):
    """A step of a timeline: its place in the log, and as what a side counts it."""

    version: int
    number: int


def _partner(document: dict[str, Any]) -> Partner:
    return read(Partner, document["partner"], document["_id"])
