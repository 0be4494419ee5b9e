"""What the API shows of a partner to its own team."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.gateway.accounts import Membership
from services.gateway.partner import missing
from shared.contracts.base import Locale
from shared.contracts.matching import Answering, ServiceStanding, StandingChanged
from shared.contracts.partners import (
    Approval,
    MailTopic,
    Member,
    Partner,
    Preferences,
    Profile,
    Role,
    Suspension,
)
from shared.i18n import N_, gettext


class ReviewsView(BaseModel):
    """`rating` is the mean of 1 to 5, None before the first review."""

    count: int
    rating: float | None


class PartnerView(BaseModel):
    """`receives_work` is false as long as something is `missing`: `publish_profile`, `offer_a_service`, `be_available`,
    `be_back` (it is away), `be_approved` or `be_restored`. `notice` says in the reader's language what an organisation
    lacks that is not approved, or is suspended: then `suspended` has the reason.
    """

    partner_id: UUID
    version: int
    profile: Profile
    receives_work: bool
    missing: list[str]
    approval: Approval
    suspended: Suspension | None
    notice: str | None
    reviews: ReviewsView


class PreferencesView(BaseModel):
    version: int
    preferences: Preferences


class MemberView(BaseModel):
    member_id: UUID
    name: str
    email: str
    role: Role
    locale: Locale
    joined: bool
    assigned_only: bool


class TeamView(BaseModel):
    version: int
    members: list[MemberView]


class OwnSettingsView(BaseModel):
    """`mailed` is None where the role decides what one is mailed about."""

    version: int
    name: str
    locale: Locale
    mailed: tuple[MailTopic, ...] | None


class StandingView(BaseModel):
    """What matching has learned. `answering.share` is the share of jobs that were answered in time, its points what
    that brings in matching, with and without the expiries. A reply that its merchant never opened (`replied`-`opened`)
    counts against nobody.
    """

    open_jobs: int
    total: ServiceStanding
    answering: Answering
    services: dict[str, ServiceStanding]


_SUSPENDED = N_(
    "This organisation is suspended. It takes no part in Jobwire, and nobody can act in its name. What it worked on "
    "has been closed."
)
_NOTICES: Mapping[Approval, str | None] = {
    Approval.PENDING: N_(
        "This organisation waits for approval. Until then its profile is shown to nobody, and it receives no work."
    ),
    Approval.PROBATION: N_(
        "This organisation is new. Until somebody at Jobwire has vouched for it, it receives few jobs, and no requests "
        "from prospects."
    ),
    Approval.APPROVED: None,
}


def notice_of(partner: Partner, locale: Locale) -> str | None:
    """What somebody in its team has to know of how far the organisation is let in."""
    notice = _SUSPENDED if partner.suspended else _NOTICES[partner.approval]
    return gettext(locale, notice) if notice else None


def profile_view(partner: Partner, standing: StandingChanged, now: datetime, locale: Locale) -> PartnerView:
    lacks, total = missing(partner, now), standing.total()
    rating = round(total.rating_sum / total.reviews, 2) if total.reviews else None
    return PartnerView(
        partner_id=partner.partner_id,
        version=partner.version_for_team,
        profile=partner.profile,
        receives_work=not lacks,
        missing=lacks,
        approval=partner.approval,
        suspended=partner.suspended,
        notice=notice_of(partner, locale),
        reviews=ReviewsView(count=total.reviews, rating=rating),
    )


def team_view(partner: Partner) -> TeamView:
    return TeamView(version=partner.version_for_team, members=[_member(member) for member in partner.members])


def own_settings_view(partner: Partner, member: Member) -> OwnSettingsView:
    version = partner.version_for_team
    return OwnSettingsView(version=version, name=member.name, locale=member.locale, mailed=member.mailed)


def standing_view(standing: StandingChanged) -> StandingView:
    return StandingView(
        open_jobs=standing.open_jobs,
        total=standing.total(),
        answering=standing.answering,
        services=standing.services,
    )


class MembershipView(BaseModel):
    """Where the organisation is `suspended`, its members can do nothing in its name."""

    partner_id: UUID
    partner_name: str
    member_id: UUID
    name: str
    role: Role
    suspended: bool


def membership_view(one: Membership) -> MembershipView:
    return MembershipView(
        partner_id=one.partner.partner_id,
        partner_name=one.partner.profile.name,
        member_id=one.member.member_id,
        name=one.member.name,
        role=one.member.role,
        suspended=one.partner.suspended is not None,
    )


def _member(member: Member) -> MemberView:
    return MemberView(**member.model_dump(include=set(MemberView.model_fields)))
