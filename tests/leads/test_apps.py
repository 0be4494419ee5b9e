"""A store app vouches for its signed-in merchants by a signature."""

import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import httpx2
import pytest

from services.leads.apps import signature
from shared.contracts.requests import RequestStatus
from tests.leads.public import BODY, Public

SECRET, NEXT = "a-secret-of-the-tests", "the-next-one-of-tests"


@pytest.fixture
def public() -> Public:
    return Public(app_keys=f"kettle:{SECRET}, kettle:{NEXT},teapot:the-secret-of-another")


async def signed(public: Public, secret: str = SECRET, **changed: Any) -> httpx2.Response:
    """Post as the app would; `changed` are headers that came out otherwise, and `body` what arrives instead."""
    body = json.dumps({**BODY, **changed.pop("fields", {})}).encode()
    timestamp = str(int(public.clock.now().timestamp()) + changed.pop("skew", 0))
    headers = {
        "Content-Type": "application/json",
        "Jobwire-App": "kettle",
        "Jobwire-Timestamp": timestamp,
        "Jobwire-Signature": signature(secret, timestamp, body),
        "Idempotency-Key": "one",
    }
    sent = changed.pop("body", body)
    headers = {name: value for name, value in {**headers, **changed}.items() if value is not None}
    return await public.client().post("/api/v1/requests", content=sent, headers=headers)


@pytest.mark.parametrize("secret", [SECRET, NEXT], ids=["one key", "the next key"])
async def test_what_an_app_signs_goes_out_at_once(public: Public, secret: str) -> None:
    answer = await signed(public, secret)
    assert answer.status_code == 202, answer.text
    assert (public.request.status, public.request.confirm_until) == (RequestStatus.CONFIRMED, None)


async def test_without_a_signature_the_address_has_to_be_confirmed(public: Public) -> None:
    await public.post()
    assert public.request.status is RequestStatus.SUBMITTED


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"secret": "some-secret-of-nobody"}, "bad_signature"),
        ({"Jobwire-App": "teapot"}, "bad_signature"),
        ({"Jobwire-App": "nobody"}, "bad_signature"),
        ({"Jobwire-App": None}, "bad_signature"),
        ({"Jobwire-Signature": None}, "bad_signature"),
        ({"Jobwire-Signature": "v1="}, "bad_signature"),
        ({"Jobwire-Signature": "v0=" + "0" * 64}, "bad_signature"),
        ({"Jobwire-Signature": "é".encode()}, "bad_signature"),
        ({"Jobwire-Timestamp": None}, "bad_signature"),
        ({"Jobwire-Timestamp": "1"}, "bad_signature"),
        ({"body": json.dumps({**BODY, "title": "Pills"}).encode()}, "bad_signature"),
        ({"skew": 301}, "bad_timestamp"),
        ({"skew": -301}, "bad_timestamp"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
async def test_what_is_not_quite_signed_is_refused(public: Public, changed: dict[str, Any], code: str) -> None:
    answer = await signed(public, **changed)
    assert (answer.status_code, answer.json()["code"], public.requests) == (401, code, [])


@pytest.mark.parametrize("timestamp", ["now", "12e3", "-5", "１２", "9" * 20, "1" * 19, ""])
async def test_a_time_that_is_none_is_refused_though_it_is_signed(public: Public, timestamp: str) -> None:
    body = json.dumps(BODY).encode()
    headers = {
        "Jobwire-App": "kettle",
        "Jobwire-Timestamp": timestamp.encode(),
        "Jobwire-Signature": signature(SECRET, timestamp.encode().decode("latin-1"), body),
        "Idempotency-Key": "one",
    }
    answer = await public.client().post("/api/v1/requests", content=body, headers=headers)
    assert answer.status_code in (401, 422)
    assert public.requests == []


TEAPOT = {"Jobwire-App": "teapot", "secret": "the-secret-of-another"}
OTHER = {"title": "Autumn clearance"}


async def by(public: Public, who: str, **fields: Any) -> httpx2.Response:
    """One of those who may call a request by the same key, for the same merchant."""
    match who:
        case "an app":
            return await signed(public, fields=fields)
        case "another app":
            return await signed(public, fields=fields, **TEAPOT)
        case _:
            network = "203.0.113.9" if who == "a stranger elsewhere" else "198.51.100.7"
            return await public.post(network, {"Idempotency-Key": "one"}, **fields)


@pytest.mark.parametrize(
    ("first", "second"), list(permutations(["an app", "another app", "a stranger", "a stranger elsewhere"], 2))
)
async def test_keys_of_different_senders_never_meet(public: Public, first: str, second: str) -> None:
    answers = [await by(public, first), await by(public, second, **OTHER)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["request_id"] for answer in answers}) == 2
    said = {one.details.title: one.status for one in public.requests}
    vouched = [RequestStatus.CONFIRMED if "app" in who else RequestStatus.SUBMITTED for who in (first, second)]
    assert said == dict(zip([BODY["title"], OTHER["title"]], vouched, strict=True))


@pytest.mark.parametrize("who", ["an app", "a stranger"])
async def test_the_same_key_with_other_words_is_refused(public: Public, who: str) -> None:
    await by(public, who)
    refused = await by(public, who, **OTHER)
    assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert public.request.details.title == BODY["title"]


@pytest.mark.parametrize("skew", [-300, 300])
async def test_clocks_may_be_five_minutes_apart(public: Public, skew: int) -> None:
    assert (await signed(public, skew=skew)).status_code == 202


async def test_an_app_names_each_request(public: Public) -> None:
    answer = await signed(public, **{"Idempotency-Key": None})
    assert (answer.status_code, answer.json()["code"]) == (400, "key_needed")


async def test_what_somebody_catches_and_sends_again_is_the_same_request(public: Public) -> None:
    first = (await signed(public)).json()
    assert (await signed(public)).json() == first
    assert (await signed(public, **{"Idempotency-Key": "two"})).json() == first
    assert len(public.requests) == 1


async def test_an_apps_request_is_not_folded_into_one_that_waits_for_its_address(public: Public) -> None:
    await public.post()
    await signed(public)
    assert sorted(one.status for one in public.requests) == ["confirmed", "submitted"]


async def test_the_app_posts_for_all_of_its_merchants_from_one_network(public: Public) -> None:
    for number in range(40):
        merchant = {**BODY["merchant"], "email": f"m{number}@kettle.example"}
        answer = await signed(public, fields={"merchant": merchant}, **{"Idempotency-Key": f"k{number}"})
        assert answer.status_code == 202
    public.clock.move(timedelta(seconds=1))
    assert len(public.requests) == 40


@pytest.mark.parametrize("keys", ["kettle", "kettle:short", ":a-secret-of-the-tests"])
def test_keys_that_are_none_end_the_start(keys: str) -> None:
    with pytest.raises(ValueError, match="JOBWIRE_APP_KEYS"):
        Public(app_keys=keys)
