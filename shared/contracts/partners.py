"""What gateway says: partners and their teams, and who wants to sign in."""

from enum import StrEnum
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.contracts.base import Actor, Contract, Email, Line, Locale, Message, Money, Snapshot, Text

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Offer(Contract):
    """One service of a partner: what it costs from, per which unit, and how many days until it can be delivered."""

    service: str
    price_from: Money
    unit: Literal["project", "hour", "month", "item"]
    lead_days: Annotated[int, Field(ge=0, le=365)]


class Preferences(Contract):
    """`available`: can be contacted and gets work. `visible`: shown in search and matched. `notification_email`:
    where job mails go.
    """

    available: bool = True
    visible: bool = True
    dropshippers: bool = True
    notification_email: Email | None = None


class Member(Contract):
    member_id: UUID
    name: Line
    email: Email
    role: Role
    locale: Locale


class Profile(Contract):
    slug: Slug
    name: Line
    about: Text
    main_language: Locale
    languages: Annotated[tuple[Language, ...], Field(max_length=20)]
    country: Country
    published: bool
    portfolio: Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=20)] = ()
    services: Annotated[tuple[Offer, ...], Field(max_length=60)]


class Partner(Snapshot):
    partner_id: UUID
    profile: Profile
    preferences: Preferences
    members: tuple[Member, ...]

    def offer(self, service: str) -> Offer | None:
        """What the partner offers for this service, if it does."""
        return next((offer for offer in self.profile.services if offer.service == service), None)

    def member(self, member_id: UUID) -> Member | None:
        return next((member for member in self.members if member.member_id == member_id), None)


class RegisterPartner(Message):
    profile: Profile
    preferences: Preferences
    members: Annotated[tuple[Member, ...], Field(max_length=500)]
    actor: Actor


class ChangePreferences(Message):
    preferences: Preferences
    actor: Actor


class PartnerChanged(Message):
    """The parts that changed, whole; what is None stayed as it was."""

    profile: Profile | None = None
    preferences: Preferences | None = None
    members: tuple[Member, ...] | None = None


class SignInRequested(Message):
    """Somebody known asked for a link. The record carries no secret: whoever mails the link signs `subject` with the
    shared key.
    """

    email: Email
    name: str
    locale: Locale


PartnerCommand = RegisterPartner | ChangePreferences
COMMANDS = get_args(PartnerCommand)
EVENTS = (PartnerChanged,)
SIGN_INS = (SignInRequested,)
