"""The mail documents and their states.

    queued → claimed → sending → sent
      ↑         │         ├────→ failed      refused for good
      └─────────┴─────────┘────→ uncertain   the connection broke when the last byte may have arrived

A mail is claimed with a lease by the server's clock. A lease that ran out before `sending` is claimed again; one that
ran out while `sending` is uncertain, and nobody sends it a second time without a person's word.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from pymongo import ReturnDocument, UpdateOne

from services.notifications.envelope import Mail
from services.notifications.recipients import Recipient
from shared.contracts.base import Locale
from shared.mongo import Database, Document

LEASE_SECONDS = 120
FINAL_DOT_SECONDS = 600
"""RFC 5321 4.5.3.2: a client that waits less than ten minutes for the last answer makes duplicates itself."""
GIVE_UP_AFTER = timedelta(days=3)


class Claim(NamedTuple):
    """A mail that is one worker's for a while. `owner` is this claim's alone."""

    mail: Mail
    attempts: int
    owner: UUID


class Outbox:
    def __init__(self, database: Database) -> None:
        self._mails = database["mails"]

    async def prepare(self) -> None:
        await self._mails.create_index(["state", "next_at"])
        await self._mails.create_index("told", partialFilterExpression={"told": False}, name="untold")

    async def queue(self, mails: Sequence[Mail], now: datetime) -> None:
        """Note that these mails are wanted. The id follows from event, recipient and template: wanted twice is wanted
        once.
        """
        if mails:
            await self._mails.bulk_write([_wanted(mail, now) for mail in mails], ordered=False)

    async def claim(self, now: datetime) -> Claim | None:
        """The next mail that is due; it is this worker's until the lease runs out."""
        owner = uuid4()
        due = {"state": "queued", "next_at": {"$lte": now}}
        abandoned = {"state": "claimed", "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        document = await self._mails.find_one_and_update(
            {"$or": [due, abandoned]},
            [{"$set": {"state": "claimed", "owner": owner, "lease_until": _from_now(LEASE_SECONDS)}}],
            sort=[("next_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return Claim(_mail(document), document["attempts"], owner) if document else None

    async def begin(self, claim: Claim) -> bool:
        """The last step before the message itself goes out, with a lease that outlasts the longest answer. False when
        the claim has been lost meanwhile.
        """
        result = await self._mails.update_one(
            {"_id": claim.mail.id, "owner": claim.owner, "state": "claimed"},
            [{"$set": {"state": "sending", "lease_until": _from_now(FINAL_DOT_SECONDS + 60)}}],
        )
        return result.modified_count == 1

    async def retry(self, claim: Claim, next_at: datetime, error: str) -> None:
        """It has certainly not been delivered: try again later."""
        await self._mails.update_one(
            _ours(claim),
            {"$set": {"state": "queued", "next_at": next_at, "error": error}, "$inc": {"attempts": 1}},
        )

    async def end(self, claim: Claim, state: str, now: datetime, error: str = "") -> None:
        await self._mails.update_one(
            _ours(claim),
            {"$set": {"state": state, "ended_at": now, "error": error, "told": False}, "$inc": {"attempts": 1}},
        )

    async def give_up_lost(self, now: datetime) -> None:
        """What was being sent when its worker died may or may not have arrived."""
        await self._mails.update_many(
            {"state": "sending", "$expr": {"$lt": ["$lease_until", "$$NOW"]}},
            {"$set": {"state": "uncertain", "ended_at": now, "error": "The sender died.", "told": False}},
        )

    async def untold(self, at_most: int = 100) -> list[Document]:
        """Mails whose end has not been published yet."""
        return [document async for document in self._mails.find({"told": False}).limit(at_most)]

    async def mark_told(self, mail_ids: Sequence[UUID]) -> None:
        await self._mails.update_many({"_id": {"$in": list(mail_ids)}}, {"$set": {"told": True}})


def _ours(claim: Claim) -> Document:
    return {"_id": claim.mail.id, "owner": claim.owner, "state": {"$in": ["claimed", "sending"]}}


def _from_now(seconds: int) -> Document:
    """So many seconds from now by the server's clock."""
    return {"$add": ["$$NOW", seconds * 1000]}


def _wanted(mail: Mail, now: datetime) -> UpdateOne:
    document = {
        "template": mail.template,
        "to": mail.recipient.email,
        "name": mail.recipient.name,
        "locale": mail.recipient.locale.value,
        "about": mail.about,
        "link": mail.link,
        "values": mail.values,
        "correlation_id": mail.correlation_id,
        "state": "queued",
        "attempts": 0,
        "created_at": now,
        "next_at": now,
    }
    return UpdateOne({"_id": mail.id}, {"$setOnInsert": document}, upsert=True)


def _mail(document: Document) -> Mail:
    recipient = Recipient(document["to"], document["name"], Locale(document["locale"]))
    return Mail(
        document["_id"],
        document["template"],
        recipient,
        document["about"],
        document["link"],
        document["values"],
        document["correlation_id"],
    )
