"""A partner's account from the first mail to the first job, and its team."""

from typing import Any

import pytest

from shared.contracts.partners import Role
from tests.builders import HOUR, a_member, an_offer
from tests.flow.people import Person, a_team, fill_in_the_form, follow, session, sign_in
from tests.flow.test_journey import CALM, the_only_job
from tests.flow.world import World

NEWCOMER = "noa@atelier.example"
COLLEAGUE = "ren@atelier.example"
ORGANISATION = {
    "slug": "atelier-noa",
    "name": "Atelier Noa",
    "about": "We make stores findable.",
    "main_language": "en",
    "languages": ["en", "fr"],
    "country": "FR",
    "portfolio": ["https://noa.example/work"],
    "your_name": "Noa",
}
SEO = {"price_from": {"amount": "400.00", "currency": "USD"}, "unit": "project", "lead_days": 5}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(CALM, monkeypatch)


async def newcomer(world: World) -> Person:
    """Somebody whom nobody knows, signed in by a mailed link."""
    asked = await world.asked(
        world.client("gateway").post("/api/v1/registrations", json={"email": NEWCOMER, "locale": "en"})
    )
    assert asked.status_code == 202
    return await session(world, world.mailbox.last(NEWCOMER, "/sign-in?token="))


async def an_organisation(world: World) -> Person:
    owner = await newcomer(world)
    await owner.post("/partners", ORGANISATION, expect=201)
    await owner.put("/partner/services/seo", SEO)
    await owner.post("/partner/publish")
    return owner


async def invited(world: World, owner: Person, email: str = COLLEAGUE, **fields: Any) -> Person:
    """Somebody who has followed the link of an invitation."""
    body = {"email": email, "name": "Ren", "role": "member", "locale": "ja", **fields}
    await owner.post("/team/invitations", body)
    return await session(world, world.mailbox.last(email, "token="))


async def member_id(person: Person) -> str:
    (membership,) = (await person.get("/me"))["memberships"]
    return str(membership["member_id"])


async def test_from_the_first_mail_to_the_first_job(world: World) -> None:
    owner = await newcomer(world)
    assert (await owner.get("/me"))["memberships"] == []
    registered = await owner.post("/partners", ORGANISATION, expect=201)
    assert (registered["receives_work"], registered["missing"]) == (False, ["publish_profile", "offer_a_service"])
    await follow(world, await fill_in_the_form(world))
    assert (await owner.get("/jobs"))["jobs"] == [], "Work came to a profile that nobody can see."
    await owner.put("/partner/services/seo", SEO)
    assert (await owner.post("/partner/publish"))["missing"] == []
    await follow(world, await fill_in_the_form(world, title="The second"))
    assert (await the_only_job(owner))["request"]["title"] == "The second"


async def test_a_profile_and_its_services_are_changed(world: World) -> None:
    owner = await an_organisation(world)
    changed = await owner.put("/partner/profile", {**ORGANISATION, "name": "Atelier Noa & Co", "slug": "noa-and-co"})
    assert (changed["profile"]["name"], changed["profile"]["slug"]) == ("Atelier Noa & Co", "noa-and-co")
    cheaper = {**SEO, "price_from": {"amount": "300.00", "currency": "EUR"}}
    offered = (await owner.put("/partner/services/seo", cheaper))["profile"]["services"]
    assert [offer["price_from"]["currency"] for offer in offered] == ["EUR"]
    without = await owner.delete("/partner/services/seo")
    assert (without["receives_work"], without["missing"]) == (False, ["offer_a_service"])
    assert (await owner.post("/partner/unpublish"))["missing"] == ["publish_profile", "offer_a_service"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "Not A Slug"),
        ("country", "France"),
        ("languages", []),
        ("portfolio", ["javascript:alert(1)"]),
        ("name", "two\nlines"),
        ("about", ""),
    ],
)
async def test_a_wrong_field_is_named(world: World, field: str, value: Any) -> None:
    owner = await newcomer(world)
    wrong = await owner.post("/partners", {**ORGANISATION, field: value}, expect=422)
    assert [error["field"].split(".")[0] for error in wrong["errors"]] == [field]


async def test_two_profiles_have_two_addresses(world: World) -> None:
    world.register(a_team("Ada", services=(an_offer(),)))
    owner = await newcomer(world)
    taken = await owner.post("/partners", {**ORGANISATION, "slug": "ada"}, expect=422)
    assert taken["errors"][0]["field"] == "slug"
    await owner.post("/partners", ORGANISATION, expect=201)
    again = await owner.post("/partners", ORGANISATION, expect=422)
    assert again["errors"][0]["field"] == "slug"


async def test_a_registration_that_is_sent_twice_is_one(world: World) -> None:
    owner = await newcomer(world)
    for _ in range(2):
        await owner.post("/partners", ORGANISATION, expect=201, **{"Idempotency-Key": "once"})
    assert len((await owner.get("/me"))["memberships"]) == 1


async def test_who_is_away_comes_back_by_itself(world: World) -> None:
    owner = await an_organisation(world)
    today, tomorrow = world.clock.now().date(), (world.clock.now() + 24 * HOUR).date()
    shown = await owner.get("/preferences")
    away = {**shown["preferences"], "away": {"first_day": str(today), "last_day": str(tomorrow)}}
    await owner.put("/preferences", away, seen=shown["version"])
    assert (await owner.get("/partner"))["missing"] == ["be_back"]
    await follow(world, await fill_in_the_form(world))
    await world.time_passes(48 * HOUR)
    owner = await sign_in(world, NEWCOMER)
    assert (await owner.get("/jobs"))["jobs"] == []
    assert (await owner.get("/partner"))["receives_work"] is True
    await follow(world, await fill_in_the_form(world, title="After the holiday"))
    assert (await the_only_job(owner))["request"]["title"] == "After the holiday"


@pytest.mark.parametrize("limit", [{"open_jobs": 1}, {"jobs_per_week": 1}])
async def test_no_more_jobs_come_than_are_wanted(world: World, limit: dict[str, int]) -> None:
    owner = await an_organisation(world)
    shown = await owner.get("/preferences")
    await owner.put("/preferences", {**shown["preferences"], **limit}, seen=shown["version"])
    for title in ("The first", "The second"):
        await follow(world, await fill_in_the_form(world, title=title))
    assert (await the_only_job(owner))["request"]["title"] == "The first"
    await world.time_passes(8 * 24 * HOUR)  # the job expires, the week is over
    await follow(world, await fill_in_the_form(world, title="The third"))
    owner = await sign_in(world, NEWCOMER)
    assert [job["request"]["title"] for job in (await owner.get("/jobs"))["jobs"]] == ["The third", "The first"]


async def test_a_colleague_joins_by_the_mailed_link(world: World) -> None:
    owner = await an_organisation(world)
    body = {"email": COLLEAGUE, "name": "Ren", "role": "member", "locale": "ja"}
    team = await owner.post("/team/invitations", body)
    assert [member["joined"] for member in team["members"]] == [True, False]
    invitation = world.mailbox.last(COLLEAGUE, "token=")
    assert invitation.language == "ja"
    colleague = await session(world, invitation)
    assert [member["joined"] for member in (await colleague.get("/team"))["members"]] == [True, True]
    await owner.post("/team/invitations", body, expect=409)


async def test_an_invitation_that_was_taken_back_opens_no_door(world: World) -> None:
    owner = await an_organisation(world)
    team = await owner.post("/team/invitations", {"email": COLLEAGUE, "name": "Ren", "locale": "en"})
    await owner.delete(f"/team/{team['members'][1]['member_id']}")
    colleague = await session(world, world.mailbox.last(COLLEAGUE, "token="))
    assert (await colleague.get("/me"))["memberships"] == []
    await colleague.get("/team", expect=403)


async def test_who_is_invited_sees_nothing_before_joining(world: World) -> None:
    owner = await an_organisation(world)
    await owner.post("/team/invitations", {"email": COLLEAGUE, "name": "Ren", "locale": "en"})
    colleague = await sign_in(world, COLLEAGUE)
    me = await colleague.get("/me")
    assert (me["memberships"], len(me["invitations"])) == ([], 1)
    await colleague.get("/jobs", expect=403)
    await colleague.post(f"/invitations/{me['invitations'][0]['partner_id']}/accept", expect=204)
    assert (await colleague.get("/jobs"))["jobs"] == []


async def test_a_member_who_is_removed_is_out_at_once(world: World) -> None:
    owner = await an_organisation(world)
    colleague = await invited(world, owner)
    await follow(world, await fill_in_the_form(world))
    job, ren = await the_only_job(owner), await member_id(colleague)
    await owner.put(f"/jobs/{job['job_id']}/assignees", {"member_ids": [ren]})
    await owner.delete(f"/team/{ren}")
    await colleague.get("/jobs", expect=403)
    assert (await colleague.get("/me"))["memberships"] == [], "Signed in still, and in no team."
    assert (await the_only_job(owner))["assignees"] == [], "A job was left to somebody who is gone."
    wrong = await owner.put(f"/jobs/{job['job_id']}/assignees", {"member_ids": [ren]}, expect=422)
    assert wrong["errors"][0]["field"] == "member_ids.0"


async def test_no_organisation_is_without_an_owner(world: World) -> None:
    owner = await an_organisation(world)
    noa = await member_id(owner)
    await invited(world, owner, role="admin")
    assert (await owner.delete(f"/team/{noa}", expect=409))["code"] == "last_owner"
    demoted = await owner.put(f"/team/{noa}", {"role": "admin", "assigned_only": False}, expect=409)
    assert demoted["code"] == "last_owner"


async def test_an_admin_does_not_make_or_remove_owners(world: World) -> None:
    owner = await an_organisation(world)
    admin = await invited(world, owner, role="admin")
    noa, ren = await member_id(owner), await member_id(admin)
    await admin.put(f"/team/{ren}", {"role": "owner", "assigned_only": False}, expect=403)
    await admin.delete(f"/team/{noa}", expect=403)
    await owner.put(f"/team/{ren}", {"role": "owner", "assigned_only": False})
    await admin.delete(f"/team/{noa}")
    await owner.get("/team", expect=403)


async def test_a_plain_member_changes_itself_and_nothing_else(world: World) -> None:
    owner = await an_organisation(world)
    colleague = await invited(world, owner)
    await colleague.put("/partner/services/seo", SEO, expect=403)
    await colleague.put("/partner/profile", ORGANISATION, expect=403)
    await colleague.post("/team/invitations", {"email": "x@y.example", "name": "X", "locale": "en"}, expect=403)
    chosen = {"name": "Ren Ito", "locale": "fr", "mailed": ["mentions"]}
    settings = await colleague.put("/settings", chosen)
    assert {name: settings[name] for name in chosen} == chosen


async def test_who_sees_assigned_jobs_only_sees_no_others(world: World) -> None:
    owner = await an_organisation(world)
    colleague = await invited(world, owner, assigned_only=True)
    for title in ("The first", "The second"):
        await follow(world, await fill_in_the_form(world, title=title))
    first, second = (await owner.get("/jobs"))["jobs"]
    await owner.put(f"/jobs/{first['job_id']}/assignees", {"member_ids": [await member_id(colleague)]})
    assert [job["job_id"] for job in (await colleague.get("/jobs"))["jobs"]] == [first["job_id"]]
    assert [job["job_id"] for job in (await colleague.get("/jobs", q="tea"))["jobs"]] == [first["job_id"]]
    assert (await colleague.get("/jobs/counts"))["total"] == 1
    await colleague.get(f"/jobs/{second['job_id']}", expect=404)
    await colleague.post(f"/jobs/{second['job_id']}/messages", {"text": "Hello."}, expect=404)
    mention = {"text": "Look!", "mentions": [await member_id(colleague)]}
    await owner.post(f"/jobs/{first['job_id']}/comments", mention)
    await owner.post(f"/jobs/{second['job_id']}/comments", mention, expect=422)


async def test_the_marketplace_registers_a_team_that_signs_in_at_once(world: World) -> None:
    world.register(a_team("Ada", services=(an_offer(),)))
    await world.settle()
    owner = await sign_in(world, "owner@ada.example")
    assert (await owner.get("/me"))["memberships"][0]["role"] == Role.OWNER
    assert a_member().joined


@pytest.mark.parametrize("docs", [True, False])
async def test_who_has_signed_in_is_led_to_the_documentation_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, *, docs: bool
) -> None:
    world = World(CALM, monkeypatch, docs=docs)
    client = world.client("gateway")
    asked = {"email": NEWCOMER, "locale": "en"}
    assert (await world.asked(client.post("/api/v1/registrations", json=asked))).status_code == 202
    mail = world.mailbox.last(NEWCOMER, "/sign-in?token=")
    page = await client.post("/en/sign-in", data={"token": mail.token, "email": mail.to})
    assert "You are signed in" in page.text
    assert ('href="/docs"' in page.text) is docs
