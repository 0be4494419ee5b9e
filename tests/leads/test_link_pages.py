"""What the links in mails lead to: somebody is helping me, and the review of a lead."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from shared.contracts.base import derived_id
from shared.contracts.leads import Lead, lead_id_of
from shared.contracts.requests import RequestKind, RequestStatus, merchant_id_of
from tests.builders import MERCHANT_ID, NOW, PARTNER_ID, REQUEST_ID, a_member, a_merchant, a_partner, a_request, details
from tests.leads.public import FORM, Public, hidden

LEAD_ID = lead_id_of(REQUEST_ID, PARTNER_ID)
CONTACT = details(RequestKind.CONTACT, merchant=a_merchant(store_url=None), partner_id=PARTNER_ID)
PROSPECT = details(RequestKind.LEAD, merchant=a_merchant(store_url=None), partner_id=None)


def a_lead(**fields: Any) -> Lead:
    defaults = {"others": 2, "delivered_at": NOW, "review_asked_at": NOW}
    return Lead(
        **{"lead_id": LEAD_ID, "request_id": REQUEST_ID, "partner_id": PARTNER_ID, "details": PROSPECT}
        | defaults
        | fields
    )


@pytest.fixture
async def public() -> Public:
    public = Public()
    await public.knows(a_partner())
    public.door.put("requests", REQUEST_ID, a_request(RequestStatus.CONFIRMED, details=PROSPECT))
    public.door.put("leads", LEAD_ID, a_lead())
    return public


def link(public: Public, purpose: str, about: UUID = REQUEST_ID, merchant: UUID = MERCHANT_ID) -> str:
    return public.links.sign(purpose, about, {"merchant": str(merchant)})


async def press(public: Public, path: str, token: str, **fields: str) -> httpx2.Response:
    """Follow the link, and press the button."""
    page = await public.client().get(path, params={"token": token})
    assert page.status_code == 200, page.text
    return await public.client().post(path, data={**hidden(page.text), "email": a_merchant().email, **fields})


def helped_at(request_id: UUID = REQUEST_ID) -> str:
    return f"/en/requests/{request_id}/helped"


REVIEW = f"/en/leads/{LEAD_ID}/review"


async def test_who_is_helped_says_so_once_or_twice(public: Public) -> None:
    for _ in range(2):
        done = await press(public, helped_at(), link(public, "helped"))
        assert (done.status_code, public.request.status) == (200, RequestStatus.HELPED)
        assert "Nobody else is asked" in done.text


@pytest.mark.parametrize("purpose", ["confirm-request", "lead-review", "sign-in"])
async def test_a_link_for_something_else_opens_nothing(public: Public, purpose: str) -> None:
    token = link(public, purpose)
    for answer in (
        await public.client().get(helped_at(), params={"token": token}),
        await public.client().post(helped_at(), data={"token": token}),
    ):
        assert answer.status_code == 400
        assert "no longer good" in answer.text
    assert public.request.status is RequestStatus.CONFIRMED


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
@pytest.mark.parametrize("path", [helped_at(), REVIEW, f"/en/requests/{REQUEST_ID}/confirm"])
async def test_no_link_opens_nothing(public: Public, path: str, token: str) -> None:
    answer = await public.client().post(path, data={"token": token, "rating": "5", "text": "Good."})
    assert answer.status_code == 400
    assert public.door.asked == []


async def test_a_link_about_another_request_opens_nothing(public: Public) -> None:
    token = link(public, "helped", LEAD_ID)
    assert (await public.client().post(helped_at(), data={"token": token})).status_code == 400


async def test_a_request_that_was_withdrawn_is_with_nobody(public: Public) -> None:
    public.becomes(RequestStatus.WITHDRAWN)
    answer = await press(public, helped_at(), link(public, "helped"))
    assert answer.status_code == 409
    assert "There is nothing left to do" in answer.text


async def test_a_prospect_reviews_once(public: Public) -> None:
    token = link(public, "lead-review", LEAD_ID)
    page = await public.client().get(REVIEW, params={"token": token})
    assert "How was your work with Studio Hoshi?" in page.text
    done = await press(public, REVIEW, token, rating="4", text="Patient and clear.\u202e")
    assert done.status_code == 200
    assert "Thank you for your review" in done.text
    stored = Lead.model_validate(public.database["leads"].documents[LEAD_ID]["state"]).review
    assert (stored.rating, stored.text) == (4, "Patient and clear.")
    again = await public.client().post(REVIEW, data={"token": token, "rating": "1", "text": "Bad."})
    assert again.status_code == 409
    assert "already reviewed" in again.text
    assert "already reviewed" in (await public.client().get(REVIEW, params={"token": token})).text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"text": "Good."}, {"rating"}),
        ({"rating": "6", "text": "Good."}, {"rating"}),
        ({"rating": "5", "text": " "}, {"text"}),
        ({"rating": "x", "text": "x" * 9000}, {"rating", "text"}),
    ],
)
async def test_a_review_with_errors_comes_back_with_what_was_typed(
    public: Public, fields: dict[str, str], wrong: set[str]
) -> None:
    answer = await press(public, REVIEW, link(public, "lead-review", LEAD_ID), **fields)
    assert answer.status_code == 422
    assert {name for name in ("rating", "text") if f'id="{name}-problem"' in answer.text} == wrong
    assert fields["text"] in answer.text
    assert hidden(answer.text)["token"]


async def test_nobody_reviews_their_own_organisation(public: Public) -> None:
    await public.knows(a_partner(version=2, members=(a_member(email="MIA@kettle.example"),)))
    answer = await press(public, REVIEW, link(public, "lead-review", LEAD_ID), rating="5", text="The best.")
    assert answer.status_code == 409
    assert "nobody reviews their own work" in answer.text


async def test_a_review_of_a_lead_that_is_not_there(public: Public) -> None:
    token = link(public, "lead-review", REQUEST_ID)
    answer = await public.client().get(f"/en/leads/{REQUEST_ID}/review", params={"token": token})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("about", "says"),
    [
        (details(), "72 hours to answer"),
        (PROSPECT, "Partners answer you by e-mail"),
        (CONTACT, "the partner that you chose"),
    ],
    ids=["merchant", "lead", "contact"],
)
async def test_who_confirms_is_told_what_happens_now(public: Public, about: Any, says: str) -> None:
    public.door.put("requests", REQUEST_ID, a_request(details=about))
    done = await press(public, f"/en/requests/{REQUEST_ID}/confirm", link(public, "confirm-request"))
    assert done.status_code == 200
    assert says in done.text


async def test_a_request_that_was_dropped_is_sent_again(public: Public) -> None:
    public.becomes(RequestStatus.DROPPED)
    path = f"/en/requests/{REQUEST_ID}/confirm"
    answer = await press(public, path, link(public, "confirm-request"))
    assert answer.status_code == 409
    assert "has been dropped" in answer.text


async def test_while_kafka_is_away_the_button_can_be_pressed_again(public: Public) -> None:
    public.door.away = True
    token = link(public, "helped")
    answer = await press(public, helped_at(), token)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    public.door.away = False
    assert (await press(public, helped_at(), token)).status_code == 200


@pytest.mark.parametrize("typed", ["", "scanner@security.example"])
async def test_a_scanner_that_presses_the_buttons_confirms_nothing_and_ends_nothing(public: Public, typed: str) -> None:
    public.door.put("requests", REQUEST_ID, a_request(RequestStatus.SUBMITTED, details=PROSPECT))
    for path, purpose in ((f"/en/requests/{REQUEST_ID}/confirm", "confirm-request"), (helped_at(), "helped")):
        pressed = await press(public, path, link(public, purpose), email=typed)
        assert (pressed.status_code, public.request.status) == (422, RequestStatus.SUBMITTED)
        assert ("sent to another address" in pressed.text) == bool(typed)
        assert hidden(pressed.text)["token"], "Who mistyped can try again."


async def test_whoever_sent_the_form_in_this_browser_confirms_with_one_press() -> None:
    public = Public()
    client = public.client()
    form = hidden((await client.get("/en/requests/new")).text)
    public.clock.move(timedelta(seconds=3))
    sent = await client.post("/en/requests/new", data={**FORM, **form})
    assert sent.status_code == 202
    path = f"/en/requests/{public.requests[0].request_id}/confirm"
    token = link(public, "confirm-request", public.requests[0].request_id, merchant_id_of(FORM["email"]))
    page = await client.get(path, params={"token": token})
    assert 'type="email"' not in page.text
    elsewhere = await public.client().get(path, params={"token": token})
    assert 'type="email"' in elsewhere.text
    assert (await client.post(path, data=hidden(page.text))).status_code == 200


async def test_a_cookie_for_one_request_says_nothing_of_another(public: Public) -> None:
    client = public.client()
    other = derived_id("another request")
    mark = public.links.sign("asker", other)
    client.cookies.set(f"jobwire-asker-{REQUEST_ID.hex[:12]}", mark)
    public.door.put("requests", REQUEST_ID, a_request(RequestStatus.SUBMITTED, details=PROSPECT))
    page = await client.get(f"/en/requests/{REQUEST_ID}/confirm", params={"token": link(public, "confirm-request")})
    assert 'type="email"' in page.text
