"""What no well-meaning client sends, by hand: headers, bytes and numbers that a generator of valid requests never
comes to. Each is refused with a problem, and nothing of it is in the log.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.api.kept import Kept
from tests.api.populated import Populated, populate
from tests.flow.world import Weather, World

JOB = "/api/v1/jobs/{job}"
BAD_JSON = [b"\xff\xfe", b'{"text": "\xc3("}', b"[" * 100_000, b'{"text": ' + b"9" * 5_000 + b"}", b"{", b"\x00"]
BAD_TEXTS = ["\\ud800", "\\u0000", "a\\u0000b", "\\u0007", "\\uffff", " ", "\\u2003\\n", ""]
BAD_CURSORS = [
    "é",
    "\ud83d\ude00",
    "=" * 7,
    "A" * 400,
    *(
        base64.urlsafe_b64encode(json.dumps(words).encode()).decode()
        for words in (
            ["newest", "9999-12-31T23:59:59-23:59", "x"],
            ["newest", "0001-01-01T00:00:00+23:59", "11111111-1111-4111-8111-111111111111"],
            ["newest", "\x00", "\x00"],
            ["activity", "2026-01-01", "moved"],
            ["newest"],
            [1, 2, 3],
            {"newest": 1},
        )
    ),
]


@pytest.fixture(scope="module")
async def built() -> AsyncIterator[tuple[World, Populated, Kept]]:
    with pytest.MonkeyPatch.context() as patch:
        world = World(Weather(), patch)
        people = await populate(world)
        yield world, people, Kept(world)


@pytest.fixture
def market(built: tuple[World, Populated, Kept]) -> Iterator[tuple[World, Populated, Kept]]:
    yield built
    assert built[0].dead_letters() == []
    built[2].restore()


async def refused(
    market: tuple[World, Populated, Kept], method: str, path: str, *, expect: set[int], **sent: Any
) -> Any:
    """What is refused, as the partner's owner unless the headers say otherwise; nothing comes of it."""
    world, people, kept = market
    path = path.format(job=people.ids["job_id"][2])
    headers = {"Authorization": people.owner.client.headers["Authorization"], **sent.pop("headers", {})}
    service = "leads" if path == "/api/v1/requests" else "gateway"
    answer = await world.asked(world.client(service).request(method, path, headers=headers, **sent))
    assert answer.status_code in expect, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert kept.said() == {}
    return answer


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"bearer \xff\xfe",
        b"Basic YTpi",
        b"Bearer a b c",
        b"Bearer " + b"x" * 5_000,
        b"\x00",
    ],
)
async def test_a_session_that_is_none_is_401(market: Any, authorization: bytes) -> None:
    headers = {"Authorization": authorization}
    answer = await refused(market, "GET", "/api/v1/me", expect={401}, headers=headers)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("body", BAD_JSON, ids=range(len(BAD_JSON)))
async def test_a_body_that_is_no_json(market: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    await refused(market, "POST", f"{JOB}/messages", expect={400, 422}, content=body, headers=headers)
    await refused(market, "POST", "/api/v1/requests", expect={400, 422}, content=body, headers=headers)


@pytest.mark.parametrize("text", BAD_TEXTS)
async def test_a_text_that_cannot_be_shown(market: Any, text: str) -> None:
    headers, body = {"Content-Type": "application/json"}, f'{{"text": "{text}"}}'.encode()
    answer = await refused(market, "POST", f"{JOB}/messages", expect={422}, content=body, headers=headers)
    assert answer.json()["errors"][0]["field"] == "text"


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "application/json; charset=x", "a" * 300])
async def test_json_that_is_called_something_else(market: Any, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    await refused(market, "POST", f"{JOB}/messages", expect={415, 422}, content=b'{"text": "Hi."}', headers=headers)


@pytest.mark.parametrize("number", ["-1", "1e400", "9" * 400, "NaN", "Infinity", "true", '"5"', "[]", "5.5"])
async def test_numbers_beyond_all_bounds(market: Any, number: str) -> None:
    headers = {"Content-Type": "application/json"}
    for path, body in (
        (f"{JOB}/read", f'{{"version": {number}}}'),
        (f"{JOB}/store-access/request", f'{{"permissions": ["themes"], "days": {number}}}'),
    ):
        await refused(market, "POST", path, expect={422}, content=body.encode(), headers=headers)
    if not number.startswith(("true", "[", '"')):
        await refused(market, "GET", JOB, expect={422, 503}, params={"min_version": number})


@pytest.mark.parametrize(
    "amount",
    [
        "-1",
        "-0.01",
        '"1e3"',
        '"NaN"',
        '"-0"',
        '" 1"',
        '"1_000"',
        '"１２"',
        '"٣"',
        '"Infinity"',
        "1e20",
        "0.001",
        "true",
    ],
)
async def test_amounts_that_nobody_writes(market: Any, amount: str) -> None:
    money = f'{{"amount": {amount}, "currency": "EUR"}}'
    body = f'{{"price_from": {money}, "unit": "hour", "lead_days": 1}}'.encode()
    headers = {"Content-Type": "application/json"}
    path = "/api/v1/partner/services/seo"
    answer = await refused(market, "PUT", path, expect={422}, content=body, headers=headers)
    assert answer.json()["errors"][0]["field"] == "price_from.amount"


@pytest.mark.parametrize(
    "day", ["10000-01-01", "0000-01-01", "2026-02-30", "2026-1-1", "9999-12-31T00:00:00Z", 0, None]
)
async def test_days_that_are_none(market: Any, day: Any) -> None:
    body = {"away": {"first_day": "2026-01-01", "last_day": day}}
    await refused(market, "PUT", "/api/v1/preferences", expect={422}, json=body)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("0001-01-01", "2026-03-02", "away.first_day"),
        ("2026-03-02", "9999-12-31", "away.last_day"),
        ("2099-01-01", "2099-01-02", "away.first_day"),
    ],
)
async def test_days_that_nobody_plans_with(market: Any, first: str, last: str, field: str) -> None:
    """(L) `last_day=9999-12-31` broke every page of the directory that would list the partner."""
    body = {"away": {"first_day": first, "last_day": last}}
    answer = await refused(market, "PUT", "/api/v1/preferences", expect={422}, json=body)
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("cursor", BAD_CURSORS, ids=range(len(BAD_CURSORS)))
@pytest.mark.parametrize("path", ["/jobs", "/merchant/jobs", "/merchant/requests", "/jobs?q=tea"])
async def test_cursors_that_name_no_place(market: Any, path: str, cursor: str) -> None:
    authorization = market[1].merchant.client.headers["Authorization"]
    headers = {"Authorization": authorization} if "merchant" in path else {}
    raw = cursor.encode(errors="surrogatepass")
    quoted = "".join(f"%{byte:02x}" for byte in raw)
    query = f"{'&' if '?' in path else '?'}cursor={quoted}"
    answer = await refused(market, "GET", f"/api/v1{path}{query}", expect={422}, headers=headers)
    assert answer.json()["errors"][0]["field"] == "query.cursor"


@pytest.mark.parametrize("partner", [b"", b"null", b"\xff", b"not-one", b"1" * 40])
async def test_a_partner_that_is_none(market: Any, partner: bytes) -> None:
    await refused(market, "GET", "/api/v1/partner", expect={403, 422}, headers={"Jobwire-Partner": partner})


@pytest.mark.parametrize("key", [b"\xff", b"/" * 200, "ключ".encode()])
async def test_an_odd_idempotency_key_is_a_key(market: Any, key: bytes) -> None:
    world, people, _ = market
    path, headers = f"/jobs/{people.ids['job_id'][2]}/comments", {"Idempotency-Key": key, "traceparent": b"\xfe\x01"}
    client = people.owner.client
    answers = [
        await world.asked(client.post(f"/api/v1{path}", json={"text": "Once."}, headers=headers)) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["comments"] == answers[1].json()["comments"]


async def test_an_empty_idempotency_key_is_no_key(market: Any) -> None:
    """Else all that is sent with one would be one."""
    await refused(
        market, "POST", f"{JOB}/comments", expect={422}, json={"text": "Hi."}, headers={"Idempotency-Key": ""}
    )


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "punycode", "undefined", "idna", "utf-16", "nonsense"])
@pytest.mark.parametrize("name", ["file", "+2AA-", "\\ud800"])
@pytest.mark.parametrize("filename", ["a.txt", "+2AA-.txt", "\\ud800.txt", "\x01.txt", "../../x.txt"])
async def test_a_form_in_an_odd_character_set(market: Any, charset: str, name: str, filename: str) -> None:
    world, people, _ = market
    part = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\nOne.\r\n--x--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    path = f"/api/v1/jobs/{people.ids['job_id'][2]}/attachments"
    answer = await world.asked(people.owner.client.post(path, content=part.encode(), headers=headers))
    assert answer.status_code in {201, 400, 415, 422}, answer.text


@pytest.mark.parametrize("query", ["unassigned=true&unassigned=false", "kind=match&kind=direct", "limit=1&limit=2"])
async def test_a_parameter_that_is_sent_twice_counts_once(market: Any, query: str) -> None:
    people = market[1]
    answer = await people.owner.client.get(f"/api/v1/jobs?{query}")
    assert answer.status_code == 200, answer.text


async def test_what_is_no_route_says_what_it_is(market: Any) -> None:
    world, people, _ = market
    member = people.ids["member_id"][0]
    for method, path, allowed in (
        ("PATCH", f"/api/v1/team/{member}", "PUT, DELETE"),
        ("GET", "/api/v1/team/invitations", "POST"),
        ("DELETE", "/api/v1/settings", "GET, HEAD, PUT"),
        ("POST", "/api/v1/jobs", "GET, HEAD"),
    ):
        answer = await world.client("gateway").request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["code"] == "method_not_allowed"
    assert (await people.owner.client.get("/api/v1/nothing")).json()["code"] == "not_found"
