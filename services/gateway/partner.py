"""All rules of a partner: its profile, services and preferences here, its members in `team.py`, how far it is let in
in `admitting.py`. Pure.
"""

from datetime import datetime
from typing import get_args
from uuid import UUID

from services.gateway.admitting import AdmittingCommand, decide_admitting
from services.gateway.team import TeamCommand, decide_team, team_after
from shared.contracts.base import ActorKind, address_key
from shared.contracts.codec import MAX_RECORD_BYTES
from shared.contracts.partners import (
    MOST_BLOCKS,
    BlockPartner,
    ChangeMember,
    ChangeOwnSettings,
    ChangePreferences,
    ChangeProfile,
    ConfirmNotificationAddress,
    Offer,
    OfferService,
    Partner,
    PartnerChanged,
    PartnerCommand,
    PartnerParts,
    Preferences,
    Profile,
    PublishProfile,
    RegisterPartner,
    Role,
    UnpublishProfile,
    WithdrawService,
)
from shared.decisions import Decision, Rejection, unless_overtaken
from shared.taxonomy import is_service

_STATE = frozenset(Partner.model_fields) & frozenset(PartnerChanged.model_fields)
MOST_SERVICES = 60
MERCHANTS_OWN = frozenset({"blocked_by", "blocked"})
"""What a fact says that is not for the partner's team to know."""
MOST_BYTES = MAX_RECORD_BYTES // 2 - 40 * MOST_BLOCKS - 4096
"""Of a partner as it travels, without its blocks, which nobody is refused for lack of room. An event carries it once as
its snapshot and once, at a registration, as its fact.
"""


def decide(partner: Partner | None, command: PartnerCommand, partner_id: UUID, at: datetime) -> Decision:
    """As `shared.aggregate.Aggregate.decide`. Nothing is decided that could not be published: who is refused can act,
    while an event that is too large would keep everybody from hearing of this partner again.
    """
    decision = _decide(partner, command, partner_id, at)
    if isinstance(decision, Rejection) or not decision:
        return decision
    after = partner
    for fact in decision:
        assert isinstance(fact, PartnerChanged)
        after = evolve(after, fact, partner_id, at)
    size = _size(after)
    # Nobody escapes a suspension by filling the profile up.
    if size > MOST_BYTES and size > _size(partner) and not isinstance(command, get_args(AdmittingCommand)):
        return Rejection(
            "too_large", "This is more than a profile with its team can hold. Shorten or remove something."
        )
    return decision


def _size(partner: Partner | None) -> int:
    return len(partner.model_dump_json(exclude={"blocked_by"}).encode()) if partner else 0


def _decide(partner: Partner | None, command: PartnerCommand, partner_id: UUID, at: datetime) -> Decision:
    if isinstance(command, RegisterPartner):
        return _register(partner, command, partner_id)
    if partner is None:
        raise ValueError(f"There is no partner {partner_id} to change.")
    if isinstance(command, get_args(AdmittingCommand)):
        return decide_admitting(partner, command, at)
    decision = _decide_change(partner, command)
    match command:
        case ChangeProfile() | OfferService() | WithdrawService():
            return unless_overtaken(decision, command.expected_version, partner.parts.profile, partner.version_for_team)
        case ChangePreferences(expected_version=expected):
            return unless_overtaken(decision, expected, partner.parts.preferences, partner.version_for_team)
        case ChangeMember() | ChangeOwnSettings():
            return unless_overtaken(decision, command.expected_version, partner.parts.members, partner.version_for_team)
        case _:
            return decision


def evolve(partner: Partner | None, fact: PartnerChanged, partner_id: UUID, at: datetime) -> Partner:
    changed = {name: value for name in _STATE if (value := getattr(fact, name)) is not None}
    if fact.restored:
        changed["suspended"] = None
    if partner is not None and (fact.member is not None or fact.removed is not None):
        changed.setdefault("members", team_after(partner.members, fact))
    version = partner.version_for_team + _is_the_teams(fact) if partner else 1
    parts = dict.fromkeys(changed.keys() & PartnerParts.model_fields.keys(), version)
    if partner is None:
        return Partner.model_validate({"partner_id": partner_id, **changed, "parts": parts, "team_version": version})
    # Bounded here, too: what was stored before there was a bound shrinks with its next change.
    blocked_by = changed.get("blocked_by", partner.blocked_by)[-MOST_BLOCKS:]
    return partner.model_copy(
        update={
            **changed,
            "blocked_by": blocked_by,
            "parts": partner.parts.model_copy(update=parts),
            "team_version": version,
        }
    )


def _is_the_teams(fact: PartnerChanged) -> bool:
    """Whether the partner's team may see that something has changed."""
    fields = PartnerChanged.model_fields.items()
    said = {name for name, field in fields if getattr(fact, name) != field.default} - {"actor"}
    return not said or not said <= MERCHANTS_OWN


def missing(partner: Partner, at: datetime) -> list[str]:
    """What keeps the partner from receiving work; empty when nothing does."""
    needed = {
        "be_restored": partner.suspended is None,
        "be_approved": partner.approval.rights.jobs,
        "publish_profile": partner.profile.published,
        "offer_a_service": bool(partner.profile.services),
        "be_available": partner.preferences.available,
        "be_back": partner.preferences.contactable(at) or not partner.preferences.available,
    }
    return [what for what, is_there in needed.items() if not is_there]


def _decide_change(partner: Partner, command: PartnerCommand) -> Decision:
    if isinstance(command, BlockPartner):
        return _block(partner, command)
    if partner.suspended:
        return Rejection("suspended", "This organisation is suspended.")
    if isinstance(command, get_args(TeamCommand)):
        return decide_team(partner, command)
    if isinstance(command, ConfirmNotificationAddress):
        return _confirm(partner, command)
    member = partner.acting(command.actor)
    if member is None or not member.administers:
        return Rejection("forbidden", "Only owners and admins can change this.")
    return _changed(partner, command)


def _changed(partner: Partner, command: PartnerCommand) -> Decision:
    match command:
        case ChangePreferences():
            return _prefer(partner, command)
        case ChangeProfile():
            said = {name: getattr(command, name) for name in ChangeProfile.model_fields if name in Profile.model_fields}
            return _with_profile(partner, command, **said)
        case OfferService(offer=offer):
            return _offer(partner, command, offer)
        case WithdrawService(service=service):
            return _with_profile(partner, command, services=_without(partner, service))
        case PublishProfile():
            return _with_profile(partner, command, published=True)
        case UnpublishProfile():
            return _with_profile(partner, command, published=False)
        case _:
            raise TypeError(f"No rule for {type(command).__name__}.")


def _prefer(partner: Partner, command: ChangePreferences) -> Decision:
    """An address that is neither confirmed nor a member's own is asked first; named again, it is asked again."""
    before, wanted = partner.preferences, command.preferences.notification_email
    if wanted is None or partner.joined_at(wanted):
        confirmed = True
    else:
        confirmed = before.email_confirmed and address_key(wanted) == address_key(before.notification_email or "")
    after = command.preferences.model_copy(update={"email_confirmed": confirmed})
    to_confirm = None if confirmed else wanted
    if after == before and to_confirm is None:
        return []
    return [PartnerChanged(preferences=after, to_confirm=to_confirm, actor=command.actor)]


def _confirm(partner: Partner, command: ConfirmNotificationAddress) -> Decision:
    preferences = partner.preferences
    if command.actor.kind is not ActorKind.SYSTEM:
        return Rejection("forbidden", "An address is confirmed by the link that was mailed to it.")
    if address_key(preferences.notification_email or "") != address_key(command.email):
        return Rejection("address_changed", "This organisation has named another address since.")
    if preferences.email_confirmed:
        return []
    return [PartnerChanged(preferences=preferences.model_copy(update={"email_confirmed": True}), actor=command.actor)]


def _with_profile(partner: Partner, command: PartnerCommand, **fields: object) -> Decision:
    profile = partner.profile.model_copy(update=fields)
    return [] if profile == partner.profile else [PartnerChanged(profile=profile, actor=command.actor)]


def _offer(partner: Partner, command: OfferService, offer: Offer) -> Decision:
    if not is_service(offer.service):
        return Rejection("unknown_service", f"There is no service {offer.service!r}.")
    others = _without(partner, offer.service)
    if len(others) >= MOST_SERVICES:
        return Rejection("too_many_services", f"A partner offers {MOST_SERVICES} services at most.")
    return _with_profile(partner, command, services=(*others, offer))


def _without(partner: Partner, service: str) -> tuple[Offer, ...]:
    return tuple(offer for offer in partner.profile.services if offer.service != service)


def _block(partner: Partner, command: BlockPartner) -> Decision:
    merchant_id = command.actor.merchant_id
    if command.actor.kind is not ActorKind.MERCHANT or merchant_id is None:
        return Rejection("forbidden", "Only a merchant can block a partner.")
    if merchant_id in partner.blocked_by:
        return []
    # The whole list, too, as long as releases run that know no `blocked`.
    return [PartnerChanged(blocked_by=(*partner.blocked_by, merchant_id)[-MOST_BLOCKS:], blocked=merchant_id)]


def _register(partner: Partner | None, command: RegisterPartner, partner_id: UUID) -> Decision:
    """By the marketplace, whole: registering the same again changes nothing, so a market can be seeded twice. Or by a
    person, who becomes the owner of something that is not published yet.
    """
    if command.actor.kind is not ActorKind.SYSTEM and not _is_own(command, partner_id):
        return Rejection("forbidden", "A person registers one organisation at a time, unpublished, as its owner.")
    unknown = [offer.service for offer in command.profile.services if not is_service(offer.service)]
    if unknown:
        return Rejection("unknown_service", f"There is no service {unknown[0]!r}.")
    if not any(member.role is Role.OWNER and member.joined for member in command.members):
        return Rejection("no_owner", "An organisation needs an owner.")
    if len({member.member_id for member in command.members}) < len(command.members):
        return Rejection("same_member", "Two members have one id.")
    if partner is None:
        registered = _registered(command.profile, command.preferences, command)
        return [registered.model_copy(update={"approval": command.approval})]
    if command.actor.kind is not ActorKind.SYSTEM:
        return Rejection("already_registered", "This organisation is registered.")
    same = (partner.profile, partner.preferences, partner.members) == (
        command.profile,
        command.preferences,
        command.members,
    )
    return [] if same else [_registered(command.profile, command.preferences, command)]


def _registered(profile: Profile, preferences: Preferences, command: RegisterPartner) -> PartnerChanged:
    return PartnerChanged(profile=profile, preferences=preferences, members=command.members, actor=command.actor)


def _is_own(command: RegisterPartner, partner_id: UUID) -> bool:
    actor = command.actor
    return (
        actor.kind is ActorKind.PARTNER
        and actor.partner_id == partner_id
        and [member.member_id for member in command.members] == [actor.member_id]
        and not command.profile.published
    )
