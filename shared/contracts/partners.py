"""What gateway says: partners and their teams, and who wants to sign in."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, Self, get_args
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import (
    Actor,
    ActorKind,
    Contract,
    Email,
    Line,
    Locale,
    Message,
    Money,
    Snapshot,
    Text,
    address_key,
    derived_id,
)
from shared.contracts.versions import ExpectedVersion

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


Unit = Literal["project", "hour", "month", "item"]


class Offer(Contract):
    """One service of a partner: what it costs from, per which unit, and how many days until it can be delivered."""

    service: str
    price_from: Money
    unit: Unit
    lead_days: Annotated[int, Field(ge=0, le=365)]


class Away(Contract):
    """Days on which the partner is away, both included, in UTC. Who is away comes back by itself."""

    first_day: date
    last_day: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("The last day away is before the first.")
        return self


class Preferences(Contract):
    """`available`: can be contacted and gets work. `visible`: shown in search and matched. `notification_email`:
    where job mails go, once somebody there has confirmed it (`email_confirmed`). `jobs_per_week` and `open_jobs`: no
    more than that are sent by matching; None sets no limit.
    """

    available: bool = True
    visible: bool = True
    dropshippers: bool = True
    notification_email: Email | None = None
    email_confirmed: bool = True
    away: Away | None = None
    jobs_per_week: Annotated[int, Field(ge=0, le=10_000)] | None = None
    open_jobs: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @property
    def inbox(self) -> Email | None:
        """The address that job mails may go to."""
        return self.notification_email if self.email_confirmed else None

    def contactable(self, at: datetime) -> bool:
        """Available, and not away on this day."""
        if self.away is None:
            return self.available
        return self.available and not self.away.first_day <= at.astimezone(UTC).date() <= self.away.last_day


class MailTopic(StrEnum):
    """What a member can be mailed about."""

    NEW_JOBS = "new_jobs"
    CONVERSATION = "conversation"
    ASSIGNED = "assigned"
    MENTIONS = "mentions"
    REVIEWS = "reviews"


class Member(Contract):
    """`joined` is False while an invitation is open. `assigned_only`: sees no jobs but those assigned to it. `mailed`:
    what the member chose to be mailed about; None leaves it to the role.
    """

    member_id: UUID
    name: Line
    email: Email
    role: Role
    locale: Locale
    joined: bool = True
    assigned_only: bool = False
    mailed: Annotated[tuple[MailTopic, ...], Field(max_length=20)] | None = None

    @property
    def administers(self) -> bool:
        return self.joined and self.role in (Role.OWNER, Role.ADMIN)


def member_id_of(partner_id: UUID, email: str) -> UUID:
    """The member that this address is in this team; whoever comes back is the same."""
    return derived_id("member", partner_id, address_key(email))


Languages = Annotated[tuple[Language, ...], Field(max_length=20)]
Portfolio = Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=20)]


class Profile(Contract):
    slug: Slug
    name: Line
    about: Text
    main_language: Locale
    languages: Languages
    country: Country
    published: bool
    portfolio: Portfolio = ()
    services: Annotated[tuple[Offer, ...], Field(max_length=60)]


class Rights(NamedTuple):
    """What an organisation may have of Jobwire. `listed`: shown in the directory, and matched. `leads`: prospects are
    sent to it, with their addresses. `few_jobs`: no more of them than the settings give to those on probation.
    """

    listed: bool = False
    jobs: bool = False
    leads: bool = False
    few_jobs: bool = False


class Approval(StrEnum):
    """How far those who run Jobwire trust an organisation."""

    PENDING = "pending"
    PROBATION = "probation"
    APPROVED = "approved"

    @property
    def rights(self) -> Rights:
        return _RIGHTS[self]


_RIGHTS: Mapping[Approval, Rights] = MappingProxyType(
    {
        Approval.PENDING: Rights(),
        Approval.PROBATION: Rights(listed=True, jobs=True, few_jobs=True),
        Approval.APPROVED: Rights(listed=True, jobs=True, leads=True),
    }
)
_NONE = Rights()

Because = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""Why an operator did it, on one line, as the organisation's owners read it."""


class Suspension(Contract):
    reason: str
    at: datetime


class Admitted(Snapshot):
    """How far an organisation is let in. `suspended` takes everything from it, whatever its approval."""

    approval: Approval = Approval.APPROVED
    suspended: Suspension | None = None

    @property
    def rights(self) -> Rights:
        return _NONE if self.suspended else self.approval.rights


MOST_BLOCKS = 1_000


class PartnerParts(Contract):
    """At which version each part that is replaced whole was changed last, as the team counts; None where a release has
    written that did not keep it.
    """

    profile: int | None = None
    preferences: int | None = None
    members: int | None = None


class Partner(Admitted):
    """`blocked_by` are merchants who want nothing more of this partner, the last `MOST_BLOCKS` of them. Its team is not
    told who they are, nor that there are any: `team_version` counts the changes that are the team's to see. None in
    partners of an earlier release: then the team goes on from what it was shown, which counted everything.
    """

    partner_id: UUID
    profile: Profile
    preferences: Preferences
    members: tuple[Member, ...]
    blocked_by: tuple[UUID, ...] = ()
    parts: PartnerParts = PartnerParts()
    team_version: int | None = None

    @property
    def version_for_team(self) -> int:
        """The version that the partner's own team is shown."""
        return self.version if self.team_version is None else self.team_version

    @property
    def shown(self) -> bool:
        """Whether everybody can see its profile."""
        return self.profile.published and self.rights.listed

    def offer(self, service: str) -> Offer | None:
        """What the partner offers for this service, if it does."""
        return next((offer for offer in self.profile.services if offer.service == service), None)

    def member(self, member_id: UUID) -> Member | None:
        return next((member for member in self.members if member.member_id == member_id), None)

    def joined_at(self, email: str) -> Member | None:
        """The member with this address, however it is spelt. Whoever is only invited is none."""
        named = self.named_at(email)
        return named if named and named.joined else None

    def invited_at(self, email: str) -> Member | None:
        """Whoever is invited at this address and has not joined: a name that the team chose, and nothing more."""
        named = self.named_at(email)
        return None if named is None or named.joined else named

    def named_at(self, email: str) -> Member | None:
        """Whoever the team has at this address, joined or not."""
        return next((member for member in self.members if address_key(member.email) == address_key(email)), None)

    def acting(self, actor: Actor) -> Member | None:
        """The member on whose behalf a command speaks, if it is one of this team."""
        if actor.kind is not ActorKind.PARTNER or actor.partner_id != self.partner_id or actor.member_id is None:
            return None
        return self.member(actor.member_id)


class RegisterPartner(Message):
    """`approval` is how far a new organisation is trusted: whoever sends this knows what the settings say."""

    profile: Profile
    preferences: Preferences
    members: Annotated[tuple[Member, ...], Field(max_length=500)]
    approval: Approval = Approval.APPROVED
    actor: Actor


class ChangePreferences(Message):
    preferences: Preferences
    expected_version: ExpectedVersion = None
    actor: Actor


class ConfirmNotificationAddress(Message):
    """Whoever reads this address wants the mails. Whoever sends this has checked the mailed link."""

    email: Email
    actor: Actor


class ChangeProfile(Message):
    """What the partner says of itself, whole."""

    slug: Slug
    name: Line
    about: Text
    main_language: Locale
    languages: Languages
    country: Country
    portfolio: Portfolio = ()
    expected_version: ExpectedVersion = None
    actor: Actor


class OfferService(Message):
    """Offer a service, or offer it differently."""

    offer: Offer
    expected_version: ExpectedVersion = None
    actor: Actor


class WithdrawService(Message):
    service: str
    expected_version: ExpectedVersion = None
    actor: Actor


class PublishProfile(Message):
    actor: Actor


class UnpublishProfile(Message):
    actor: Actor


class InviteMember(Message):
    """`name` is what the team calls the person until they say it themselves."""

    name: Line
    email: Email
    role: Role
    locale: Locale
    assigned_only: bool = False
    actor: Actor


class AcceptInvitation(Message):
    """The invited address answered. Whoever sends this has checked the mailed link."""

    actor: Actor


class ChangeMember(Message):
    member_id: UUID
    role: Role
    assigned_only: bool
    expected_version: ExpectedVersion = None
    actor: Actor


class ChangeOwnSettings(Message):
    """What a member says of itself: what to call it, its language, what it is mailed about."""

    name: Line
    locale: Locale
    mailed: Annotated[tuple[MailTopic, ...], Field(max_length=20)] | None
    expected_version: ExpectedVersion = None
    actor: Actor


class RemoveMember(Message):
    member_id: UUID
    actor: Actor


class BlockPartner(Message):
    """A merchant wants nothing more of this partner, for good."""

    actor: Actor


class VouchForPartner(Message):
    """An operator trusts the organisation so far from now on."""

    approval: Approval
    reason: Because
    actor: Actor


class SuspendPartner(Message):
    """An operator takes all rights from the organisation, until it is restored. What it works on is closed."""

    reason: Because
    actor: Actor


class RestorePartner(Message):
    """An operator gives the rights back that the approval allows. What was closed stays closed."""

    reason: Because
    actor: Actor


class PartnerChanged(Message):
    """The parts that changed, whole; what is None stayed as it was. Of a team only `member` is named, who is new or not
    as before, or `removed`; `members` is the first team, and the whole one in older records. `blocked` is the merchant
    who has just blocked the partner. `invited` is mailed, `removed` is out, and `to_confirm` is the address for
    notifications that is asked whether it wants them. `restored` ends a suspension. `reason` is why an operator did it.
    """

    profile: Profile | None = None
    preferences: Preferences | None = None
    members: tuple[Member, ...] | None = None
    member: Member | None = None
    blocked_by: tuple[UUID, ...] | None = None
    blocked: UUID | None = None
    invited: UUID | None = None
    removed: Member | None = None
    to_confirm: Email | None = None
    approval: Approval | None = None
    suspended: Suspension | None = None
    restored: bool = False
    reason: str = ""
    actor: Actor | None = None


class SignInRequested(Message):
    """Somebody asked for a link. The record carries no secret: whoever mails the link signs `subject` with the shared
    key. `name` is empty: earlier releases greeted by it. `asked_by` is a digest of a secret that the asker keeps.
    Nobody knows the address of a `newcomer`: anybody may have typed it.
    """

    email: Email
    name: str
    locale: Locale
    asked_by: str = ""
    newcomer: bool = False


PartnerCommand = (
    RegisterPartner
    | ChangePreferences
    | ConfirmNotificationAddress
    | ChangeProfile
    | OfferService
    | WithdrawService
    | PublishProfile
    | UnpublishProfile
    | InviteMember
    | AcceptInvitation
    | ChangeMember
    | ChangeOwnSettings
    | RemoveMember
    | BlockPartner
    | VouchForPartner
    | SuspendPartner
    | RestorePartner
)
COMMANDS = get_args(PartnerCommand)
EVENTS = (PartnerChanged,)
SIGN_INS = (SignInRequested,)
