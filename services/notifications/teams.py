"""Whom to write to at a partner: a projection of `partners`."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.consumer import Received
from shared.contracts.partners import Partner
from shared.failures import Invalid, Transient
from shared.mongo import Database
from shared.projection import Write, newer

COLLECTION = "teams"
PATIENCE = timedelta(seconds=60)


def on_partner(received: Received) -> Iterable[Write]:
    partner: Partner = received.record.snapshot
    return [newer(COLLECTION, partner.partner_id, partner.version, {"partner": partner.model_dump(mode="json")})]


class Teams:
    def __init__(self, database: Database) -> None:
        self._teams = database[COLLECTION]

    async def of(self, wanted: Sequence[tuple[UUID, datetime]], now: datetime) -> dict[UUID, Partner]:
        """The partners with these ids, each asked for by a record of that time.

        `partners` and `jobs.events` are read at their own pace, so a partner may be missing for a moment: raises
        Transient while the asking record is fresh, and Invalid when the partner has had its time to appear.
        """
        ids = {partner_id for partner_id, _ in wanted}
        cursor = self._teams.find({"_id": {"$in": list(ids)}})
        found = {document["_id"]: _partner(document) async for document in cursor}
        for partner_id, asked_at in wanted:
            if partner_id not in found and now - asked_at < PATIENCE:
                raise Transient(f"Partner {partner_id} is not known yet.")
            if partner_id not in found:
                raise Invalid("unknown-partner", f"There is no partner {partner_id}.")
        return found


def _partner(document: dict[str, Any]) -> Partner:
    return Partner.model_validate(document["partner"])
