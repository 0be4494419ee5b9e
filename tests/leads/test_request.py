"""A request from its submission to the confirmed address."""

import pytest

from services.leads.request import decide, evolve
from shared.contracts.base import Money, derived_id
from shared.contracts.requests import (
    ConfirmRequest,
    DropRequest,
    Request,
    RequestConfirmed,
    RequestKind,
    RequestStatus,
    RequestStopped,
    RequestSubmitted,
    StopRequest,
    SubmitRequest,
    WithdrawRequest,
)
from shared.decisions import Rejection
from tests.builders import (
    BY_MERCHANT,
    BY_OPERATOR,
    BY_OTHER_MERCHANT,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_merchant,
    a_request,
    details,
)


def submit(**fields) -> object:
    return decide(None, SubmitRequest(details=details(**fields), actor=BY_MERCHANT), REQUEST_ID, NOW)


def code(decision: object) -> str:
    assert isinstance(decision, Rejection)
    return decision.code


def test_a_submitted_request_waits_for_its_merchant() -> None:
    (fact,) = submit()
    request = evolve(None, fact, REQUEST_ID, NOW)
    assert (request.status, request.submitted_at, request.confirmed_at) == (RequestStatus.SUBMITTED, NOW, None)
    assert request.details == details()


def test_a_form_that_comes_twice_is_one_request() -> None:
    assert decide(a_request(), SubmitRequest(details=details(), actor=BY_MERCHANT), REQUEST_ID, NOW) == []


def test_a_service_that_nobody_knows_is_refused() -> None:
    assert code(submit(service="witchcraft")) == "unknown_service"


def test_a_direct_request_names_its_partner_and_a_matched_one_names_none() -> None:
    assert code(submit(kind=RequestKind.DIRECT, partner_id=None)) == "partner_needed"
    assert code(submit(kind=RequestKind.MATCH, partner_id=PARTNER_ID)) == "partner_needed"
    assert submit(kind=RequestKind.DIRECT) == [RequestSubmitted(details=details(RequestKind.DIRECT))]


def test_nobody_asks_under_somebody_elses_id() -> None:
    assert code(submit(merchant=a_merchant(merchant_id=derived_id("somebody else")))) == "forbidden"


def test_an_address_is_one_merchant_however_it_is_written() -> None:
    shouted = a_merchant(email="MIA@Kettle.example", merchant_id=a_merchant().merchant_id)
    assert submit(merchant=shouted) == [RequestSubmitted(details=details(merchant=shouted))]


def test_the_merchant_confirms_once() -> None:
    command = ConfirmRequest(actor=BY_MERCHANT)
    (fact,) = decide(a_request(), command, REQUEST_ID, NOW)
    confirmed = evolve(a_request(), fact, REQUEST_ID, NOW + HOUR)
    assert (confirmed.status, confirmed.confirmed_at) == (RequestStatus.CONFIRMED, NOW + HOUR)
    assert decide(confirmed, command, REQUEST_ID, NOW) == []


@pytest.mark.parametrize("by", [BY_OTHER_MERCHANT, BY_PARTNER, BY_SYSTEM], ids=lambda actor: actor.kind)
def test_nobody_else_confirms(by) -> None:
    assert code(decide(a_request(), ConfirmRequest(actor=by), REQUEST_ID, NOW)) == "forbidden"


def test_nothing_is_confirmed_that_was_not_submitted() -> None:
    with pytest.raises(ValueError, match="There is no request"):
        decide(None, ConfirmRequest(actor=BY_MERCHANT), REQUEST_ID, NOW)
    with pytest.raises(ValueError, match="before RequestSubmitted"):
        evolve(None, RequestConfirmed(), REQUEST_ID, NOW)


def test_the_merchant_withdraws_once_and_confirms_no_more() -> None:
    for status in (RequestStatus.SUBMITTED, RequestStatus.CONFIRMED):
        (fact,) = decide(a_request(status), WithdrawRequest(actor=BY_MERCHANT), REQUEST_ID, NOW)
        withdrawn = evolve(a_request(status), fact, REQUEST_ID, NOW)
        assert withdrawn.status is RequestStatus.WITHDRAWN
        assert decide(withdrawn, WithdrawRequest(actor=BY_MERCHANT), REQUEST_ID, NOW) == []
        assert code(decide(withdrawn, ConfirmRequest(actor=BY_MERCHANT), REQUEST_ID, NOW)) == "withdrawn"


@pytest.mark.parametrize("by", [BY_OTHER_MERCHANT, BY_PARTNER, BY_SYSTEM], ids=lambda actor: actor.kind)
def test_nobody_else_withdraws(by) -> None:
    assert code(decide(a_request(), WithdrawRequest(actor=by), REQUEST_ID, NOW)) == "forbidden"


def test_nothing_that_was_said_is_kept_of_a_request_that_nobody_confirmed() -> None:
    about = details(merchant=a_merchant(phone="+33 1 23 45 67 89"), budget=Money(amount="10", currency="EUR"))
    (submitted,) = decide(None, SubmitRequest(details=about, actor=BY_MERCHANT), REQUEST_ID, NOW)
    waiting = evolve(None, submitted, REQUEST_ID, NOW)
    drop = DropRequest(due_at=waiting.confirm_until, actor=BY_SYSTEM)
    (fact,) = decide(waiting, drop, REQUEST_ID, waiting.confirm_until)
    dropped = evolve(waiting, fact, REQUEST_ID, waiting.confirm_until)
    kept = dropped.model_dump_json()
    said = (
        about.title,
        about.business,
        about.requirements,
        *about.merchant.model_dump(exclude={"merchant_id", "store_proof"}).values(),
    )
    assert [word for word in said if word in kept] == []
    assert Request.model_validate_json(kept) == dropped
    again = SubmitRequest(details=about, actor=BY_MERCHANT)
    assert decide(dropped, again, REQUEST_ID, waiting.confirm_until) == [], "The same form twice is one request."
    assert code(decide(dropped, ConfirmRequest(actor=BY_MERCHANT), REQUEST_ID, waiting.confirm_until)) == "dropped"


def stop(by=BY_OPERATOR) -> StopRequest:
    return StopRequest(reason="Spam.", actor=by)


@pytest.mark.parametrize("status", RequestStatus)
def test_whatever_went_to_somebody_or_still_may_is_stopped_once_and_for_good(status: RequestStatus) -> None:
    decision = decide(a_request(status), stop(), REQUEST_ID, NOW)
    assert decision == ([] if status in (RequestStatus.DROPPED, RequestStatus.STOPPED) else [RequestStopped()])
    for fact in decision:
        stopped = evolve(a_request(status), fact, REQUEST_ID, NOW)
        assert (stopped.status, stopped.confirm_until) == (RequestStatus.STOPPED, None)
        for command in (ConfirmRequest, WithdrawRequest):
            assert code(decide(stopped, command(actor=BY_MERCHANT), REQUEST_ID, NOW)) == "stopped"


@pytest.mark.parametrize("by", [BY_MERCHANT, BY_PARTNER], ids=lambda actor: actor.kind)
def test_only_the_marketplace_stops(by) -> None:
    assert code(decide(a_request(), stop(by), REQUEST_ID, NOW)) == "forbidden"
    assert decide(a_request(), stop(BY_SYSTEM), REQUEST_ID, NOW) == [RequestStopped()]


def test_a_request_that_is_stopped_before_its_address_answers_keeps_none_of_its_words() -> None:
    said = details().title
    assert said not in evolve(a_request(), RequestStopped(), REQUEST_ID, NOW).model_dump_json()
    confirmed = a_request(RequestStatus.CONFIRMED)
    assert said in evolve(confirmed, RequestStopped(), REQUEST_ID, NOW).model_dump_json()
