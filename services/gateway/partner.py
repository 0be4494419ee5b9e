"""All rules of a partner. Pure."""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import Actor, ActorKind
from shared.contracts.partners import (
    ChangePreferences,
    Partner,
    PartnerChanged,
    PartnerCommand,
    RegisterPartner,
    Role,
)
from shared.decisions import Decision, Rejection
from shared.taxonomy import is_service


def decide(partner: Partner | None, command: PartnerCommand, partner_id: UUID, at: datetime) -> Decision:
    match command:
        case RegisterPartner():
            return _register(partner, command)
        case ChangePreferences(preferences=preferences, actor=actor):
            if partner is None:
                raise ValueError(f"There is no partner {partner_id} to change.")
            if not _may_administer(partner, actor):
                return Rejection("forbidden", "Only owners and admins can change the preferences.")
            return [] if preferences == partner.preferences else [PartnerChanged(preferences=preferences)]


def evolve(partner: Partner | None, fact: PartnerChanged, partner_id: UUID, at: datetime) -> Partner:
    changed = {name: value for name in PartnerChanged.model_fields if (value := getattr(fact, name)) is not None}
    if partner is None:
        return Partner.model_validate({"partner_id": partner_id, **changed})
    return partner.model_copy(update=changed)


def _register(partner: Partner | None, command: RegisterPartner) -> Decision:
    """Registering the same again changes nothing; so a market can be seeded twice."""
    if command.actor.kind is not ActorKind.SYSTEM:
        return Rejection("forbidden", "Partners are registered by the marketplace.")
    unknown = [offer.service for offer in command.profile.services if not is_service(offer.service)]
    if unknown:
        return Rejection("unknown_service", f"There is no service {unknown[0]!r}.")
    if not any(member.role is Role.OWNER for member in command.members):
        return Rejection("no_owner", "An organisation needs an owner.")
    changed = PartnerChanged(profile=command.profile, preferences=command.preferences, members=command.members)
    if partner is None:
        return [changed]
    same = (partner.profile, partner.preferences, partner.members) == (
        command.profile,
        command.preferences,
        command.members,
    )
    return [] if same else [changed]


def _may_administer(partner: Partner, actor: Actor) -> bool:
    if actor.kind is not ActorKind.PARTNER or actor.partner_id != partner.partner_id or actor.member_id is None:
        return False
    member = partner.member(actor.member_id)
    return member is not None and member.role in (Role.OWNER, Role.ADMIN)
