"""The partners that somebody can write to, for the forms."""

from typing import Any
from uuid import UUID

from services.leads.profiles import is_contactable
from services.leads.projections import PROFILES
from shared.clock import Clock
from shared.contracts.requests import RequestKind
from shared.mongo import Database, Document


class Directory:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._partners = database[PROFILES]
        self._clock = clock

    async def by_slug(self, slug: str, kind: RequestKind) -> dict[str, Any] | None:
        """The partner under this slug, if a request of this kind can be sent to it."""
        return await self._contactable({"slug": slug}, kind)

    async def by_id(self, partner_id: UUID, kind: RequestKind) -> dict[str, Any] | None:
        return await self._contactable({"_id": partner_id}, kind)

    async def name_of(self, partner_id: UUID) -> str:
        """The name of any partner, also one that cannot be written to."""
        partner = await self._partners.find_one({"_id": partner_id}, {"name": 1})
        return str(partner["name"]) if partner else ""

    async def employs(self, partner_id: UUID, merchant_id: UUID | None) -> bool:
        """Whether who asks under this id belongs to the partner's team."""
        return await self._partners.find_one({"_id": partner_id, "team": merchant_id}, {"_id": 1}) is not None

    async def _contactable(self, query: Document, kind: RequestKind) -> Document | None:
        # What an older release has written says nothing of it: then everybody took them.
        trusted = {"takes_leads": {"$ne": False}} if kind.is_prospects else {}
        partner = await self._partners.find_one({**query, **trusted, "reachable": True})
        return partner if partner and is_contactable(partner, self._clock.now().date()) else None
