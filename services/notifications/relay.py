"""The SMTP server that all mails go through, and the breaker before it: while it is away or refuses us, nobody sends.

    sending ──a failure that is nobody's mail's──► paused ──the pause is over──► one mail tries ──taken──► sending
                                                      ▲                              │
                                                      └──────── longer ◄──────failed─┘

The breaker is one document, changed by the database's clock, so that all workers of all replicas wait for one of them.
What it does not let through costs a mail nothing: no attempt, and no age.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from random import uniform
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from aiosmtplib import SMTP
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.notifications.bulk import EPOCH
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.mongo import Collection, Document

log = get_logger(__name__)

SHORTEST, LONGEST = 1.0, 300.0
"""Seconds of a pause: the first, and what they double up to."""
PROBE_SECONDS = 120
"""So long a mail that tries keeps the others waiting; then another may."""
_ID = "smtp"


class Relay:
    """The SMTP server that the settings name."""

    def __init__(self, smtp_url: str) -> None:
        url = urlsplit(smtp_url)
        self._options: dict[str, Any] = {
            "hostname": url.hostname or "127.0.0.1",
            "port": url.port or (465 if url.scheme == "smtps" else 25),
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            "timeout": 30,
        }

    def connection(self) -> SMTP:
        return SMTP(**self._options)


class Way(Enum):
    """What the breaker lets through now."""

    OPEN = "open"
    CLOSED = "closed"
    ONE = "one"
    """One mail tries for all."""


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, with jitter downwards."""
    longest = min(SHORTEST * 2.0 ** min(failures - 1, 16), LONGEST)
    return uniform(longest / 2, longest)  # noqa: S311 - no secret


class Breaker:
    """One worker's view of the one breaker."""

    def __init__(self, collection: Collection, metrics: Metrics, pause: Callable[[int], float] = pause_after) -> None:
        self._collection = collection
        self._metrics = metrics
        self._pause = pause
        self._probe: UUID | None = None

    async def prepare(self) -> None:
        fresh = {"failures": 0, "until": EPOCH, "since": EPOCH, "probe": None, "error": ""}
        with suppress(DuplicateKeyError):  # two replicas at once
            await self._collection.update_one({"_id": _ID}, {"$setOnInsert": fresh}, upsert=True)

    @property
    def probing(self) -> bool:
        """Whether this worker's mail is the one that tries."""
        return self._probe is not None

    async def way(self) -> Way:
        """What may be sent now. Whoever gets `ONE` says what became of it: `failed`, `works` or `nothing_to_try`."""
        document = await self._collection.find_one({"_id": _ID})
        paused = document is not None and document["failures"] > 0
        self._metrics.relay_paused.set(int(paused))
        if not paused:
            return Way.OPEN
        probe = uuid4()
        taken = await self._collection.find_one_and_update(
            {"_id": _ID, "failures": {"$gt": 0}, "$expr": {"$lt": ["$until", "$$NOW"]}},
            [{"$set": {"probe": probe, "until": {"$add": ["$$NOW", PROBE_SECONDS * 1000]}}}],
            return_document=ReturnDocument.AFTER,
        )
        self._probe = probe if taken else None
        return Way.ONE if taken else Way.CLOSED

    async def failed(self, error: str, *, alarms: bool) -> None:
        """The server is away, or refuses us: everybody waits. Of many who find out at once one is counted."""
        mine: Document = {"_id": _ID, "probe": self._probe} if self._probe else {"_id": _ID, "failures": 0}
        document = await self._collection.find_one({"_id": _ID})
        if document is None:
            await self.prepare()
        failures = (document["failures"] if document else 0) + 1
        seconds = self._pause(failures)
        fields: Document = {
            "failures": failures,
            "until": {"$add": ["$$NOW", int(seconds * 1000)]},
            "probe": None,
            "error": {"$literal": error},
            **({} if self._probe else {"since": "$$NOW"}),
        }
        result = await self._collection.update_one(mine, [{"$set": fields}])
        self._probe = None
        self._metrics.relay_paused.set(1)
        if result.modified_count:
            say = log.error if alarms else log.warning
            say("relay_paused", failures=failures, seconds=round(seconds, 1), error=error)

    async def works(self) -> None:
        """The mail that tried has come to the server: everybody sends again."""
        if self._probe is None:
            return
        healed = {"failures": 0, "probe": None}
        result = await self._collection.update_one({"_id": _ID, "probe": self._probe}, {"$set": healed})
        self._probe = None
        if result.modified_count:
            self._metrics.relay_paused.set(0)
            log.info("relay_is_back")

    async def nothing_to_try(self) -> None:
        """There was no mail, or its fate says nothing of the server: the next one may try."""
        if self._probe is not None:
            again = {"until": "$$NOW", "probe": None}
            await self._collection.update_one({"_id": _ID, "probe": self._probe}, [{"$set": again}])
            self._probe = None


async def state_of(breakers: Collection) -> Document | None:
    """Since when nothing is sent, how often it was tried, when it is next, and what the server said last. None while
    mails are sent.
    """
    document = await breakers.find_one({"_id": _ID})
    return document if document and document["failures"] else None
