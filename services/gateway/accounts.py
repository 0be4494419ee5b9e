"""Who somebody is: sign-in by mailed link, and what an address may do right now."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID, uuid4

from services.gateway.limits import Act, ActLimits, Counting
from services.gateway.oversight.suspended import Suspended, suspended
from services.gateway.read.catching_up import CatchingUp
from services.gateway.read.models import MERCHANTS_GROUP
from services.gateway.read.projections import MERCHANTS
from services.gateway.sessions import NOWHERE, WHOLE, Scope, Session, Sessions, Where
from services.gateway.teams import Teams
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Actor, ActorKind, Locale, address_key
from shared.contracts.partners import Member, Partner, SignInRequested
from shared.contracts.requests import merchant_id_of
from shared.http import Problem
from shared.links import BadLink, Links, Purpose
from shared.mongo import Database
from shared.publisher import Publisher, outgoing
from shared.rates import TooMany
from shared.security_events import SecurityEvent, SecurityLog
from shared.settings import Settings
from shared.topics import SIGN_INS

LINK_SECONDS = 7 * 24 * 3600
"""How long a link is good that was mailed without having been asked for."""
LINK_REMEMBERED_SECONDS = 24 * 3600


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
class Proof:
    """What only a person has who uses a mailed link: the secret of the browser or program that asked for it, or the
    address that it was mailed to. A scanner that follows a mail's links, and even one that presses their buttons, has
    neither.
    """

    asked: str = ""
    email: str = ""


class MailedLink(NamedTuple):
    """What was signed: which link it is, whose, what it opens, and a digest of the asker's secret, if it had one."""

    key: str
    email: str
    scope: Scope
    asked_by: str


class Accounts:
    """What a person may do is looked up at each request, so that a change of a team counts at once."""

    def __init__(  # noqa: PLR0913 - the parts, named
        self,
        database: Database,
        links: Links,
        publisher: Publisher,
        clock: Clock,
        settings: Settings,
        *,
        limits: ActLimits,
        security: SecurityLog,
    ) -> None:
        self.sessions = Sessions(database, clock, settings)
        self._teams = Teams(database)
        self._suspended = Suspended(database)
        self._catching_up = CatchingUp(database, clock)
        self._merchants = database[MERCHANTS]
        self._newest_links = database["sign_in_links"]
        self._links = links
        self._publisher = publisher
        self._clock = clock
        self._settings = settings
        self._limits = limits
        self._security = security

    async def prepare(self) -> None:
        await self.sessions.prepare()
        await self._newest_links.create_index("at", expireAfterSeconds=LINK_REMEMBERED_SECONDS)
        await self._teams.prepare()
        await self._catching_up.prepare()

    async def request_sign_in(self, email: str, newcomers: Locale | None = None, *, asked_by: str = "") -> None:
        """Have a link mailed, if the address is known, or as a newcomer's in this language. The asker learns nothing
        either way. While nobody can tell who is known, everybody counts as a newcomer: a link alone opens no door.

        `asked_by` is `digest_of` a secret that the asker keeps: with it the link opens at once.
        """
        email = address_key(email)
        if await self._suspended.includes(email):
            return
        locale, sign_in_id = await self._language_of(email), uuid4()
        if locale is None and newcomers is None and await self.merchants_are_behind():
            newcomers = Locale.EN
        is_known = locale is not None
        locale = locale or newcomers
        if locale is None:
            return
        try:
            await self._limits.count(Act.MAIL_LINK, Counting(target=email))
        except TooMany:
            return  # whoever asks is not to learn whether somebody has asked before
        record = command(
            # No name: whoever chose it may not be the one who reads it.
            SignInRequested(email=email, name="", locale=locale, asked_by=asked_by, newcomer=not is_known),
            sign_in_id,
            source="gateway",
            time=self._clock.now(),
        )
        await self._publisher.publish([outgoing(SIGN_INS.name, record)])
        newest = {"link": sign_in_id, "at": self._clock.now()}
        await self._newest_links.update_one({"_id": _key_of(email)}, {"$set": newest}, upsert=True)

    async def open_session(
        self, token: str, attempt: str | None = None, *, proof: Proof, where: Where = NOWHERE
    ) -> Session:
        """Exchange a mailed token, once. Whoever lost the answer gets the same session by the same `attempt`, a secret
        of the asker's. Raises `Problem`.
        """
        try:
            link = await self._readable(token, proof)
            attempt = attempt or secrets.token_urlsafe()
            session = Session(self._token(link.key, attempt), link.email, self._clock.now(), link.scope)
            opened = await self.sessions.open(link.key, attempt, session, where)
        except Problem as problem:
            self._security.event(SecurityEvent.SIGN_IN_REFUSED, reason=problem.code)
            raise
        self._security.event(SecurityEvent.SIGNED_IN, person=str(merchant_id_of(link.email)), by=_kind(link.key))
        return opened

    def opens_at_once(self, token: str, asked: str) -> bool:
        """Whether this browser has asked for the link, so that its person need not say who it is."""
        try:
            return _is_proved(self._read(token), Proof(asked=asked))
        except Problem:
            return False

    async def memberships(self, email: str) -> list[Membership]:
        """The teams this address belongs to, in a stable order."""
        return (await self.teams(email))[0]

    async def invitations(self, email: str) -> list[Membership]:
        """The teams that wait for this address to join."""
        return (await self.teams(email))[1]

    async def teams(self, email: str) -> tuple[list[Membership], list[Membership]]:
        """Both by one question: `memberships` and `invitations`."""
        partners = await self._teams.of(email)
        joined = [Membership(partner, member) for partner in partners if (member := partner.joined_at(email))]
        invited = [Membership(partner, member) for partner in partners if (member := partner.invited_at(email))]
        return joined, invited

    async def locale_of(self, email: str) -> Locale:
        """The language in which this address is written to; English for one that nobody knows."""
        return await self._language_of(address_key(email)) or Locale.EN

    async def was_ever_suspended(self, email: str) -> bool:
        return await self._suspended.of(email) is not None

    async def merchants_are_behind(self) -> bool:
        """Whether a merchant may be missing who has just confirmed a request."""
        return await self._catching_up.is_behind(MERCHANTS_GROUP)

    async def merchant(self, email: str) -> Merchant | None:
        document = await self._merchants.find_one({"_id": merchant_id_of(email)})
        return Merchant(document["_id"], document["name"], document["email"]) if document else None

    async def _language_of(self, email: str) -> Locale | None:
        """In which language to write to somebody who is known; None for whoever is not."""
        joined, invited = await self.teams(email)
        for membership in (*joined, *invited):
            return membership.member.locale
        document = await self._merchants.find_one({"_id": merchant_id_of(email)})
        return Locale(document["locale"]) if document else None

    async def _readable(self, token: str, proof: Proof) -> MailedLink:
        """The link, if it is good and whoever uses it is the one it was mailed to. Raises `Problem` 401, and 403 for
        who is suspended.
        """
        link = self._read(token)
        if not _is_proved(link, proof):
            raise Problem(401, "address_needed", "Say which address this link was mailed to: send it as `email`.")
        if await self._suspended.includes(link.email):
            raise suspended()
        if _kind(link.key) == "sign-in":
            newest = await self._newest_links.find_one({"_id": _key_of(link.email)})
            if newest is not None and link.key != f"sign-in/{newest['link']}":
                raise Problem(401, "link_replaced", "A newer link was mailed since. Please use that one.")
        return link

    def _read(self, token: str) -> MailedLink:
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
                scope = WHOLE
                if purpose == "merchant-link":
                    scope = Scope(merchant=True)
                elif purpose == "invitation":
                    scope = Scope(partner_id=UUID(claims["partner"]))
                key, asked_by = f"{purpose}/{link_id}", str(claims.get("asked", ""))
                return MailedLink(key, address_key(claims["email"]), scope, asked_by)
        raise Problem(401, code, "This link is no longer good. Please ask for a new one.")

    def _token(self, link: str, attempt: str) -> str:
        """The same attempt with the same link is the same session. Nobody can make its token who has no key of ours."""
        key = self._settings.keys[0].encode()
        made = hmac.new(key, f"jobwire.session/{link}/{attempt}".encode(), sha256).digest()
        return urlsafe_b64encode(made).decode().rstrip("=")


def digest_of(asked: str) -> str:
    """What travels of the asker's secret."""
    return urlsafe_b64encode(sha256(asked.encode()).digest()).decode().rstrip("=")


def _is_proved(link: MailedLink, proof: Proof) -> bool:
    by_browser = bool(proof.asked and link.asked_by) and hmac.compare_digest(digest_of(proof.asked), link.asked_by)
    return by_browser or address_key(proof.email) == link.email


def _kind(link: str) -> str:
    return link.partition("/")[0]


def _key_of(email: str) -> bytes:
    return sha256(email.encode()).digest()
