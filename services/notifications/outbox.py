"""The mail documents and their states.

    queued → claimed → sending → sent
      ↑         │         ├────→ failed      refused for good
      └─────────┤─────────┘────→ uncertain   the connection broke when the last byte may have arrived
                └──────────────→ dropped     by the time it could be sent it made no sense any more

A mail is claimed with a lease by the server's clock. A lease that ran out before `sending` is claimed again; one that
ran out while `sending` is uncertain, and nobody sends it a second time without a person's word (`again`).

Not every mail is due when it is queued: leads are paced (`pacing.py`), and bursts become one mail (`bursts.py`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pymongo import UpdateOne

from services.notifications.bulk import EPOCH, take
from services.notifications.bursts import Bursts
from services.notifications.envelope import Mail, side_of
from services.notifications.kinds import folds, kind_of
from services.notifications.pacing import Pace, Turn
from services.notifications.recipients import Recipient
from shared.contracts.base import Locale
from shared.mongo import Database, Document

LEASE_SECONDS = 120
FINAL_DOT_SECONDS = 600
"""RFC 5321 4.5.3.2: a client that waits less than ten minutes for the last answer makes duplicates itself."""
TELL_SECONDS = 60
GIVE_UP_AFTER = timedelta(days=3)
CLAIMED_AT_ONCE = 8
TOLD_AT_ONCE = 256
_NOBODY_TELLS = {"teller": None, "tell_until": EPOCH}
ENDED = ("sent", "failed", "uncertain", "dropped")


class Claim(NamedTuple):
    """A mail that is one worker's for a while. `owner` is this claim's alone. `attempts` are those that cost it
    something; `held` counts how often the server refused us with this mail while it took others.
    """

    mail: Mail
    attempts: int
    owner: UUID
    held: int = 0


class Outbox:
    def __init__(self, database: Database) -> None:
        self._mails = database["mails"]
        self._bursts = Bursts(self._mails)
        self._pace = Pace(database["paces"])

    async def prepare(self) -> None:
        await self._bursts.prepare()
        await self._mails.create_index(["state", "next_at"])
        await self._mails.create_index(["state", "next_at"], name="urgent", partialFilterExpression={"urgent": True})
        await self._mails.create_index("told", partialFilterExpression={"told": False}, name="untold")

    async def queue(self, mails: Sequence[Mail], now: datetime) -> None:
        """Note that these mails are wanted. The id follows from event, recipient and template: wanted twice is wanted
        once.
        """
        folding = [mail for mail in mails if folds(mail)]
        alone = [mail for mail in mails if not folds(mail)]
        if alone:
            await self._queue_alone(alone, now)
        if folding:
            await self._bursts.queue({mail.id: _document(mail, now, now) for mail in folding}, folding, now)

    async def _queue_alone(self, mails: Sequence[Mail], now: datetime) -> None:
        known = await self._known(mails)
        # Whatever was decided about a mail when it was new, its time above all, holds.
        fresh = [mail for mail in mails if mail.id not in known]
        due = await self._pace.due((Turn(mail.paced_by, mail.about) for mail in fresh if mail.paced_by), now)
        writes = []
        for mail in fresh:
            at = due[Turn(mail.paced_by, mail.about)] if mail.paced_by else now
            writes.append(UpdateOne({"_id": mail.id}, {"$setOnInsert": _document(mail, now, at)}, upsert=True))
        if writes:
            await self._mails.bulk_write(writes, ordered=False)

    async def _known(self, mails: Sequence[Mail]) -> set[UUID]:
        ids = [mail.id for mail in mails]
        return {document["_id"] async for document in self._mails.find({"_id": {"$in": ids}}, {"_id": 1})}

    async def claim(self, now: datetime, at_most: int = CLAIMED_AT_ONCE, *, urgent_only: bool = False) -> list[Claim]:
        """The next mails that are due, urgent ones first; they are this worker's until the lease runs out."""
        urgent = await self._claim(now, at_most, {"urgent": True})
        return urgent if urgent or urgent_only else await self._claim(now, at_most, {})

    async def _claim(self, now: datetime, at_most: int, which: Document) -> list[Claim]:
        due = {"state": "queued", "next_at": {"$lte": now}}
        abandoned = {"state": "claimed", "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        held = {"state": "claimed", "lease_until": _from_now(LEASE_SECONDS)}
        taken = await take(
            self._mails, {**which, "$or": [due, abandoned]}, "owner", held, first="next_at", at_most=at_most
        )
        return [Claim(_mail(one), one["attempts"], one["owner"], one.get("held", 0)) for one in taken]

    async def release(self, claims: Sequence[Claim]) -> None:
        """Nothing was done with these, and nothing was their fault: they are as they were."""
        if claims:
            ours = {"_id": {"$in": [one.mail.id for one in claims]}, "owner": {"$in": [one.owner for one in claims]}}
            await self._mails.update_many({**ours, "state": "claimed"}, {"$set": {"state": "queued"}})

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
        """It has certainly not been delivered, and the server says to come again: try again later."""
        await self._again_at(claim, next_at, error, {"attempts": 1})

    async def hold(self, claim: Claim, next_at: datetime, error: str, *, counts: bool) -> None:
        """It has certainly not been delivered, and it was not its fault: another is tried first. `counts` where the
        server takes other mails.
        """
        await self._again_at(claim, next_at, error, {"held": int(counts)})

    async def _again_at(self, claim: Claim, next_at: datetime, error: str, counted: Document) -> None:
        again = {"state": "queued", "next_at": next_at, "error": error}
        await self._mails.update_one(_ours(claim), {"$set": again, "$inc": counted})

    async def end(self, claim: Claim, state: str, now: datetime, error: str = "") -> None:
        """`dropped` is told nobody: a mail that was not needed is no mail that failed."""
        ended = {"state": state, "ended_at": now, "error": error, "told": state == "dropped", **_NOBODY_TELLS}
        await self._mails.update_one(_ours(claim), {"$set": ended, "$inc": {"attempts": 1}})

    async def give_up_lost(self, now: datetime) -> None:
        """What was being sent when its worker died may or may not have arrived."""
        await self._mails.update_many(
            {"state": "sending", "$expr": {"$lt": ["$lease_until", "$$NOW"]}},
            {
                "$set": {
                    "state": "uncertain",
                    "ended_at": now,
                    "error": "The sender died.",
                    "told": False,
                    **_NOBODY_TELLS,
                }
            },
        )

    async def uncertain(self) -> list[Document]:
        """Mails that may or may not have arrived, and could be sent again, the oldest first."""
        found = self._mails.find({"state": "uncertain", "values": {"$exists": True}}).sort("ended_at", 1)
        return [document async for document in found]

    async def again(self, mail_ids: Sequence[UUID], now: datetime) -> int:
        """A person's word that these uncertain mails go out once more, under the same Message-ID. Gives how many do."""
        result = await self._mails.update_many(
            {"_id": {"$in": list(mail_ids)}, "state": "uncertain", "values": {"$exists": True}},
            {"$set": {"state": "queued", "next_at": now, "attempts": 0, "held": 0, "told": True}},
        )
        return int(result.modified_count)

    async def untold(self, at_most: int = TOLD_AT_ONCE) -> list[Document]:
        """Mails whose end has not been published yet; they are this teller's for a minute."""
        free = {"told": False, "$expr": {"$lt": [{"$ifNull": ["$tell_until", EPOCH]}, "$$NOW"]}}
        held = {"tell_until": _from_now(TELL_SECONDS)}
        return await take(self._mails, free, "teller", held, first="ended_at", at_most=at_most)

    async def mark_told(self, told: Sequence[Document]) -> None:
        """Those that this teller has published, as they ended: one that ended anew meanwhile is told anew."""
        ours = {"_id": {"$in": [one["_id"] for one in told]}, "teller": {"$in": [one["teller"] for one in told]}}
        await self._mails.update_many({**ours, "told": False}, {"$set": {"told": True}})

    async def waiting(self, now: datetime) -> dict[str, int]:
        """How many mails are due, and how many wait for their time."""
        queued = {"state": "queued"}
        due = await self._mails.count_documents({**queued, "next_at": {"$lte": now}})
        return {"due": due, "later": await self._mails.count_documents(queued) - due}


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
        "partner_id": mail.partner_id,
        "cause": mail.cause,
        "link": mail.link,
        "side": side.value if side else None,
        "values": mail.values,
        "correlation_id": mail.correlation_id,
        "reply_to": mail.reply_to,
        "state": "queued",
        "urgent": kind_of(mail.template).urgent,
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
        partner_id=document.get("partner_id"),
        wanted_at=document.get("created_at"),
        cause=document.get("cause"),
    )
