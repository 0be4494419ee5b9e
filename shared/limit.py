"""How often an address may be mailed because somebody typed it in: it may be a stranger's."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts.base import address_key
from shared.mongo import Collection

MAILS_PER_QUARTER_HOUR = 5
QUARTER_HOUR = timedelta(minutes=15)


class MailLimit:
    """Remembers in `collection`, for a quarter of an hour, what each address was mailed for."""

    def __init__(self, collection: Collection) -> None:
        self._taken = collection

    async def prepare(self) -> None:
        await self._taken.create_index("at", expireAfterSeconds=QUARTER_HOUR.seconds)
        await self._taken.create_index("email")

    async def allows(self, reason: UUID, email: str, now: datetime) -> bool:
        """Whether the address may be mailed for this reason; then it counts. The same reason again is free."""
        key = address_key(email)
        others = {"email": key, "at": {"$gt": now - QUARTER_HOUR}, "_id": {"$ne": reason}}
        if await self._taken.count_documents(others) >= MAILS_PER_QUARTER_HOUR:
            return False
        await self._taken.update_one({"_id": reason}, {"$setOnInsert": {"email": key, "at": now}}, upsert=True)
        return True
