"""How far an organisation is let in: what operators decide of it. Pure."""

from datetime import datetime

from shared.contracts.base import Actor, ActorKind
from shared.contracts.partners import (
    Partner,
    PartnerChanged,
    RestorePartner,
    SuspendPartner,
    Suspension,
    VouchForPartner,
)
from shared.decisions import Decision, Rejection

AdmittingCommand = VouchForPartner | SuspendPartner | RestorePartner


def decide_admitting(partner: Partner, command: AdmittingCommand, at: datetime) -> Decision:
    """An operator's act, which has a name and a reason. The same again changes nothing."""
    if not _may(command.actor):
        return Rejection("forbidden", "Only those who run Jobwire decide this.")
    said = {"reason": command.reason, "actor": command.actor}
    match command:
        case VouchForPartner(approval=approval):
            return [] if approval is partner.approval else [PartnerChanged(approval=approval, **said)]
        case SuspendPartner(reason=reason):
            if partner.suspended:
                return []
            return [PartnerChanged(suspended=Suspension(reason=reason, at=at), **said)]
        case RestorePartner():
            return [PartnerChanged(restored=True, **said)] if partner.suspended else []


def _may(actor: Actor) -> bool:
    return actor.kind is ActorKind.SYSTEM or (actor.kind is ActorKind.OPERATOR and bool(actor.name))
