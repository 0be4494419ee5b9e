"""What gateway says of people whom the marketplace has suspended: their address, since when, and until when."""

from datetime import datetime
from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, Email, Locale, Message, Snapshot, derived_id, mailbox_key


def mailbox_id_of(email: str) -> UUID:
    """The mailbox that an address leads to: whoever is suspended is not somebody else under `mia+2@…`."""
    return derived_id("mailbox", mailbox_key(email))


class Suspension(Snapshot):
    """`since` is when the address was suspended last, also after it was restored: sessions of before stay over."""

    mailbox_id: UUID
    email: Email
    locale: Locale
    suspended: bool
    since: datetime


class SuspendPerson(Message):
    """`locale` is the language that the address is told in. `reason` is for operators alone."""

    email: Email
    locale: Locale = Locale.EN
    reason: Annotated[str, Field(max_length=1000)]
    actor: Actor


class RestorePerson(Message):
    reason: Annotated[str, Field(max_length=1000)]
    actor: Actor


class PersonSuspended(Message):
    email: Email
    locale: Locale = Locale.EN


class PersonRestored(Message):
    pass


SuspensionCommand = SuspendPerson | RestorePerson
SuspensionFact = PersonSuspended | PersonRestored
COMMANDS = get_args(SuspensionCommand)
EVENTS = get_args(SuspensionFact)
