"""The directory hears of partners from the topics alone, in any order and as often as they come."""

import pytest

from tests.flow.people import MARKET
from tests.flow.world import Weather, World


@pytest.mark.parametrize("weather", [Weather(), Weather(seed=1, shuffled=True, twice=True, crashes=0.3)], ids=str)
async def test_who_registers_and_publishes_is_found_and_can_be_asked(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(weather, monkeypatch)
    world.register(*MARKET)
    await world.settle()
    public = world.client("leads")
    found = (await public.get("/api/v1/partners", params={"service": "seo"})).json()
    assert {partner["slug"] for partner in found["partners"]} == {"ada", "bob", "cy", "dee", "eve"}
    profile = await public.get("/en/partners/hana")
    assert profile.status_code == 200
    for way in ("requests/new", "contact"):
        assert f"/en/{way}?partner=hana" in profile.text
        assert (await public.get(f"/en/{way}?partner=hana")).status_code == 200
    assert (await public.get("/", headers={"accept-language": "ja"})).headers["location"] == "/ja/partners"
    assert world.dead_letters() == []
