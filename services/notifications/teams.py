"""Whom to write to at a partner: a projection of `partners`."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.contracts.partners import Partner
from shared.documents import read
from shared.failures import Invalid, Transient
from shared.mongo import Database
from shared.projection import Projection, Write, newer
from shared.records import Received

COLLECTION = "teams"
PATIENCE = timedelta(seconds=60)


def on_partner(received: Received) -> Iterable[Write]:
    partner: Partner = received.record.snapshot
    return [newer(COLLECTION, partner.partner_id, partner.version, {"partner": partner.model_dump(mode="json")})]


class Teams:
    def __init__(self, database: Database) -> None:
        self._teams = database[COLLECTION]
        self._projection = Projection(database, on_partner)
        self._missed: dict[UUID, datetime] = {}

    async def learn(self, batch: Sequence[Received]) -> None:
        """Take note of partners as they are now."""
        await self._projection(batch)

    async def known(self, ids: Collection[UUID]) -> dict[UUID, Partner]:
        """Those of these partners that are known by now."""
        cursor = self._teams.find({"_id": {"$in": list(ids)}})
        return {document["_id"]: _partner(document) async for document in cursor}

    async def of(self, ids: Collection[UUID], now: datetime) -> dict[UUID, Partner]:
        """The partners with these ids.

        `partners` and `jobs.events` are read at their own pace, so a partner may be missing for a moment: raises
        Transient for a minute after it was first missed, and Invalid when it has had its time to appear.
        """
        found = await self.known(ids)
        missing = [partner_id for partner_id in ids if partner_id not in found]
        # Only what was asked for: jobs and leads are heard side by side, and each waits for partners of its own.
        others = {partner_id: at for partner_id, at in self._missed.items() if partner_id not in ids}
        self._missed = others | {partner_id: self._missed.get(partner_id, now) for partner_id in missing}
        if not missing:
            return found
        if now - max(self._missed[partner_id] for partner_id in missing) < PATIENCE:
            raise Transient(f"{len(missing)} partners are not known yet, {missing[0]} among them.")
        raise Invalid("unknown-partner", f"There is no partner {missing[0]}.")


def _partner(document: dict[str, Any]) -> Partner:
    return read(Partner, document["partner"], document["_id"])
