"""What follows from a match beyond its jobs: who else was asked, who else could do the work, and what is no news."""

import pytest

from shared.contracts.matching import WavePostponed
from shared.publisher import outgoing
from shared.topics import MATCHES
from tests.builders import HOUR, an_offer
from tests.flow.people import MERCHANT, a_team, fill_in_the_form, follow, sign_in
from tests.flow.world import Weather, World
from tests.gateway.waves import heard

ADA, BOB = (a_team(name, services=(an_offer(),)) for name in ("Ada", "Bob"))


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Weather(), monkeypatch)
    world.register(ADA, BOB)
    await world.settle()
    return world


async def test_a_direct_request_that_expires_names_others_in_the_mail_and_in_the_dashboard(world: World) -> None:
    await follow(world, await fill_in_the_form(world, partner=ADA.profile.slug))
    await world.time_passes(73 * HOUR)
    told = world.mailbox.last(MERCHANT, "has not answered in time")
    assert "\r\n> Bob\r\nhttp://leads/en/partners/bob\r\n" in told.text
    page = await world.client("leads").get("http://leads/en/partners/bob")
    assert page.status_code == 200
    merchant = await sign_in(world, MERCHANT)
    (request,) = (await merchant.get("/merchant/requests"))["requests"]
    assert request["alternatives"] == [{"partner_id": str(BOB.partner_id), "name": "Bob", "slug": "bob"}]
    assert world.dead_letters() == []


async def test_a_matched_request_tells_each_partner_how_many_others_were_asked(world: World) -> None:
    await follow(world, await fill_in_the_form(world))
    told = world.mailbox.last("owner@ada.example", "chosen you for a job")
    assert "1 other partner was asked as well." in told.text
    owner, merchant = await sign_in(world, "owner@ada.example"), await sign_in(world, MERCHANT)
    (job,) = (await owner.get("/jobs"))["jobs"]
    assert job["others"] == 1
    await owner.post(f"/jobs/{job['job_id']}/messages", {"text": "Good day."})
    (request,) = (await merchant.get("/merchant/requests"))["requests"]
    assert "others" not in request["jobs"][0]
    assert request["alternatives"] == []


async def test_a_wave_that_is_put_off_is_news_to_nobody(world: World) -> None:
    before = {name: len(world.log.records(name)) for name in world.log.topics}
    world.log.append(outgoing(MATCHES.name, heard(WavePostponed()).record))
    await world.settle()
    assert {name: len(world.log.records(name)) for name in world.log.topics} == {**before, MATCHES.name: 1}
    assert world.mailbox.mails == []
