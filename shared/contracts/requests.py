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
    MATCH = "match"
    DIRECT = "direct"


class RequestStatus(StrEnum):
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


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


class Merchant(Contract):
    """Who asks. The id follows from the confirmed address, so that one person's requests belong together."""

    merchant_id: UUID
    name: Line
    email: Email
    store_url: WebUrl


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


class Request(Snapshot):
    request_id: UUID
    status: RequestStatus
    details: RequestDetails
    submitted_at: datetime
    confirmed_at: datetime | None = None


class SubmitRequest(Message):
    details: RequestDetails
    actor: Actor


class ConfirmRequest(Message):
    """The address answered. Whoever sends this has checked the mailed link."""

    actor: Actor


class WithdrawRequest(Message):
    """The merchant needs nothing any more: whatever came of the request is closed."""

    actor: Actor


class RequestSubmitted(Message):
    details: RequestDetails


class RequestConfirmed(Message):
    pass


class RequestWithdrawn(Message):
    pass


RequestCommand = SubmitRequest | ConfirmRequest | WithdrawRequest
RequestFact = RequestSubmitted | RequestConfirmed | RequestWithdrawn
COMMANDS = get_args(RequestCommand)
EVENTS = get_args(RequestFact)
