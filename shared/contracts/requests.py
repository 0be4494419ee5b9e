"""What leads says: the life of a request until it is matched."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import (
    Actor,
    Contract,
    Email,
    Line,
    Locale,
    Message,
    Money,
    Snapshot,
    Text,
    WebUrl,
    address_key,
    derived_id,
)


class RequestKind(StrEnum):
    """`match` and `direct` are a merchant's and become jobs; `lead` and `contact` are a prospect's, who has no store
    yet, and become leads. Who asks for one partner by name sends a `direct` or a `contact`.
    """

    MATCH = "match"
    DIRECT = "direct"
    LEAD = "lead"
    CONTACT = "contact"

    @property
    def is_prospects(self) -> bool:
        return self in (RequestKind.LEAD, RequestKind.CONTACT)

    @property
    def names_a_partner(self) -> bool:
        return self in (RequestKind.DIRECT, RequestKind.CONTACT)


class RequestStatus(StrEnum):
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    HELPED = "helped"
    DROPPED = "dropped"
    STOPPED = "stopped"

    @property
    def is_over(self) -> bool:
        """Whether nobody is asked about such a request any more."""
        return self not in (RequestStatus.SUBMITTED, RequestStatus.CONFIRMED)


class Priorities(Contract):
    """How much time, cost and quality matter to the merchant: 0 (not at all) to 5 (decisive)."""

    time: Annotated[int, Field(ge=0, le=5)] = 3
    cost: Annotated[int, Field(ge=0, le=5)] = 3
    quality: Annotated[int, Field(ge=0, le=5)] = 3

    def weights(self) -> dict[str, float]:
        """The priorities as shares of one; equal shares when nothing matters more than the rest."""
        total = self.time + self.cost + self.quality
        if total == 0:
            return {"time": 1 / 3, "cost": 1 / 3, "quality": 1 / 3}
        return {"time": self.time / total, "cost": self.cost / total, "quality": self.quality / total}


class StoreProof(StrEnum):
    """How somebody has shown that a store is theirs."""

    APP = "app"
    """The platform's own app, in which they are signed in, vouches for them."""
    FILE = "file"
    META = "meta"
    DNS = "dns"


class Merchant(Contract):
    """Who asks: a merchant, or a prospect, who has no store yet. The id follows from the confirmed address, so that one
    person's requests belong together. `store_proof` says how the store was shown to be theirs when the request came;
    None: not then.
    """

    merchant_id: UUID
    name: Line
    email: Email
    store_url: WebUrl | None = None
    store_proof: StoreProof | None = None
    phone: Annotated[Line, Field(max_length=40)] | None = None


def merchant_id_of(email: str) -> UUID:
    """The merchant that this address is."""
    return derived_id("merchant", address_key(email))


class RequestDetails(Contract):
    """All that a partner needs to know to answer; the same in the form, on the topics and in the job."""

    kind: RequestKind
    locale: Locale
    merchant: Merchant
    business: Text
    service: str
    title: Line
    requirements: Text
    budget: Money | None = None
    priorities: Priorities = Priorities()
    partner_id: UUID | None = None
    dropshipping: bool = False

    def budget_in(self, currency: str) -> Decimal | None:
        """The budget if it is stated in this currency. Jobwire knows no exchange rates and does not guess."""
        if self.budget is None or self.budget.currency != currency:
            return None
        return self.budget.amount


CONFIRM_WITHIN_SECONDS = 48 * 3600


class Request(Snapshot):
    request_id: UUID
    status: RequestStatus
    details: RequestDetails
    submitted_at: datetime
    confirm_until: datetime | None = None
    confirmed_at: datetime | None = None


class SubmitRequest(Message):
    """Seconds, as in `CreateJob`: until the address has to be confirmed. None for who is signed in, whose address is
    known.
    """

    details: RequestDetails
    confirm_within_seconds: int | None = CONFIRM_WITHIN_SECONDS
    actor: Actor


class ConfirmRequest(Message):
    """The address answered. Whoever sends this has checked the mailed link."""

    actor: Actor


class WithdrawRequest(Message):
    """The merchant needs nothing any more: whatever came of the request is closed."""

    actor: Actor


class MarkHelped(Message):
    """The prospect has found somebody: nobody else is asked. Whoever sends this has checked the mailed link."""

    actor: Actor


class StopRequest(Message):
    """The marketplace ends it: whatever came of the request is closed. `reason` is for operators alone."""

    reason: Annotated[str, Field(max_length=1000)]
    actor: Actor


class DropRequest(Message):
    """`due_at` names the moment until which the address could be confirmed."""

    due_at: datetime
    actor: Actor


class RequestSubmitted(Message):
    details: RequestDetails
    confirm_within_seconds: int | None = CONFIRM_WITHIN_SECONDS


class RequestConfirmed(Message):
    pass


class RequestWithdrawn(Message):
    pass


class RequestHelped(Message):
    pass


class RequestStopped(Message):
    """By the marketplace. Why stands in `operator-acts`, not here: what is said here may reach both sides."""


class RequestDropped(Message):
    """The address never answered. Nobody was ever told of the request."""


RequestCommand = SubmitRequest | ConfirmRequest | WithdrawRequest | MarkHelped | DropRequest | StopRequest
RequestFact = RequestSubmitted | RequestConfirmed | RequestWithdrawn | RequestHelped | RequestDropped | RequestStopped
COMMANDS = get_args(RequestCommand)
EVENTS = get_args(RequestFact)
