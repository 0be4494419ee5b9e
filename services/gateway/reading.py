"""Queries on the read models. The tenant is part of each query: nobody's job is fetched and then hidden."""

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.gateway.projections import JOBS, PARTNERS, STANDINGS, TIMELINE, folded
from services.gateway.views import MERCHANT_SEES, Entry, entry
from shared.contracts.jobs import Job, Status
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Partner
from shared.http import Problem, field_problem
from shared.mongo import Database

PAGE = 50
CATCH_UP_SECONDS = 3.0

Tenant = dict[str, Any]
"""The part of a query that says whose jobs are meant."""


def partner_tenant(partner_id: UUID) -> Tenant:
    return {"partner_id": partner_id}


def merchant_tenant(merchant_id: UUID) -> Tenant:
    """A merchant's jobs that it may know of: introduced, or asked for by name."""
    return {"merchant_id": merchant_id, "$or": [{"introduced": True}, {"kind": "direct"}]}


@dataclass(frozen=True)
class Page:
    jobs: list[Job]
    next_cursor: str | None


class Reading:
    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._timeline = database[TIMELINE]
        self._partners = database[PARTNERS]
        self._standings = database[STANDINGS]

    async def jobs(self, tenant: Tenant, *, status: Status | None, q: str | None, cursor: str | None) -> Page:
        """The tenant's jobs, newest first; the order never changes, so paging is stable while jobs move."""
        query: dict[str, Any] = {"$and": [tenant]}
        if status:
            query["status"] = status.value
        if q and q.strip():
            query["search"] = {"$regex": re.escape(folded(q.strip()))}
        if cursor:
            created_at, job_id = _read_cursor(cursor)
            query["$and"].append(
                {"$or": [{"created_at": {"$lt": created_at}}, {"created_at": created_at, "_id": {"$lt": job_id}}]}
            )
        found = self._jobs.find(query).sort([("created_at", -1), ("_id", -1)]).limit(PAGE + 1)
        documents = [document async for document in found]
        more = documents[PAGE - 1] if len(documents) > PAGE else None
        return Page([_job(document) for document in documents[:PAGE]], _cursor(more) if more else None)

    async def job(self, tenant: Tenant, job_id: UUID, min_version: int = 0) -> Job:
        """One job of the tenant, at `min_version` or later. Raises `Problem` 404, also for somebody else's job; 503
        when the read model has not come that far in time.
        """
        mine = {"_id": job_id, **tenant}
        document = await self._jobs.find_one(mine)
        if document is None:
            raise Problem(404, "not_found", "There is no such job.")
        if document["version"] < min_version:
            await _until(lambda: self._has({**mine, "version": {"$gte": min_version}}))
            document = await self._jobs.find_one(mine) or document
        if document["version"] < min_version:
            raise Problem(503, "catching_up", "The newest version of this job is not here yet. Try again in a moment.")
        return _job(document)

    async def timeline(self, job_id: UUID, *, for_merchant: bool = False) -> list[Entry]:
        """What happened to a job that the caller has been allowed to see."""
        query: dict[str, Any] = {"job_id": job_id}
        if for_merchant:
            query["type"] = {"$in": sorted(MERCHANT_SEES)}
        return [
            entry(document, for_merchant=for_merchant)
            async for document in self._timeline.find(query).sort("version", 1)
        ]

    async def standing(self, partner_id: UUID) -> StandingChanged:
        """What matching knows of a partner; an empty standing for a newcomer."""
        document = await self._standings.find_one({"_id": partner_id})
        if document is None:
            return StandingChanged.newcomers(partner_id)
        return StandingChanged.model_validate(document["standing"])

    async def partner(self, partner_id: UUID) -> Partner | None:
        found = await self.partners([partner_id])
        return found.get(partner_id)

    async def partners(self, partner_ids: list[UUID]) -> dict[UUID, Partner]:
        cursor = self._partners.find({"_id": {"$in": partner_ids}})
        return {document["_id"]: Partner.model_validate(document["partner"]) async for document in cursor}

    async def _has(self, query: dict[str, Any]) -> bool:
        return await self._jobs.find_one(query, {"_id": 1}) is not None


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the read model is there, a moment at most: it is some milliseconds behind its topic."""
    deadline = asyncio.get_running_loop().time() + CATCH_UP_SECONDS
    while not await holds() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)


def _job(document: dict[str, Any]) -> Job:
    return Job.model_validate(document["job"])


def _cursor(document: dict[str, Any]) -> str:
    place = [document["created_at"].isoformat(), str(document["_id"])]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, job_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(created_at).astimezone(UTC), UUID(job_id)
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
        wrong = {"field": "query.cursor", "message": "Use the next_cursor of the last page.", "code": "cursor"}
        raise field_problem([wrong]) from None
