"""The mail documents and their states.

    queued → claimed → sending → sent
      ↑         │         ├────→ failed      refused for good
      └─────────┴─────────┘────→ uncertain   the connection broke when the last byte may have arrived

A mail is claimed with a lease by the server's clock. A lease that ran out before `sending` is claimed again; one that
ran out while `sending` is uncertain, and nobody sends it a second time without a person's word (`again`).

Not every mail is due when it is queued: leads are paced (`pacing.py`), and bursts become one mail (`bursts.py`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from pymongo import ReturnDocument, UpdateOne

from services.notifications.bursts import Bursts
from services.notifications.envelope import Mail, side_of
from services.notifications.kinds import folds
from services.notifications.pacing import Pace
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
        self._bursts = Bursts(self._mails)
        self._pace = Pace(database["paces"])

    async def prepare(self) -> None:
        await self._bursts.prepare()
        await self._mails.create_index(["state", "next_at"])
        await self._mails.create_index("told", partialFilterExpression={"told": False}, name="untold")

    async def queue(self, mails: Sequence[Mail], now: datetime) -> None:
        """Note that these mails are wanted. The id follows from event, recipient and template: wanted twice is wanted
        once.
        """
        known = await self._known(mails)
        at_once: list[UpdateOne] = []
        for mail in mails:
            if mail.id in known:
                continue  # whatever was decided about it when it was new, its time above all, holds
            if folds(mail):
                await self._bursts.queue(mail, _document(mail, now, now), now)
            else:
                due = await self._pace.due(mail.paced_by, mail.about, now) if mail.paced_by else now
                at_once.append(UpdateOne({"_id": mail.id}, {"$setOnInsert": _document(mail, now, due)}, upsert=True))
        if at_once:
            await self._mails.bulk_write(at_once, ordered=False)

    async def _known(self, mails: Sequence[Mail]) -> set[UUID]:
        ids = [mail.id for mail in mails]
        return {document["_id"] async for document in self._mails.find({"_id": {"$in": ids}}, {"_id": 1})}

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

    async def uncertain(self) -> list[Document]:
        """Mails that may or may not have arrived, the oldest first."""
        return [document async for document in self._mails.find({"state": "uncertain"}).sort("ended_at", 1)]

    async def again(self, mail_ids: Sequence[UUID], now: datetime) -> int:
        """A person's word that these uncertain mails go out once more, under the same Message-ID. Gives how many do."""
        result = await self._mails.update_many(
            {"_id": {"$in": list(mail_ids)}, "state": "uncertain"},
            {"$set": {"state": "queued", "next_at": now, "attempts": 0, "told": True}},
        )
        return int(result.modified_count)

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


def _document(mail: Mail, now: datetime, due: datetime) -> Document:
    side = side_of(mail.link)
    return {
        "template": mail.template,
        "to": mail.recipient.email,
        "name": mail.recipient.name,
        "locale": mail.recipient.locale.value,
        "about": mail.about,
        "link": mail.link,
        "side": side.value if side else None,
        "values": mail.values,
        "correlation_id": mail.correlation_id,
        "reply_to": mail.reply_to,
        "state": "queued",
        "attempts": 0,
        "created_at": now,
        "next_at": due,
    }


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
        document.get("reply_to"),  # as below: a mail that was queued by an older Jobwire says nothing of it
        parts=tuple(part["values"] for part in document.get("parts", ())),
    )
