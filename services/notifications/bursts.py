"""Several mails of one kind, to one recipient, about one job, within two minutes: one mail.

The first goes out at once, so that nobody waits for an answer that stands alone. It opens a window of two minutes; what
comes within it is collected in one more document, which is due when the window closes. Whatever comes later is a first
again.

    10:00:00  "Hello"          sent at once, the window is open until 10:02:00
    10:00:20  "one more thing" collected   ┐
    10:01:10  "and the file"   collected   ┴ one mail at 10:02:00, both texts in order

There is one document per mail, with the states of all mails, and nothing to be swept: a mail's text is either a
document of its own or a part of one, by its id, and it is looked for before it is put anywhere. So whatever was put
before a crash is found when the record comes again. A part joins only while the collecting document is queued, in one
atomic write: once a worker has claimed it, its text no longer changes, and what comes too late opens a window of its
own.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from services.notifications.envelope import Mail
from shared.contracts.base import address_key, derived_id
from shared.mongo import Collection, Document

WINDOW = timedelta(minutes=2)
MOST_PARTS = 50
"""More than anybody writes by hand in two minutes. What is more opens a window of its own."""


def burst_of(mail: Mail) -> UUID:
    """What mails have in common that go out together."""
    inside = mail.values.get("internal", "")
    return derived_id("burst", address_key(mail.recipient.email), mail.about, mail.template, inside)


class Bursts:
    def __init__(self, mails: Collection) -> None:
        self._mails = mails

    async def prepare(self) -> None:
        await self._mails.create_index(
            [("burst", 1), ("open_until", 1)], partialFilterExpression={"burst": {"$exists": True}}
        )
        await self._mails.create_index("parts.id", partialFilterExpression={"parts.id": {"$exists": True}})

    async def queue(self, mail: Mail, document: Document, now: datetime) -> None:
        """Put the mail where it belongs. `document` is what it is as a mail of its own. Mails of one job come in order
        and one at a time: they are in one partition.
        """
        if await self._mails.find_one({"$or": [{"_id": mail.id}, {"parts.id": mail.id}]}, {"_id": 1}):
            return
        burst = burst_of(mail)
        opened = self._mails.find({"burst": burst, "open_until": {"$gt": now}}).sort("open_until", -1).limit(1)
        async for first in opened:
            if await self._joined(first, mail, document):
                return
        window = {"burst": burst, "open_until": now + WINDOW}
        await self._mails.update_one({"_id": mail.id}, {"$setOnInsert": {**document, **window}}, upsert=True)

    async def _joined(self, first: Document, mail: Mail, document: Document) -> bool:
        """Whether the mail's text has become a part of what is collected behind `first`."""
        collecting = derived_id("burst", first["_id"])
        waits: dict[str, Any] = {"_id": collecting, "state": "queued"}
        has_room = {"parts.id": {"$ne": mail.id}, f"parts.{MOST_PARTS - 1}": {"$exists": False}}
        fresh = {name: value for name, value in document.items() if name != "state"}
        part = {"id": mail.id, "values": mail.values}
        try:
            await self._mails.update_one(
                {**waits, **has_room},
                {"$setOnInsert": {**fresh, "next_at": first["open_until"]}, "$push": {"parts": {"$each": [part]}}},
                upsert=True,
            )
        except DuplicateKeyError:  # it is on its way, or full; or somebody else has just put this part into it
            return await self._mails.find_one({"_id": collecting, "parts.id": mail.id}, {"_id": 1}) is not None
        return True
