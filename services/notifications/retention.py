"""What is kept of mails that have ended, and for how long.

Names, addresses and texts go after some weeks. What keeps the same mail from being sent a second time, its id and those
of its parts, stays for longer, and is dropped by MongoDB itself. A mail that nobody knows the end of waits for a
person, so it keeps its text as long as others keep their id.
"""

from datetime import timedelta

from pymongo import UpdateOne

from services.notifications.outbox import ENDED
from shared.clock import Clock
from shared.logs import get_logger
from shared.mongo import Database, Document
from shared.settings import Settings

log = get_logger(__name__)

AT_ONCE = 500
KEPT = frozenset({"_id", "state", "ended_at", "told", "parts", "forget_at"})


class Retention:
    """Raises ValueError when ids would be forgotten before texts, or before a record counts as old: then a record that
    is read again would send its mail again.
    """

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        if settings.mail_digest_days < max(settings.mail_text_days, settings.mail_news_days):
            raise ValueError(
                "JOBWIRE_MAIL_DIGEST_DAYS must not be less than JOBWIRE_MAIL_TEXT_DAYS or JOBWIRE_MAIL_NEWS_DAYS."
            )
        self._mails = database["mails"]
        self._clock = clock
        self._text_for = timedelta(days=settings.mail_text_days)
        self._digest_for = timedelta(days=settings.mail_digest_days)

    async def prepare(self) -> None:
        await self._mails.create_index(
            [("state", 1), ("ended_at", 1)], partialFilterExpression={"values": {"$exists": True}}, name="with_text"
        )
        await self._mails.create_index("forget_at", expireAfterSeconds=0, name="forgotten")

    async def tick(self) -> None:
        """Take the texts out of some mails whose time has come. Told ones alone: telling needs the address."""
        now = self._clock.now()
        await self._tidy({"$in": [state for state in ENDED if state != "uncertain"]}, now - self._text_for)
        await self._tidy("uncertain", now - self._digest_for)

    async def _tidy(self, state: object, before: object) -> None:
        wanted = {"state": state, "ended_at": {"$lt": before}, "values": {"$exists": True}, "told": True}
        old = [document async for document in self._mails.find(wanted).limit(AT_ONCE)]
        if old:
            await self._mails.bulk_write([self._without_text(document) for document in old], ordered=False)
            log.info("mails_tidied", mails=len(old))

    def _without_text(self, document: Document) -> UpdateOne:
        """Only where it still has this state: a person may have sent it again this very moment."""
        gone = [name for name in document if name not in KEPT]
        kept: Document = {"forget_at": max(document["ended_at"] + self._digest_for, self._clock.now())}
        if parts := document.get("parts"):
            kept["parts"] = [{"id": part["id"]} for part in parts]
        query = {"_id": document["_id"], "state": document["state"]}
        return UpdateOne(query, {"$set": kept, "$unset": dict.fromkeys(gone, "")})
