"""Open sessions: opaque tokens that can be taken back. Of every token only its hash is kept."""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from pymongo.errors import DuplicateKeyError, PyMongoError

from services.gateway.oversight.suspended import Suspended
from shared.clock import Clock
from shared.contracts.base import derived_id
from shared.failures import is_transient
from shared.http import Problem
from shared.mongo import Database, Document
from shared.settings import Settings

SESSIONS = "sessions"
"""Not a read model: no topic carries it."""
NOTED_EVERY = timedelta(minutes=1)
"""A session's last use is written no more often."""
LINK_REMEMBERED = timedelta(days=14)
"""Twice as long as any link is good."""
TRIES, TRY_AGAIN_SECONDS = 3, 0.5
"""How often a link is tried whose database is just electing another primary."""


@dataclass(frozen=True)
class Scope:
    """What a session may be used for: everything that its address may, or, opened by a link that nobody asked for, that
    link's side alone.
    """

    merchant: bool = False
    partner_id: UUID | None = None

    @property
    def is_whole(self) -> bool:
        return not self.merchant and self.partner_id is None

    def allows_partner(self, partner_id: UUID) -> bool:
        return self.is_whole or self.partner_id == partner_id

    @property
    def allows_merchant(self) -> bool:
        return self.is_whole or self.merchant


WHOLE = Scope()


@dataclass(frozen=True)
class Where:
    """From where a session is used: its network, and the program as it names itself."""

    network: str = ""
    device: str = ""


NOWHERE = Where()


@dataclass(frozen=True)
class Session:
    token: str
    email: str
    expires_at: datetime
    scope: Scope = WHOLE


@dataclass(frozen=True)
class Listed:
    """A session as its person sees it. The id opens nothing."""

    session_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    where: Where
    scope: Scope


class Sessions:
    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._sessions = database[SESSIONS]
        self._used_links = database["used_links"]
        self._suspended = Suspended(database)
        self._clock = clock
        self._lasts = timedelta(hours=settings.session_hours)
        self._idle = timedelta(minutes=settings.session_idle_minutes)

    async def prepare(self) -> None:
        await self._sessions.create_index("expires_at", expireAfterSeconds=0)
        await self._sessions.create_index("email")
        await self._used_links.create_index("forget_at", expireAfterSeconds=0)

    async def open(self, link: str, attempt: str, session: Session, where: Where) -> Session:
        """Exchange a link, once. The same attempt gets the same session again. Raises `Problem` 401."""
        for left in reversed(range(TRIES)):
            try:
                return await self._opened(link, sha256(attempt.encode()).digest(), session, where)
            except PyMongoError as error:
                if not left or not is_transient(error):
                    raise
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise AssertionError("It returns or raises.")

    async def current(self, token: str, where: Where = NOWHERE) -> Session:
        """The session of this token, which is used from `where` now. Raises `Problem` 401, and 403 for who is
        suspended. Expiry is checked here: the TTL index only runs each minute.
        """
        key, now = hash_of(token), self._clock.now()
        found = await self._sessions.find_one({"_id": key, **self._alive(now)})
        if found is None:
            raise Problem(401, "session_ended", "Please sign in again.")
        await self._suspended.check(found["email"], found["created_at"])
        noted = found.get("last_used_at")
        if noted is None or noted <= now - NOTED_EVERY:
            used = {"last_used_at": now, "network": where.network, "device": where.device}
            await self._sessions.update_one({"_id": key}, {"$set": used})
        return Session(token, str(found["email"]), found["expires_at"], _scope(found))

    async def alive(self, keys: Collection[bytes]) -> set[bytes]:
        """Which of these sessions, by the hashes of their tokens, are still open."""
        found = self._sessions.find({"_id": {"$in": list(keys)}, **self._alive(self._clock.now())}, {"_id": 1})
        return {document["_id"] async for document in found}

    async def listed(self, email: str) -> list[Listed]:
        """A person's open sessions, the one used last first."""
        found = self._sessions.find({"email": email, **self._alive(self._clock.now())})
        listed = [_listed(document) async for document in found]
        return sorted(listed, key=lambda one: one.last_used_at, reverse=True)

    async def close(self, token: str) -> None:
        await self._sessions.delete_one({"_id": hash_of(token)})

    async def close_listed(self, email: str, session_id: UUID) -> bool:
        """End one of this person's sessions; False where there is none of this id."""
        async for document in self._sessions.find({"email": email}, {"_id": 1}):
            if id_of(document["_id"]) == session_id:
                await self._sessions.delete_one({"_id": document["_id"]})
                return True
        return False

    async def close_all(self, email: str, *, but: str | None = None) -> None:
        """End all of this person's sessions, but for the one with this token."""
        kept = {"_id": {"$ne": hash_of(but)}} if but else {}
        await self._sessions.delete_many({"email": email, **kept})

    def _alive(self, now: datetime) -> Document:
        """A session that an earlier release has opened says nothing of its use."""
        used = [{"last_used_at": {"$gt": now - self._idle}}, {"last_used_at": {"$exists": False}}]
        return {"expires_at": {"$gt": now}, "$or": used}

    async def _opened(self, link: str, attempt: bytes, session: Session, where: Where) -> Session:
        """The link is used up last: whoever dies before leaves a session of which nobody knows, and a link that is
        still good.
        """
        key, now = hash_of(session.token), self._clock.now()
        # By what was signed, not by the token's letters: several spellings of a signature are valid.
        used = await self._used_links.find_one({"_id": link})
        if used is None:
            fresh = {
                "email": session.email,
                "created_at": now,
                "expires_at": now + self._lasts,
                "last_used_at": now,
                "network": where.network,
                "device": where.device,
                **({"merchant": True} if session.scope.merchant else {}),
                **({"partner_id": session.scope.partner_id} if session.scope.partner_id else {}),
            }
            await self._sessions.update_one({"_id": key}, {"$setOnInsert": fresh}, upsert=True)
            used = {"_id": link, "attempt": attempt, "forget_at": now + LINK_REMEMBERED}
            try:
                await self._used_links.insert_one(used)
            except DuplicateKeyError:
                used = await self._used_links.find_one({"_id": link})
                if used is None or used.get("attempt") != attempt:
                    await self._sessions.delete_one({"_id": key})
        opened = await self._sessions.find_one({"_id": key})
        if opened is None or used is None or used.get("attempt") != attempt:
            raise Problem(401, "link_used", "This link has been used. Please ask for a new one.")
        return replace(session, expires_at=opened["expires_at"])


def hash_of(token: str) -> bytes:
    return sha256(token.encode()).digest()


def id_of(key: bytes) -> UUID:
    """What a session is called where it is listed."""
    return derived_id("session", key.hex())


_PROGRAMS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """`Firefox, Windows` for a browser; else the first word that the program says of itself."""
    program = next((name for mark, name in _PROGRAMS if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    known = ", ".join(part for part in (program, system) if part)
    return known or re.sub(r"[^A-Za-z0-9./ _-]", "", user_agent).partition(" ")[0][:40]


def _scope(document: Document) -> Scope:
    return Scope(bool(document.get("merchant")), document.get("partner_id"))


def _listed(document: dict[str, Any]) -> Listed:
    return Listed(
        id_of(document["_id"]),
        document["created_at"],
        document.get("last_used_at", document["created_at"]),
        document["expires_at"],
        Where(document.get("network", ""), document.get("device", "")),
        _scope(document),
    )
