"""Who is suspended: asked of the suspensions' own collection, as `services.gateway.teams` asks the partners'. What an
operator has said holds at once, also while read models are behind.
"""

from datetime import datetime

from shared.contracts.suspensions import Suspension, mailbox_id_of
from shared.documents import read
from shared.http import Problem
from shared.mongo import Database

COLLECTION = "suspensions"


class Suspended:
    def __init__(self, database: Database) -> None:
        self._suspensions = database[COLLECTION]

    async def of(self, email: str) -> Suspension | None:
        """What is known of the mailbox of this address; None for nearly everybody."""
        mailbox_id = mailbox_id_of(email)
        found = await self._suspensions.find_one({"_id": mailbox_id}, {"state": 1})
        return read(Suspension, found["state"], mailbox_id) if found and found["state"] else None

    async def includes(self, email: str) -> bool:
        found = await self.of(email)
        return found is not None and found.suspended

    async def check(self, email: str, opened_at: datetime) -> None:
        """Raises `Problem`: 403 for who is suspended, 401 for a session that was opened before somebody was."""
        found = await self.of(email)
        if found is None:
            return
        if found.suspended:
            raise suspended()
        if opened_at <= found.since:
            raise Problem(401, "session_ended", "Please sign in again.")


def suspended() -> Problem:
    """The answer to whoever is: the mailed notice has told them, so there is nothing to hide."""
    return Problem(403, "suspended", "Jobwire has suspended this address. Please contact the marketplace.")
