"""Whom nothing is sent to: addresses that the server has refused for good, mails that an address does not want, and
people whom the marketplace has suspended.

All of it is looked up when a mail is about to be sent, so that what was said meanwhile counts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.notifications.envelope import Mail
from services.notifications.kinds import kind_of
from shared.contracts.base import address_key
from shared.contracts.choices import MailChoiceChanged, choice_id_of
from shared.contracts.suspensions import Suspension, mailbox_id_of
from shared.mongo import Database, Document
from shared.projection import Projection, Write, newer
from shared.records import Received

CHOICES, SUPPRESSED, SUSPENDED = "choices", "suppressed", "suspended"
TRY_AGAIN_AFTER = timedelta(hours=24)
"""People mend their mailboxes; and who asks for a link to sign in is there."""


def on_choice(received: Received) -> Iterable[Write]:
    choice: MailChoiceChanged = received.record.data
    fields = {"email": address_key(choice.email), "topic": choice.topic.value, "wanted": choice.wanted}
    yield newer(CHOICES, received.record.subject, int(received.at.timestamp() * 1000), fields)


def on_person(received: Received) -> Iterable[Write]:
    person: Suspension = received.record.snapshot
    yield newer(SUSPENDED, person.mailbox_id, person.version, {"suspended": person.suspended})


class Refusals:
    def __init__(self, database: Database) -> None:
        self._choices = database[CHOICES]
        self._suppressed = database[SUPPRESSED]
        self._suspended = database[SUSPENDED]
        self._projection = Projection(database, on_choice)
        self._people = Projection(database, on_person)

    async def learn(self, batch: Sequence[Received]) -> None:
        """Take note of what addresses want. A replayed choice is learned like any other."""
        await self._projection(batch)

    async def reason(self, mail: Mail, now: datetime) -> str:
        """Why this mail is not sent; empty when it is."""
        kind, email = kind_of(mail.template), mail.recipient.email
        if kind.refused_as:
            choice = await self._choices.find_one({"_id": choice_id_of(email, kind.refused_as)})
            if choice is not None and not choice["wanted"]:
                return "unsubscribed"
        bounce = await self._suppressed.find_one({"_id": address_key(email)})
        if bounce is None or (kind.insists and bounce["at"] + TRY_AGAIN_AFTER <= now):
            return ""
        return "suppressed"

    async def learn_people(self, batch: Sequence[Received]) -> None:
        """Take note of who is suspended."""
        await self._people(batch)

    async def bars(self, mail: Mail) -> bool:
        """Whether its recipient is suspended, so that nothing but the notice of that is sent."""
        if kind_of(mail.template).to_suspended:
            return False
        known = {"_id": mailbox_id_of(mail.recipient.email), "suspended": True}
        return await self._suspended.find_one(known, {"_id": 1}) is not None

    async def suppress(self, email: str, error: str, now: datetime) -> None:
        """The server says that nobody is there."""
        await self._suppressed.update_one(
            {"_id": address_key(email)}, {"$set": {"at": now, "error": error}}, upsert=True
        )

    async def forget(self, email: str) -> bool:
        """Somebody is there again, or a person says so. False when the address was not suppressed."""
        known = await self._suppressed.find_one({"_id": address_key(email)}, {"_id": 1}) is not None
        if known:
            await self._suppressed.delete_one({"_id": address_key(email)})
        return known

    async def suppressed(self) -> list[Document]:
        """All addresses that nothing is sent to, the last first."""
        return [document async for document in self._suppressed.find({}).sort("at", -1)]
