"""The partners as the public side knows them: a projection of `partners`."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.consumer import Received
from shared.contracts.partners import Partner
from shared.mongo import Database
from shared.projection import Write, newer

COLLECTION = "directory"


def on_partner(received: Received) -> Iterable[Write]:
    partner: Partner = received.record.snapshot
    fields = {
        "slug": partner.profile.slug,
        "name": partner.profile.name,
        "services": [offer.service for offer in partner.profile.services],
        "reachable": partner.profile.published and partner.preferences.available,
        "away": away.model_dump(mode="json") if (away := partner.preferences.away) else None,
        "blocked_by": list(partner.blocked_by),
    }
    return [newer(COLLECTION, partner.partner_id, partner.version, fields)]


class Directory:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._partners = database[COLLECTION]
        self._clock = clock

    async def prepare(self) -> None:
        await self._partners.create_index("slug")

    async def by_slug(self, slug: str) -> dict[str, Any] | None:
        """The partner under this slug that can be written to."""
        return await self._partners.find_one({"slug": slug, **self._reachable()})

    async def by_id(self, partner_id: UUID) -> dict[str, Any] | None:
        return await self._partners.find_one({"_id": partner_id, **self._reachable()})

    def _reachable(self) -> dict[str, Any]:
        """Published, available, and not away today (UTC, as `Preferences.contactable`)."""
        today = self._clock.now().date().isoformat()
        here = [{"away": None}, {"away.first_day": {"$gt": today}}, {"away.last_day": {"$lt": today}}]
        return {"reachable": True, "$or": here}
