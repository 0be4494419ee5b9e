"""Two who write at the same moment: nobody's words are lost, and whoever was slower is told."""

import asyncio
from typing import Any

import pytest

from tests.flow.people import Person, a_team, fill_in_the_form, follow, sign_in
from tests.flow.world import Weather, World

OWNER, HELPER, MERCHANT = "owner@ada.example", "helper@ada.example", "mia@kettle.example"


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Weather(), monkeypatch)
    world.register(a_team("Ada"))
    await world.settle()
    await follow(world, await fill_in_the_form(world))
    return world


@pytest.fixture
async def people(world: World) -> tuple[Person, Person]:
    return await sign_in(world, OWNER), await sign_in(world, HELPER)


async def the_job(person: Person) -> Any:
    (job,) = (await person.get("/jobs"))["jobs"]
    return job


async def at_once(world: World, *requests: Any) -> list[Any]:
    """The answers of requests of which none has waited for another."""

    async def together() -> Any:
        return await asyncio.gather(*requests)

    return await world.asked(together())


async def me(person: Person) -> str:
    return str((await person.get("/me"))["memberships"][0]["member_id"])


async def test_two_who_assign_themselves_at_once_are_both_assigned(world: World, people: Any) -> None:
    path = f"/api/v1/jobs/{(await the_job(people[0]))['job_id']}/assignees/me"
    answers = await at_once(world, *(person.client.post(path) for person in people))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert set((await the_job(people[0]))["assignees"]) == {await me(person) for person in people}


async def test_one_is_assigned_and_unassigned_whoever_else_there_is(people: Any) -> None:
    owner, helper = people
    path = f"/jobs/{(await the_job(owner))['job_id']}/assignees"
    mine, theirs = await me(owner), await me(helper)
    await owner.post(f"{path}/me")
    assert (await owner.put(f"{path}/{theirs}", None))["assignees"] == [mine, theirs]
    assert (await owner.delete(f"{path}/me"))["assignees"] == [theirs]
    assert (await owner.delete(f"{path}/{theirs}"))["assignees"] == []
    await owner.put(f"{path}/{'1' * 8}-1111-4111-8111-{'1' * 12}", None, expect=404)


async def test_of_two_who_replace_the_same_preferences_at_once_one_is_told(world: World, people: Any) -> None:
    owner, _ = people
    shown = await owner.client.get("/api/v1/preferences")
    wanted = [{**shown.json()["preferences"], "open_jobs": number} for number in (1, 2)]
    headers = {"If-Match": shown.headers["ETag"]}
    answers = await at_once(
        world, *(owner.client.put("/api/v1/preferences", json=one, headers=headers) for one in wanted)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (slower,) = [answer for answer in answers if answer.status_code == 412]
    assert slower.json()["code"] == "version_mismatch"


@pytest.mark.parametrize("path", ["/partner", "/preferences", "/team", "/settings"])
async def test_what_is_shown_has_the_tag_of_its_version(people: Any, path: str) -> None:
    answer = await people[0].client.get(f"/api/v1{path}")
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'


async def test_messages_do_not_keep_anybody_from_assigning(people: Any) -> None:
    owner, helper = people
    path = f"/jobs/{(await the_job(owner))['job_id']}"
    shown = await owner.client.get(f"/api/v1{path}")
    seen = shown.json()["job"]["version"]
    assert shown.headers["ETag"] == f'"{seen}"'
    await helper.post(f"{path}/messages", {"text": "Hello."})
    assigned = await owner.put(f"{path}/assignees", {"member_ids": [await me(owner)]}, seen=seen)
    await helper.put(f"{path}/assignees", {"member_ids": []}, 412, seen=seen)
    await helper.put(f"{path}/assignees", {"member_ids": []}, seen=assigned["version"])


@pytest.mark.parametrize(("tag", "status"), [("*", 200), ('W/"{}"', 200), ('"{}"', 200), ('"0"', 412), ("7", 412)])
async def test_a_tag_in_each_of_its_forms(world: World, people: Any, tag: str, status: int) -> None:
    owner, _ = people
    version = (await owner.get("/settings"))["version"]
    sent = owner.client.put(
        "/api/v1/settings", json={"name": "A", "locale": "en"}, headers={"If-Match": tag.format(version)}
    )
    assert (await world.asked(sent)).status_code == status


KEY = {"Idempotency-Key": "one"}


async def test_the_same_key_with_another_text_is_refused_and_says_so(world: World, people: Any) -> None:
    owner, _ = people
    path = f"/jobs/{(await the_job(owner))['job_id']}"
    first = await owner.post(f"{path}/messages", {"text": "Hello."}, **KEY)
    refused = await owner.post(f"{path}/messages", {"text": "And one thing more."}, 422, **KEY)
    assert refused["code"] == "key_reused"
    assert (await owner.post(f"{path}/messages", {"text": "Hello."}, **KEY)) == first
    assert (await the_job(owner))["messages"] == 1


async def test_how_a_body_is_written_does_not_make_it_another(world: World, people: Any) -> None:
    owner, _ = people
    path = f"/api/v1/jobs/{(await the_job(owner))['job_id']}/decline"
    headers = {"Content-Type": "application/json", **KEY}
    bodies = [b'{"reason": "timing", "note": "No."}', b'{ "note":"No.","reason":"timing" }']
    answers = [await world.asked(owner.client.post(path, content=body, headers=headers)) for body in bodies]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


async def test_the_same_key_for_another_address_is_refused(world: World, people: Any) -> None:
    """Both are one type of command at one aggregate: the second service would not be offered, and answered 200."""
    owner, _ = people
    offer = {"price_from": {"amount": "10.00", "currency": "EUR"}, "unit": "hour", "lead_days": 3}
    put = [
        owner.client.put(f"/api/v1/partner/services/{one}", json=offer, headers=KEY) for one in ("video", "migration")
    ]
    answers = [await world.asked(one) for one in put]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert answers[1].json()["code"] == "key_reused"


async def test_another_members_key_is_another_key(people: Any) -> None:
    path = f"/jobs/{(await the_job(people[0]))['job_id']}/comments"
    for number, person in enumerate(people):
        assert (await person.post(path, {"text": f"Number {number}."}, **KEY))["comments"] == number + 1


async def test_registering_another_organisation_under_the_same_key_is_refused(world: World, people: Any) -> None:
    owner, _ = people
    body = {"about": "We do things.", "main_language": "en", "languages": ["en"], "country": "FR", "your_name": "Ada"}
    await owner.post("/partners", {**body, "name": "One", "slug": "one"}, 201, **KEY)
    refused = await owner.post("/partners", {**body, "name": "Two", "slug": "two"}, 422, **KEY)
    assert refused["code"] == "key_reused"
