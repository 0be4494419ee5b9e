"""What makes two posts one request, and what happens when Kafka or the database is away."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from shared.contracts.requests import RequestStatus
from tests.leads.public import BODY, Public


@pytest.fixture
def public() -> Public:
    return Public()


async def test_a_form_that_is_sent_twice_is_one_request(public: Public) -> None:
    fields = await public.open()
    for _ in range(2):
        assert (await public.send(**fields)).status_code == 202
    assert len(public.requests) == 1


async def test_a_double_click_is_one_request(public: Public) -> None:
    fields = await public.open()
    answers = await asyncio.gather(*[public.send(**fields) for _ in range(4)])
    assert {answer.status_code for answer in answers} == {202}
    assert len(public.requests) == 1


@pytest.mark.parametrize(
    "fields",
    [{"requirements": "Be found at once."}, {"email": "ada@other.example"}, {"budget_amount": "100"}],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_form_with_other_words_is_another_request(public: Public, fields: dict[str, str]) -> None:
    """Else going back and correcting a form would be answered with the old one."""
    form = await public.open()
    await public.send(**form)
    assert (await public.send(**form, **fields)).status_code == 202
    assert len(public.requests) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": "  SPRING launch "},
        {"requirements": "Be\r\n found.", "email": "MIA@Kettle.example"},
        {"business": "Ｔｅａ and thread."},
    ],
    ids=["the same", "case", "spaces", "width"],
)
async def test_the_same_words_within_a_day_are_the_same_request(public: Public, fields: dict[str, str]) -> None:
    first = (await public.fill_in()).text
    public.clock.move(timedelta(hours=23))
    again = await public.fill_in(**fields)
    assert (again.status_code, len(public.requests)) == (202, 1)
    assert again.text.lower() == first.lower()
    assert public.counted("match", "same_again") == 1


async def test_a_day_later_they_are_another(public: Public) -> None:
    await public.fill_in()
    public.clock.move(timedelta(hours=24))
    await public.fill_in()
    assert len(public.requests) == 2


@pytest.mark.parametrize("status", [RequestStatus.WITHDRAWN, RequestStatus.HELPED, RequestStatus.DROPPED])
async def test_who_has_ended_a_request_may_send_it_anew(public: Public, status: RequestStatus) -> None:
    await public.fill_in()
    public.becomes(status)
    for _ in range(2):
        await public.fill_in()
    assert len(public.requests) == 2


async def test_the_same_by_json_under_another_key_has_the_first_ones_id(public: Public) -> None:
    answers = [await public.post(headers={"Idempotency-Key": key}) for key in ("one", "one", "two")]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json()["request_id"] for answer in answers}) == len(public.requests) == 1


async def test_words_whose_key_was_used_at_once_for_others_can_be_sent_under_a_new_one(public: Public) -> None:
    """Neither was stored when the other came, so only the owner could tell. What it refused was not sent."""
    one, other = {"title": "The first"}, {"title": "The second"}
    answers = await asyncio.gather(*[public.post(headers={"Idempotency-Key": "one"}, **said) for said in (one, other)])
    assert sorted(answer.status_code for answer in answers) == [202, 422]
    (refused,) = [said for said, answer in zip((one, other), answers, strict=True) if answer.status_code == 422]
    again = await public.post(headers={"Idempotency-Key": "two"}, **refused)
    assert again.status_code == 202
    assert {request.details.title for request in public.requests} == {"The first", "The second"}


async def test_the_same_key_and_words_stay_the_same_request_after_a_day(public: Public) -> None:
    first = await public.post(headers={"Idempotency-Key": "one"})
    public.clock.move(timedelta(hours=25))
    assert (await public.post(headers={"Idempotency-Key": "one"})).json() == first.json()
    assert len(public.requests) == 1


async def test_after_kafka_was_away_the_same_may_come_again_as_often_as_one_likes(public: Public) -> None:
    """It was admitted once; counting it again would lock out somebody who does as we ask."""
    fields = await public.open()
    public.door.away = True
    for _ in range(9):
        answer = await public.send(**fields)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "Spring launch" in answer.text
    public.door.away = False
    assert (await public.send(**fields)).status_code == 202
    assert len(public.requests) == 1


@pytest.mark.parametrize("name", ["windows", "recent_submissions"])
async def test_while_the_database_is_away_nothing_is_taken_and_nothing_lost(
    public: Public, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise AutoReconnect("primary stepped down")

    fields = await public.open()
    with monkeypatch.context() as patch:
        patch.setattr(public.database[name], "find_one", away)
        patch.setattr(public.database[name], "update_one", away)
        by_form, by_json = await public.send(**fields), await public.post()
    assert (by_form.status_code, by_json.status_code, public.requests) == (503, 503, [])
    assert "Spring launch" in by_form.text
    assert by_json.json()["code"] == "try_again"
    assert (await public.send(**fields)).status_code == 202


async def test_the_state_of_a_request_can_be_asked(public: Public) -> None:
    url = (await public.post()).json()["status_url"]
    assert (await public.client().get(url)).json()["status"] == "submitted"
    for status in RequestStatus:
        public.becomes(status)
        assert (await public.client().get(url)).json()["status"] == status
    missing = await public.client().get(url[:-12] + "0" * 12)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "lead"}, "merchant.store_url"),
        ({"kind": "contact"}, "merchant.store_url"),
        ({"merchant": {"name": "Mia", "email": "mia@kettle.example"}}, "merchant.store_url"),
        ({"kind": "direct"}, "partner_id"),
        ({"partner_id": "22222222-2222-4222-8222-222222222222"}, "partner_id"),
        ({"kind": "direct", "partner_id": "22222222-2222-4222-8222-222222222222"}, "partner_id"),
        ({"service": "witchcraft"}, "service"),
    ],
)
async def test_what_does_not_fit_the_kind_is_refused_by_field(
    public: Public, change: dict[str, Any], field: str
) -> None:
    answer = await public.post(**change)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert public.door.asked == []


async def test_the_openapi_document_says_what_each_kind_needs(public: Public) -> None:
    document = (await public.client().get("/openapi.json")).json()
    assert len(document["components"]["schemas"]["SentRequest"]["allOf"]) == 4
    post = document["paths"]["/api/v1/requests"]["post"]
    assert {"202", "400", "401", "422", "429", "503"} <= set(post["responses"])
    for status in ("401", "422", "429", "503"):
        assert set(post["responses"][status]["content"]) == {"application/problem+json"}
    headers = {parameter["name"] for parameter in post["parameters"]}
    assert {"jobwire-app", "jobwire-timestamp", "jobwire-signature", "idempotency-key"} <= headers


async def test_the_body_of_the_tests_is_good(public: Public) -> None:
    assert (await public.post()).status_code == 202
    assert public.request.details.title == BODY["title"]
