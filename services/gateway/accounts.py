"""Who somebody is: sign-in by mailed link, sessions, and what an address may do right now."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from pymongo.errors import DuplicateKeyError

from services.gateway.read.projections import MERCHANTS, PARTNERS, SESSIONS
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Actor, ActorKind, Locale, address_key
from shared.contracts.partners import Member, Partner, SignInRequested
from shared.contracts.requests import merchant_id_of
from shared.http import Problem
from shared.limit import MailLimit
from shared.links import BadLink, Links, Purpose
from shared.mongo import Database
from shared.publisher import Publisher, outgoing
from shared.settings import Settings
from shared.topics import SIGN_INS

LINK_SECONDS = 7 * 24 * 3600
"""How long a link is good that was mailed without having been asked for."""


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
        self._teams = database[PARTNERS]
        self._merchants = database[MERCHANTS]
        self._sessions = database[SESSIONS]
        self._limit = MailLimit(database["sign_ins"])
        self._used_links = database["used_links"]
        self._links = links
        self._publisher = publisher
        self._clock = clock
        self._settings = settings

    async def prepare(self) -> None:
        await self._sessions.create_index("expires_at", expireAfterSeconds=0)
        await self._used_links.create_index("forget_at", expireAfterSeconds=0)
        await self._limit.prepare()

    async def request_sign_in(self, email: str, newcomers: Locale | None = None) -> None:
        """Have a link mailed, if the address is known, or as a newcomer's in this language. The asker learns nothing
        either way.
        """
        email = address_key(email)
        known, sign_in_id = await self._known(email), uuid4()
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

    async def open_session(self, token: str) -> Session:
        """Exchange a mailed token, once. Raises `Problem`."""
        link, email, invited_to = self._read(token)
        now = self._clock.now()
        try:
            # By what was signed, not by the token's letters: several spellings of a signature are valid.
            await self._used_links.insert_one({"_id": link, "forget_at": now + timedelta(seconds=2 * LINK_SECONDS)})
        except DuplicateKeyError:
            raise Problem(401, "link_used", "This link has been used. Please ask for a new one.") from None
        ends_at = now + timedelta(hours=self._settings.session_hours)
        session = Session(secrets.token_urlsafe(32), email, ends_at, invited_to)
        await self._sessions.insert_one(
            {"_id": _hash(session.token), "email": email, "created_at": now, "expires_at": session.expires_at}
        )
        return session

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
        return [one for one in await self._named(email) if one.member.joined]

    async def invitations(self, email: str) -> list[Membership]:
        """The teams that wait for this address to join."""
        return [one for one in await self._named(email) if not one.member.joined]

    async def _named(self, email: str) -> list[Membership]:
        cursor = self._teams.find({"emails": email}).sort("_id", 1)
        partners = [Partner.model_validate(document["partner"]) async for document in cursor]
        return [
            Membership(partner, member)
            for partner in partners
            for member in partner.members
            if address_key(member.email) == email
        ]

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
