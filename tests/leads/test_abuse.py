"""Traps for programs, and limits that honest people do not meet."""

from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from services.leads.rates import RequestRates
from services.leads.stamp import TRAP
from shared.client_ip import Networks
from shared.metrics import Metrics
from shared.security_events import SecurityLog
from tests.leads.public import HOME, Public, hidden

QUARTER_HOUR = timedelta(minutes=15)


@pytest.fixture
def public() -> Public:
    return Public()


async def test_who_fills_in_what_nobody_sees_is_told_as_usual_and_nothing_is_kept(public: Public) -> None:
    usual = await public.fill_in()
    before = len(public.door.asked)
    caught = await public.fill_in(**{TRAP: "https://pills.example"}, title="Pills")
    assert (caught.status_code, caught.text) == (usual.status_code, usual.text)
    assert len(public.door.asked) == before
    assert len(public.database["recent_submissions"].documents) == 1
    assert public.counted("match", "trap") == 1


async def test_a_form_that_comes_back_at_once_is_asked_for_again_with_everything_in_it(public: Public) -> None:
    page = await public.client().get("/en/requests/new")
    public.clock.move(timedelta(seconds=1.9))
    fast = await public.send(**hidden(page.text))
    assert (fast.status_code, public.requests) == (422, [])
    assert "faster than people type" in fast.text
    assert "Spring launch" in fast.text
    public.clock.move(timedelta(seconds=0.1))
    assert (await public.send(**hidden(fast.text))).status_code == 202, "The second try of somebody with autofill."


@pytest.mark.parametrize("stamp", [None, "", "forged", "eyJpZCI6IDF9.AAAA"])
async def test_a_form_that_is_not_ours_comes_back_with_a_fresh_stamp(public: Public, stamp: str | None) -> None:
    strange = await public.send(**({} if stamp is None else {"stamp": stamp}))
    assert (strange.status_code, public.requests) == (422, [])
    assert "Spring launch" in strange.text
    public.clock.move(timedelta(seconds=2))
    assert (await public.send(**hidden(strange.text))).status_code == 202


async def test_a_form_of_yesterday_is_looked_through_again(public: Public) -> None:
    fields = await public.open()
    public.clock.move(timedelta(hours=24))
    late = await public.send(**fields)
    assert (late.status_code, public.requests) == (422, [])
    assert hidden(late.text)["stamp"] != fields["stamp"]
    assert public.counted("match", "stale") == 1


async def test_a_stamp_that_another_key_signed_is_none(public: Public) -> None:
    stranger = Public(secret_keys="another-key-of-the-tests")
    assert (await public.send(**await stranger.open())).status_code == 422


async def test_the_sixth_request_for_an_address_in_a_quarter_of_an_hour_is_one_too_many(public: Public) -> None:
    for number in range(5):
        assert (await public.post(f"192.0.2.{number}", title=f"Launch {number}")).status_code == 202
    sixth = await public.post("192.0.2.9", title="One more")
    assert (sixth.status_code, sixth.headers["retry-after"], sixth.json()["limit"]) == (429, "900", "address")
    shouted = {"name": "Mia", "email": "MIA@kettle.example", "store_url": "https://kettle.example"}
    assert (await public.post("192.0.2.9", title="One more", merchant=shouted)).status_code == 429
    other = {**shouted, "email": "ada@other.example"}
    assert (await public.post("192.0.2.9", title="One more", merchant=other)).status_code == 202
    public.clock.move(QUARTER_HOUR - timedelta(seconds=1))
    assert (await public.post("192.0.2.9", title="One more")).headers["retry-after"] == "1"
    public.clock.move(timedelta(seconds=1))
    assert (await public.post("192.0.2.9", title="One more")).status_code == 202


async def test_one_that_was_taken_may_be_sent_again_as_often_as_one_likes(public: Public) -> None:
    fields = await public.open()
    for _ in range(30):
        assert (await public.send(**fields)).status_code == 202
    assert len(public.requests) == 1


async def test_the_form_says_when_to_try_again_and_keeps_what_was_typed(public: Public) -> None:
    for number in range(5):
        await public.post(title=f"Launch {number}")
    answer = await public.fill_in()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "898")
    assert "try again in 15 minutes" in answer.text
    assert "Spring launch" in answer.text


def from_number(number: int) -> dict[str, Any]:
    return {"name": "Bot", "email": f"bot{number}@spam.example", "store_url": "https://spam.example"}


async def test_a_network_has_20_an_hour_and_60_a_day(public: Public) -> None:
    taken = 0
    for hour in range(5):
        for number in range(25):
            taken += (await public.post(merchant=from_number(100 * hour + number))).status_code == 202
        assert taken == min(20 * (hour + 1), 60)
        public.clock.move(timedelta(hours=1))
    refused = await public.post(merchant=from_number(1000))
    assert (refused.json()["limit"], int(refused.headers["retry-after"])) == ("network", 19 * 3600)
    public.clock.move(timedelta(hours=19))
    assert (await public.post(merchant=from_number(1001))).status_code == 202


async def test_everybody_together_has_a_limit_and_a_store_app_has_its_own() -> None:
    public = Public(limit_overall="3/minute", app_keys="kettle:a-secret-of-the-tests")
    answers = [await public.post(f"192.0.2.{number}", merchant=from_number(number)) for number in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].json()["limit"] == "overall"
    public.clock.move(timedelta(minutes=1))
    assert (await public.post("192.0.2.200", merchant=from_number(9))).status_code == 202


@pytest.mark.slow
async def test_a_bot_that_posts_on_and_on_keeps_nobody_else_out_and_costs_little(public: Public) -> None:
    """From four networks, each time for another address and with other words, by JSON: nothing but the limits helps."""
    windows, writes = public.database["windows"], AsyncMock(side_effect=public.database["windows"].update_one)
    windows.update_one = writes
    client = {number: public.client(f"203.0.113.{number}") for number in range(4)}

    async def taken(numbers: range) -> int:
        statuses = []
        for number in numbers:
            merchant = from_number(number)
            body = {"kind": "match", "locale": "en", "merchant": merchant, "business": "B", "service": "seo"}
            answer = await client[number % 4].post(
                "/api/v1/requests", json={**body, "title": f"T{number}", "requirements": "R"}
            )
            statuses.append(answer.status_code)
        return statuses.count(202)

    assert (await taken(range(100)), len(public.door.asked)) == (80, 80)
    cost = writes.await_count
    assert cost < 400
    assert (await taken(range(100, 1_000)), len(public.door.asked), writes.await_count) == (0, 80, cost), (
        "A refused bot costs no query."
    )
    for number in range(30):
        honest = await public.post(f"198.51.100.{number}", merchant=from_number(10_000 + number))
        assert honest.status_code == 202


async def test_the_windows_hold_neither_addresses_nor_networks(public: Public) -> None:
    await public.post()
    said = str(public.database["windows"].documents)
    assert "kettle" not in said
    assert HOME not in said


@pytest.mark.parametrize(
    "limits", [{"limit_network": "many"}, {"limits_url": "memcached://somewhere"}, {"trusted_proxies": "everybody"}]
)
def test_settings_that_cannot_be_read_end_the_start(limits: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Public(**limits)


def test_windows_may_be_counted_in_redis() -> None:
    """The library connects at the first hit."""
    public = Public(limits_url="redis://127.0.0.1:1/0")
    rates = RequestRates(public.settings, public.database, public.clock, SecurityLog(Metrics("leads")))
    assert isinstance(rates, RequestRates)


async def test_without_redis_nothing_is_taken() -> None:
    public = Public(limits_url="redis://127.0.0.1:1/0")
    answer = await public.post()
    assert (answer.status_code, public.requests) == (503, [])


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.2", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.2", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.2", ["6.6.6.6", "198.51.100.1, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.2", ["6.6.6.6, <script>"], "10.0.0.2"),
        ("10.0.0.2", [""], "10.0.0.2"),
        ("::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("10.0.0.2", ["[2001:db8:1:2::9]"], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("testclient", ["198.51.100.1"], "unknown"),
        ("", [], "unknown"),
    ],
)
def test_a_sender_is_the_last_hop_that_no_proxy_of_ours_is(peer: str, forwarded: list[str], sender: str) -> None:
    assert Networks("10.0.0.0/8, ::1").sender(peer, forwarded) == sender


async def test_nobody_gets_round_the_limit_by_a_header(public: Public) -> None:
    for number in range(20):
        await public.post(merchant=from_number(number))
    headers = {"X-Forwarded-For": "192.0.2.1"}
    assert (await public.post(merchant=from_number(20), headers=headers)).status_code == 429
