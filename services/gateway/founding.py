"""How many organisations somebody may register before one of them is vouched for. Partners are aggregates of their own,
so each of somebody's places is taken beside them, by one write that two at the same moment cannot both make.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from services.gateway.teams import Teams
from shared.clock import Clock
from shared.contracts.base import mailbox_key
from shared.contracts.partners import Approval, Member, Role
from shared.http import Problem
from shared.mongo import Database, Document
from shared.settings import Settings

MOST_UNAPPROVED = 3
UNTIL_IT_IS_THERE = timedelta(minutes=10)
"""How long a registration may take. What has not come to be by then gives its place back."""

ADMITTED = {"open": Approval.APPROVED, "probation": Approval.PROBATION, "approval": Approval.PENDING}
"""What a new organisation is, by the setting `new_organisations`."""


class Founding:
    """`approval` is how far a new organisation is let in."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self.approval = ADMITTED[settings.new_organisations]
        self._places = database["founders"]
        self._partners = database["partners"]
        self._teams = Teams(database)
        self._clock = clock

    async def claim(self, email: str, partner_id: UUID) -> None:
        """Take one of the places of this mailbox, however its address is spelt; the same organisation takes one. Raises
        `Problem` 409 where all are taken, or an organisation that it owns or has registered is suspended.
        """
        if any(partner.suspended and _owns(partner.joined_at(email)) for partner in await self._teams.of(email)):
            raise _suspended()
        key = mailbox_key(email)
        while True:
            found = await self._places.find_one({"_id": key})
            taken = await self._still_taken(found["taken"] if found else ())
            if any(one["partner_id"] == partner_id for one in taken):
                return
            if len(taken) >= MOST_UNAPPROVED:
                reason = f"You have {MOST_UNAPPROVED} organisations that nobody has vouched for yet."
                raise Problem(409, "too_many_organisations", reason)
            after = [*taken, {"partner_id": partner_id, "at": self._clock.now()}]
            if await self._replaced(key, found, after):
                return

    async def _replaced(self, key: str, before: Document | None, taken: Sequence[Document]) -> bool:
        """Whether nobody was faster."""
        try:
            if before is None:
                await self._places.insert_one({"_id": key, "revision": 1, "taken": taken})
                return True
            after = {"$set": {"revision": before["revision"] + 1, "taken": taken}}
            result = await self._places.update_one({"_id": key, "revision": before["revision"]}, after)
        except DuplicateKeyError:
            return False
        return bool(result.matched_count)

    async def _still_taken(self, taken: Iterable[Document]) -> list[Document]:
        """Without those that were vouched for since, and those that never came to be."""
        before = list(taken)
        ids = [one["partner_id"] for one in before]
        fields = {"state.approval": 1, "state.suspended": 1}
        found = {one["_id"]: one["state"] async for one in self._partners.find({"_id": {"$in": ids}}, fields)}
        return [one for one in before if self._counts(one, found.get(one["partner_id"]))]

    def _counts(self, place: Document, partner: dict[str, Any] | None) -> bool:
        if partner is None:
            return bool(self._clock.now() - place["at"] < UNTIL_IT_IS_THERE)
        if partner.get("suspended"):
            raise _suspended()
        return bool(partner.get("approval", Approval.APPROVED.value) != Approval.APPROVED.value)


def _owns(member: Member | None) -> bool:
    return member is not None and member.role is Role.OWNER


def _suspended() -> Problem:
    return Problem(409, "suspended", "An organisation of yours is suspended. Have it restored first.")
