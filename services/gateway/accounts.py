"""Who somebody is: sign-in by mailed link, sessions, and what an address may do right now."""

import asyncio
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from pymongo.errors import DuplicateKeyError, PyMongoError

from services.gateway.read.catching_up import CatchingUp
from services.gateway.read.models import MERCHANTS_GROUP
from services.gateway.read.projections import MERCHANTS, SESSIONS
from services.gateway.teams import Teams
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Actor, ActorKind, Locale, address_key
from shared.contracts.partners import Member, Partner, SignInRequested
from shared.contracts.requests import merchant_id_of
from shared.failures import is_transient
from shared.http import Problem
from shared.limit import MailLimit
from shared.links import BadLink, Links, Purpose
from shared.mongo import Database
from shared.publisher import Publisher, outgoing
from shared.settings import Settings
from shared.topics import SIGN_INS

LINK_SECONDS = 7 * 24 * 3600
"""How long a link is good that was mailed without having been asked for."""
TRIES, TRY_AGAIN_SECONDS = 3, 0.5
"""How often a link is tried whose database is just electing another primary."""


@dataclass(frozen=True)
class Membership:
    """One person in one partner's team."""

    partner: Partner
    member: Member

    def actor(self) -> Actor:
        return Actor(
            kind=ActorKind.PARTNER,
            partner_id=self.partner.partner_id,
            member_id=self.member.member_id,
            name=self.member.name,
        )

    @property
    def administers(self) -> bool:
        return self.member.administers


@dataclass(frozen=True)
class Merchant:
    merchant_id: UUID
    name: str
    email: str

    def actor(self) -> Actor:
        return Actor(kind=ActorKind.MERCHANT, merchant_id=self.merchant_id, name=self.name)


@dataclass(frozen=True)
class Session:
    """`invited_to` names the partner whose invitation opened it."""

    token: str
    email: str
    expires_at: datetime
    invited_to: UUID | None = None


class Accounts:
    """Sessions are opaque and revocable; of every token only its hash is stored. What a person may do is looked up at
    each request, so that a change of a team counts at once.
    """

    def __init__(
        self, database: Database, links: Links, publisher: Publisher, clock: Clock, settings: Settings
    ) -> None:
        self._teams = Teams(database)
        self._catching_up = CatchingUp(database, clock)
        self._merchants = database[MERCHANTS]
        self._sessions = database[SESSIONS]
        self._limit = MailLimit(database["sign_ins"])
        self._used_links = database["used_links"]
        self._links = links
        self._publisher = publisher
        self._clock = clock
        self._settings = settings
        self._lasts = timedelta(hours=settings.session_hours)

    async def prepare(self) -> None:
        await self._sessions.create_index("expires_at", expireAfterSeconds=0)
        await self._used_links.create_index("forget_at", expireAfterSeconds=0)
        await self._limit.prepare()
        await self._teams.prepare()
        await self._catching_up.prepare()

    async def request_sign_in(self, email: str, newcomers: Locale | None = None) -> None:
        """Have a link mailed, if the address is known, or as a newcomer's in this language. The asker learns nothing
        either way. While nobody can tell who is known, everybody counts as a newcomer: a link alone opens no door.
        """
        email = address_key(email)
        known, sign_in_id = await self._known(email), uuid4()
        if known is None and newcomers is None and await self.merchants_are_behind():
            newcomers = Locale.EN
        if known is None and newcomers is not None:
            known = "", newcomers  # no name that somebody typed in goes to an address that did not ask
        if known is None or not await self._limit.allows(sign_in_id, email, self._clock.now()):
            return
        name, locale = known
        record = command(
            SignInRequested(email=email, name=name, locale=locale),
            sign_in_id,
            source="gateway",
            time=self._clock.now(),
        )
        await self._publisher.publish([outgoing(SIGN_INS.name, record)])

    async def open_session(self, token: str, attempt: str | None = None) -> Session:
        """Exchange a mailed token, once. Whoever lost the answer gets the same session by the same `attempt`, a secret
        of the asker's. Raises `Problem`.
        """
        link, email, invited_to = self._read(token)
        attempt = attempt or secrets.token_urlsafe()
        session = Session(self._token(link, attempt), email, self._clock.now() + self._lasts, invited_to)
        for left in reversed(range(TRIES)):
            try:
                return await self._opened(session, link, sha256(attempt.encode()).digest())
            except PyMongoError as error:
                if not left or not is_transient(error):
                    raise
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise AssertionError("It returns or raises.")

    async def _opened(self, session: Session, link: str, attempt: bytes) -> Session:
        """The session, or the same that this attempt has opened already. The link is used up last: whoever dies before
        leaves a session of which nobody knows, and a link that is still good.
        """
        # By what was signed, not by the token's letters: several spellings of a signature are valid.
        used = await self._used_links.find_one({"_id": link})
        if used is None:
            now, key = self._clock.now(), _hash(session.token)
            fresh = {"email": session.email, "created_at": now, "expires_at": session.expires_at}
            await self._sessions.update_one({"_id": key}, {"$setOnInsert": fresh}, upsert=True)
            used = {"_id": link, "attempt": attempt, "forget_at": now + timedelta(seconds=2 * LINK_SECONDS)}
            try:
                await self._used_links.insert_one(used)
            except DuplicateKeyError:
                used = await self._used_links.find_one({"_id": link})
                if used is None or used.get("attempt") != attempt:
                    await self._sessions.delete_one({"_id": key})
        opened = await self._sessions.find_one({"_id": _hash(session.token)})
        if opened is None or used is None or used.get("attempt") != attempt:
            raise Problem(401, "link_used", "This link has been used. Please ask for a new one.")
        return replace(session, expires_at=opened["expires_at"])

    def _token(self, link: str, attempt: str) -> str:
        """The same attempt with the same link is the same session. Nobody can make its token who has no key of ours."""
        key = self._settings.keys[0].encode()
        made = hmac.new(key, f"jobwire.session/{link}/{attempt}".encode(), sha256).digest()
        return urlsafe_b64encode(made).decode().rstrip("=")

    async def close_session(self, token: str) -> None:
        await self._sessions.delete_one({"_id": _hash(token)})

    async def email_of_session(self, token: str) -> str:
        """The address that is signed in. Raises `Problem` 401. Expiry is checked here: the TTL index only runs each
        minute.
        """
        session = await self._sessions.find_one({"_id": _hash(token), "expires_at": {"$gt": self._clock.now()}})
        if session is None:
            raise Problem(401, "session_ended", "Please sign in again.")
        return str(session["email"])

    async def memberships(self, email: str) -> list[Membership]:
        """The teams this address belongs to, in a stable order."""
        return (await self.teams(email))[0]

    async def invitations(self, email: str) -> list[Membership]:
        """The teams that wait for this address to join."""
        return (await self.teams(email))[1]

    async def teams(self, email: str) -> tuple[list[Membership], list[Membership]]:
        """Both by one question: `memberships` and `invitations`."""
        named = await self._named(email)
        return [one for one in named if one.member.joined], [one for one in named if not one.member.joined]

    async def _named(self, email: str) -> list[Membership]:
        partners = await self._teams.of(email)
        return [Membership(partner, member) for partner in partners if (member := partner.member_at(email))]

    async def merchants_are_behind(self) -> bool:
        """Whether a merchant may be missing who has just confirmed a request."""
        return await self._catching_up.is_behind(MERCHANTS_GROUP)

    async def merchant(self, email: str) -> Merchant | None:
        document = await self._merchants.find_one({"_id": merchant_id_of(email)})
        return Merchant(document["_id"], document["name"], document["email"]) if document else None

    async def _known(self, email: str) -> tuple[str, Locale] | None:
        for membership in await self._named(email):
            return membership.member.name, membership.member.locale
        document = await self._merchants.find_one({"_id": merchant_id_of(email)})
        return (document["name"], Locale(document["locale"])) if document else None

    def _read(self, token: str) -> tuple[str, str, UUID | None]:
        """Which link this is, the address it signs in, and the partner it invites to."""
        kinds: tuple[tuple[Purpose, int], ...] = (
            ("sign-in", self._settings.sign_in_minutes * 60),
            ("merchant-link", LINK_SECONDS),
            ("invitation", LINK_SECONDS),
        )
        code = "link_invalid"
        for purpose, max_age in kinds:
            try:
                link_id, claims = self._links.read(purpose, token, max_age)
            except BadLink as bad:
                code = bad.code if bad.code == "link_expired" else code
            else:
                partner_id = UUID(claims["partner"]) if purpose == "invitation" else None
                return f"{purpose}/{link_id}", address_key(claims["email"]), partner_id
        raise Problem(401, code, "This link is no longer good. Please ask for a new one.")


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
