"""A profile's address is unique. Partners are aggregates of their own, so the name is claimed beside them for the
moment until the partner itself says that it has it.
"""

from datetime import timedelta
from uuid import UUID

from services.gateway.teams import Teams
from shared.clock import Clock
from shared.http import field_problem
from shared.mongo import Database

CLAIMED_FOR = timedelta(minutes=5)


class Slugs:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._claims = database["slug_claims"]
        self._teams = Teams(database)
        self._clock = clock

    async def prepare(self) -> None:
        await self._claims.create_index("forget_at", expireAfterSeconds=0)

    async def claim(self, slug: str, partner_id: UUID) -> None:
        """Take this name for this partner. Raises `Problem` 422 where another has it, or is taking it right now."""
        now = self._clock.now()
        fresh = {"partner_id": partner_id, "forget_at": now + CLAIMED_FOR}
        await self._claims.update_one({"_id": slug}, {"$setOnInsert": fresh}, upsert=True)
        claimed = await self._claims.find_one({"_id": slug})
        if (
            claimed is None
            or claimed["partner_id"] != partner_id
            or await self._teams.has_slug(slug, besides=partner_id)
        ):
            wrong = {"field": "slug", "message": "Another profile has this address. Choose another.", "code": "taken"}
            raise field_problem([wrong])
