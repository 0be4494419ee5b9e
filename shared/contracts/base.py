"""What all contracts are made of."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Generic, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

NAMESPACE = UUID("6e2f2ea0-3f0a-5f0e-9d5a-6a6f62776972")
"""The namespace of every derived id: the same cause gives the same id, which is what makes redelivery harmless."""


def derived_id(*parts: object) -> UUID:
    """A UUID that depends on `parts` alone."""
    return uuid5(NAMESPACE, "/".join(str(part) for part in parts))


class Contract(BaseModel):
    """A value that travels. Frozen; unknown fields are ignored, so that tomorrow's records still parse today."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Message(Contract):
    """A command (imperative name) or the fact of an event (past tense). Its class name is its type on the wire."""


class Snapshot(Contract):
    """An aggregate's state as others may see it. Newer replaces older by `version`."""

    version: int = 0


class Locale(StrEnum):
    EN = "en"
    FR = "fr"
    JA = "ja"


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""One line of somebody's text, without control characters."""

Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=8192,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]+$",
    ),
]
"""Several lines of somebody's text, at most 8,192 characters."""


Reason = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]+$",
    ),
]
"""Why somebody who runs Jobwire did something: a text, at most 1,000 characters."""


def address_key(email: str) -> str:
    """Two spellings of one address have one key. Records hold ASCII addresses, so lower case is all there is to it."""
    return email.strip().lower()


def mailbox_key(email: str) -> str:
    """The mailbox that an address reaches, as far as one can tell: without what stands after a plus, and for Gmail
    without dots. For counting what reaches one person; two people never share an account by it.
    """
    local, _, domain = address_key(email).partition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


_DOTLESS = ("gmail.com", "googlemail.com")


_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"

Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254, pattern=_ADDRESS)]
"""One plain ASCII address: what can stand in a header and be given to any mail server. Doors to the outside bring an
international domain into this form (`shared.http.Address`)."""

WebUrl = Annotated[str, StringConstraints(max_length=300, pattern=r"^https?://[^\s/?#\"<>]+(/[^\s\"<>]*)?$")]
"""A web address, as somebody gave it."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Money(Contract):
    """`amount` is a decimal number of whole currency units; it travels as a string, so that no float rounds it."""

    amount: Annotated[
        Decimal, Field(ge=0, max_digits=12, decimal_places=2), PlainSerializer(str, return_type=str, when_used="always")
    ]
    currency: Currency


class ActorKind(StrEnum):
    PARTNER = "partner"
    MERCHANT = "merchant"
    OPERATOR = "operator"
    SYSTEM = "system"


class Actor(Contract):
    """On whose behalf a command speaks. The owner of the aggregate checks it again: a topic is no trust border. An
    operator is known by `name`, the one its token has in the settings.
    """

    kind: ActorKind
    partner_id: UUID | None = None
    member_id: UUID | None = None
    merchant_id: UUID | None = None
    name: str = ""


SYSTEM = Actor(kind=ActorKind.SYSTEM)


class Record(Contract):
    """A CloudEvents 1.0 event in structured JSON mode. `data` is typed by the codec of its topic."""

    id: UUID
    type: str
    source: str
    subject: UUID
    time: datetime
    correlationid: UUID
    causationid: UUID
    traceparent: str | None = None


DataT = TypeVar("DataT", bound=Message)
FactT = TypeVar("FactT", bound=Message)
SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class Command(Record, Generic[DataT]):
    """A record that carries one message: a command, a notice, a standing.

    `digest` (a CloudEvents extension) is of what the sender's client sent, where that client chose the command's id by
    an Idempotency-Key: the same id with another digest is another command under a key that is taken.
    """

    data: DataT
    digest: str | None = None


class EventData(Contract, Generic[FactT, SnapshotT]):
    """`fact` is what happened; `snapshot` the aggregate after the write, possibly newer than the fact."""

    fact: FactT
    snapshot: SnapshotT


class Event(Record, Generic[FactT, SnapshotT]):
    """An aggregate's event. `version` counts this aggregate's events from 1 without gap."""

    version: int
    data: EventData[FactT, SnapshotT]

    @property
    def fact(self) -> FactT:
        return self.data.fact

    @property
    def snapshot(self) -> SnapshotT:
        return self.data.snapshot


Messages = Sequence[type[Message]]
