"""Who is in which team, and which profile has which address: asked of the partners' own collection.

It is what the rules decide on. A read model may be behind, or be built anew, or never hear of a change; whoever was
removed must be out all the same.
"""

from uuid import UUID

from shared.contracts.base import address_key
from shared.contracts.partners import Partner
from shared.documents import read
from shared.mongo import IGNORING_CASE, Database

COLLECTION = "partners"


class Teams:
    def __init__(self, database: Database) -> None:
        self._partners = database[COLLECTION]

    async def prepare(self) -> None:
        await self._partners.create_index("state.members.email", collation=IGNORING_CASE)
        await self._partners.create_index("state.profile.slug")

    async def of(self, email: str) -> list[Partner]:
        """The partners in whose teams this address is, or to which it is invited, in a stable order."""
        named = {"state.members.email": address_key(email)}
        found = self._partners.find(named, {"state": 1}, collation=IGNORING_CASE).sort("_id", 1)
        partners = [read(Partner, document["state"], document["_id"]) async for document in found]
        return [partner for partner in partners if partner.named_at(email) is not None]

    async def has_slug(self, slug: str, *, besides: UUID) -> bool:
        """Whether another partner's profile has this name in its address."""
        return (
            await self._partners.find_one({"state.profile.slug": slug, "_id": {"$ne": besides}}, {"_id": 1}) is not None
        )
