"""A lead: one prospect at one partner, and the one review that may come of it."""

import pytest

from services.leads.lead import decide, evolve
from shared.contracts.base import Actor, derived_id
from shared.contracts.leads import (
    AskLeadReview,
    CreateLead,
    Lead,
    LeadDelivered,
    LeadReviewed,
    LeadReviewRequested,
    LeadReviewTakenDown,
    LeadStopped,
    ReviewLead,
    StopLead,
    TakeDownLeadReview,
    lead_id_of,
)
from shared.contracts.requests import RequestKind
from shared.decisions import Decision, Rejection
from tests.builders import (
    BY_MERCHANT,
    BY_OPERATOR,
    BY_OTHER_MERCHANT,
    BY_OTHER_PARTNER,
    BY_PARTNER,
    BY_SYSTEM,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    details,
)

LEAD_ID = lead_id_of(REQUEST_ID, PARTNER_ID)
DELIVERED = LeadDelivered(
    request_id=REQUEST_ID, partner_id=PARTNER_ID, details=details(RequestKind.LEAD, partner_id=None), others=3
)
ASKED, REVIEWED = LeadReviewRequested(actor=BY_PARTNER), LeadReviewed(rating=4, text="Patient.")


def a_lead(*facts: object) -> Lead:
    lead = None
    for fact in (DELIVERED, *facts):
        lead = evolve(lead, fact, LEAD_ID, NOW)
    return lead


def create(by: Actor = BY_SYSTEM) -> CreateLead:
    return CreateLead(**{name: getattr(DELIVERED, name) for name in LeadDelivered.model_fields}, actor=by)


def review(by: Actor = BY_MERCHANT, **fields: object) -> ReviewLead:
    return ReviewLead(**{"rating": 4, "text": "Patient.", **fields, "actor": by})


def tell(lead: Lead | None, command: object) -> Decision:
    return decide(lead, command, LEAD_ID, NOW)


def code(decision: Decision) -> str:
    assert isinstance(decision, Rejection)
    return decision.code


def test_a_lead_is_made_once_and_by_matching_alone() -> None:
    assert tell(None, create()) == [DELIVERED]
    assert tell(a_lead(), create()) == []
    assert code(tell(None, create(BY_PARTNER))) == "forbidden"
    assert code(decide(None, create(), derived_id("another"), NOW)) == "forbidden"
    assert a_lead().others == 3


def test_the_partner_asks_for_a_review_once() -> None:
    assert tell(a_lead(), AskLeadReview(actor=BY_PARTNER)) == [ASKED]
    assert code(tell(a_lead(ASKED), AskLeadReview(actor=BY_PARTNER))) == "already_asked"
    assert code(tell(a_lead(ASKED, REVIEWED), AskLeadReview(actor=BY_PARTNER))) == "already_reviewed"


@pytest.mark.parametrize("by", [BY_OTHER_PARTNER, BY_MERCHANT, BY_SYSTEM])
def test_nobody_else_asks(by: Actor) -> None:
    assert code(tell(a_lead(), AskLeadReview(actor=by))) == "forbidden"


def test_the_prospect_reviews_when_asked_and_once() -> None:
    assert tell(a_lead(ASKED), review()) == [REVIEWED]
    assert a_lead(ASKED, REVIEWED).review.rating == 4
    assert code(tell(a_lead(), review())) == "not_asked"
    assert code(tell(a_lead(ASKED, REVIEWED), review())) == "already_reviewed"
    assert code(tell(a_lead(ASKED), review(of_own_team=True))) == "own_review"


@pytest.mark.parametrize("by", [BY_OTHER_MERCHANT, BY_PARTNER, BY_SYSTEM])
def test_nobody_else_reviews(by: Actor) -> None:
    assert code(tell(a_lead(ASKED), review(by))) == "forbidden"


def test_nothing_happens_to_a_lead_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="There is no lead"):
        tell(None, review())
    with pytest.raises(ValueError, match="before LeadDelivered"):
        evolve(None, REVIEWED, LEAD_ID, NOW)


def test_a_review_is_taken_down_by_an_operator_once_and_none_comes_in_its_place() -> None:
    reviewed = a_lead(ASKED, REVIEWED)
    take_down = TakeDownLeadReview(reason="Slander.", actor=BY_OPERATOR)
    (fact,) = decide(reviewed, take_down, LEAD_ID, NOW)
    taken_down = evolve(reviewed, fact, LEAD_ID, NOW)
    assert taken_down.review is not None
    assert (fact, taken_down.review.stands) == (LeadReviewTakenDown(), False)
    assert decide(taken_down, take_down, LEAD_ID, NOW) == []
    assert code(decide(taken_down, review(), LEAD_ID, NOW)) == "already_reviewed"
    assert code(decide(a_lead(), take_down, LEAD_ID, NOW)) == "not_reviewed"
    for by in (BY_MERCHANT, BY_PARTNER, BY_SYSTEM):
        assert code(decide(reviewed, take_down.model_copy(update={"actor": by}), LEAD_ID, NOW)) == "forbidden"


def test_a_lead_that_was_stopped_asks_for_no_review_and_takes_none() -> None:
    asked = a_lead(ASKED)
    assert decide(asked, StopLead(actor=BY_SYSTEM), LEAD_ID, NOW) == [LeadStopped()]
    stopped = a_lead(ASKED, LeadStopped())
    assert decide(stopped, StopLead(actor=BY_SYSTEM), LEAD_ID, NOW) == []
    assert code(decide(stopped, review(), LEAD_ID, NOW)) == "stopped"
    assert code(decide(a_lead(LeadStopped()), AskLeadReview(actor=BY_PARTNER), LEAD_ID, NOW)) == "stopped"
    assert code(decide(asked, StopLead(actor=BY_PARTNER), LEAD_ID, NOW)) == "forbidden"
