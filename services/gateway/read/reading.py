"""Queries on the read models, but for lists of jobs (`inbox.py`). The tenant is part of each query."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.gateway.api.views import MERCHANT_SEES, PARTNER_NEVER_SEES, TALK, Entry, entry
from services.gateway.read.cursors import cursor_of, place_of, words_of
from services.gateway.read.inbox import behind, job_of
from services.gateway.read.projections import JOBS, PARTNERS, REQUESTS, STANDINGS, TIMELINE
from services.gateway.read.tenants import Query
from shared.contracts.jobs import Job
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Partner
from shared.contracts.requests import Request
from shared.http import Problem
from shared.mongo import Collection, Database

CATCH_UP_SECONDS = 3.0
REQUESTS_PAGE = 50


@dataclass(frozen=True)
class RequestsPage:
    requests: list[Request]
    next_cursor: str | None


class Reading:
    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._timeline = database[TIMELINE]
        self._partners = database[PARTNERS]
        self._standings = database[STANDINGS]
        self._requests = database[REQUESTS]

    async def job(self, tenant: Query, job_id: UUID, min_version: int = 0) -> Job:
        """One job of the tenant, at `min_version` or later. Raises `Problem` 404, also for somebody else's job; 503
        when the read model has not come that far in time.
        """
        return job_of(await _at_version(self._jobs, {**tenant, "_id": job_id}, min_version, "job"))

    async def timeline(self, job_id: UUID, *, for_merchant: bool = False) -> list[Entry]:
        """What happened to a job that the caller has been allowed to see."""
        types = {"$in": sorted(MERCHANT_SEES)} if for_merchant else {"$nin": sorted(PARTNER_NEVER_SEES)}
        found = self._timeline.find({"job_id": job_id, "type": types}, {"job_id": 0}).sort("version", 1)
        return [entry(document, for_merchant=for_merchant) async for document in found]

    async def said(self, job_id: UUID, version: int) -> int:
        """The number of messages and comments of a job up to this version."""
        talk = {"job_id": job_id, "version": {"$lte": version}, "type": {"$in": sorted(TALK)}}
        return await self._timeline.count_documents(talk)

    async def standing(self, partner_id: UUID) -> StandingChanged:
        """What matching knows of a partner; an empty standing for a newcomer."""
        document = await self._standings.find_one({"_id": partner_id})
        if document is None:
            return StandingChanged.newcomers(partner_id)
        return StandingChanged.model_validate(document["standing"])

    async def partner(self, partner_id: UUID, min_version: int = 0) -> Partner:
        """One partner, at `min_version` or later. Raises `Problem` as `job` does."""
        return _partner(await _at_version(self._partners, {"_id": partner_id}, min_version, "partner"))

    async def partners(self, partner_ids: Sequence[UUID]) -> dict[UUID, Partner]:
        cursor = self._partners.find({"_id": {"$in": list(partner_ids)}})
        return {document["_id"]: _partner(document) async for document in cursor}

    async def has_slug(self, slug: str, *, besides: UUID) -> bool:
        """Whether another partner's profile has this name in its address."""
        return await self._partners.find_one({"slug": slug, "_id": {"$ne": besides}}, {"_id": 1}) is not None

    async def request(self, merchant_id: UUID, request_id: UUID) -> Request:
        """One request of the merchant. Raises `Problem` 404."""
        found = await _at_version(self._requests, {"_id": request_id, "merchant_id": merchant_id}, 0, "request")
        return Request.model_validate(found["request"])

    async def requests(self, merchant_id: UUID, cursor: str | None) -> RequestsPage:
        """The merchant's requests, newest first."""
        query: Query = {"merchant_id": merchant_id}
        if cursor:
            query |= behind("submitted_at", -1, place_of(words_of(cursor)))
        found = self._requests.find(query).sort([("submitted_at", -1), ("_id", -1)]).limit(REQUESTS_PAGE + 1)
        documents = [document async for document in found]
        more = documents[REQUESTS_PAGE - 1] if len(documents) > REQUESTS_PAGE else None
        requests = [Request.model_validate(document["request"]) for document in documents[:REQUESTS_PAGE]]
        return RequestsPage(requests, cursor_of(more["submitted_at"], more["_id"]) if more else None)

    async def jobs_of_requests(self, tenant: Query, request_ids: Sequence[UUID]) -> list[Job]:
        """The tenant's jobs that came of these requests, the oldest first."""
        mine = {"$and": [tenant, {"request_id": {"$in": list(request_ids)}}]}
        return [job_of(document) async for document in self._jobs.find(mine).sort("created_at", 1)]

    async def knows(self, tenant: Query, partner_id: UUID) -> bool:
        """Whether the tenant has a job with this partner."""
        return await self._jobs.find_one({"$and": [tenant, {"partner_id": partner_id}]}, {"_id": 1}) is not None


async def _at_version(collection: Collection, query: Query, min_version: int, what: str) -> dict[str, Any]:
    document = await collection.find_one(query)
    if document is None:
        raise Problem(404, "not_found", f"There is no such {what}.")
    if document["version"] < min_version:
        await _until(lambda: _has(collection, {**query, "version": {"$gte": min_version}}))
        document = await collection.find_one(query) or document
    if document["version"] < min_version:
        raise Problem(503, "catching_up", f"The newest version of this {what} is not here yet. Try again in a moment.")
    return document


async def _has(collection: Collection, query: Query) -> bool:
    return await collection.find_one(query, {"_id": 1}) is not None


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the read model is there, a moment at most: it is some milliseconds behind its topic."""
    deadline = asyncio.get_running_loop().time() + CATCH_UP_SECONDS
    while not await holds() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)


def _partner(document: dict[str, Any]) -> Partner:
    return Partner.model_validate(document["partner"])
