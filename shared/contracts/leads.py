"""What leads says: one prospect at one partner. It reaches the partner by mail, and never the job list."""

from datetime import datetime
from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, Contract, Message, Snapshot, Text, derived_id
from shared.contracts.requests import RequestDetails


class LeadReview(Contract):
    """As a job's review (`shared.contracts.jobs.Review`), but for editing and answering."""

    rating: int
    text: str
    at: datetime
    taken_down_at: datetime | None = None

    @property
    def stands(self) -> bool:
        return self.taken_down_at is None


class Lead(Snapshot):
    """`others` is the number of further partners who got the same request so far, `stopped_at` since when the
    marketplace has ended it.
    """

    lead_id: UUID
    request_id: UUID
    partner_id: UUID
    details: RequestDetails
    others: int
    delivered_at: datetime
    review_asked_at: datetime | None = None
    review: LeadReview | None = None
    stopped_at: datetime | None = None


def lead_id_of(request_id: UUID, partner_id: UUID) -> UUID:
    """The lead of this request at this partner. There is one, whatever is delivered twice."""
    return derived_id("lead", request_id, partner_id)


class CreateLead(Message):
    request_id: UUID
    partner_id: UUID
    details: RequestDetails
    others: int
    actor: Actor


class AskLeadReview(Message):
    """The partner asks the prospect for a review of its work."""

    actor: Actor


class ReviewLead(Message):
    """Whoever sends this has checked the mailed link. `of_own_team` as in `ReviewJob`."""

    rating: Annotated[int, Field(ge=1, le=5)]
    text: Text
    of_own_team: bool = False
    actor: Actor


class TakeDownLeadReview(Message):
    """As `TakeDownReview`."""

    reason: Annotated[str, Field(max_length=1000)]
    actor: Actor


class StopLead(Message):
    """The marketplace has stopped the prospect's request."""

    actor: Actor


class LeadDelivered(Message):
    request_id: UUID
    partner_id: UUID
    details: RequestDetails
    others: int


class LeadReviewRequested(Message):
    actor: Actor


class LeadReviewed(Message):
    rating: int
    text: str


class LeadReviewTakenDown(Message):
    pass


class LeadStopped(Message):
    pass


LeadCommand = CreateLead | AskLeadReview | ReviewLead | TakeDownLeadReview | StopLead
LeadFact = LeadDelivered | LeadReviewRequested | LeadReviewed | LeadReviewTakenDown | LeadStopped
COMMANDS = get_args(LeadCommand)
EVENTS = get_args(LeadFact)
