"""The rules of suspending somebody: a mailbox is suspended or it is not, by an operator's word. Pure."""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import ActorKind
from shared.contracts.suspensions import (
    PersonRestored,
    PersonSuspended,
    RestorePerson,
    SuspendPerson,
    Suspension,
    SuspensionCommand,
    SuspensionFact,
    mailbox_id_of,
)
from shared.decisions import Decision, Rejection


def decide(person: Suspension | None, command: SuspensionCommand, mailbox_id: UUID, at: datetime) -> Decision:  # noqa: ARG001 - the Decider's signature
    if command.actor.kind is not ActorKind.OPERATOR:
        return Rejection("forbidden", "Only operators suspend and restore people.")
    suspended = person is not None and person.suspended
    match command:
        case SuspendPerson(email=email, locale=locale):
            if mailbox_id != mailbox_id_of(email):
                return Rejection("forbidden", "This address leads to another mailbox.")
            return [] if suspended else [PersonSuspended(email=email, locale=locale)]
        case RestorePerson():
            if person is None:
                return Rejection("not_suspended", "This address was never suspended.")
            return [PersonRestored()] if suspended else []


def evolve(person: Suspension | None, fact: SuspensionFact, mailbox_id: UUID, at: datetime) -> Suspension:
    match fact:
        case PersonSuspended(email=email, locale=locale):
            return Suspension(mailbox_id=mailbox_id, email=email, locale=locale, suspended=True, since=at)
        case PersonRestored():
            if person is None:
                raise ValueError("PersonRestored before PersonSuspended.")
            return person.model_copy(update={"suspended": False})
