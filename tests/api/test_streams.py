"""Event streams at the API's door."""

import pytest

from tests.api.streaming import heard_by
from tests.api.tenants import OPS_TOKENS, two_partners_and_two_merchants
from tests.flow.world import Weather, World


async def test_a_session_that_has_enough_streams_is_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Weather(), monkeypatch, ops_tokens=OPS_TOKENS, live_streams_per_session=1)
    tenants = await two_partners_and_two_merchants(world)
    stream = await heard_by(tenants["owner"])
    answer = await tenants["owner"].client.get("/api/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    await (await heard_by(tenants["bob"])).news()
    await stream.news()
    await (await heard_by(tenants["owner"])).news()
