"""The whole journey, from the form to the review, in memory."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.builders import HOUR, UNDO, WINDOW
from tests.flow.people import ENGLISH, JAPANESE, MARKET, MERCHANT, Person, fill_in_the_form, follow, session, sign_in
from tests.flow.world import Weather, World

CALM = Weather()


WITHOUT_LUCK = Path(__file__).parent / "without_luck.json"
"""The same journey meets the same partners, whatever the ids of its requests."""


async def the_only_job(person: Person, **query: str) -> dict[str, Any]:
    (job,) = (await person.get("/jobs", **query))["jobs"]
    return job


async def steps(person: Person, job_id: str, side: str = "") -> list[str]:
    return [step["type"] for step in (await person.get(f"{side}/jobs/{job_id}"))["timeline"]]


async def a_market(weather: Weather, monkeypatch: pytest.MonkeyPatch, **settings: str) -> World:
    world = World(weather, monkeypatch, wanted_answers=1, matching_weights=str(WITHOUT_LUCK), **settings)
    world.register(*MARKET)
    await world.settle()
    return world


async def walk(world: World) -> None:
    """A merchant asks four partners: one wins the work, one declines, two stay silent. Then it asks one by name."""
    mail = await fill_in_the_form(world)
    assert [mail.to for mail in world.mailbox.mails] == [MERCHANT], "Somebody was told before the address answered."
    assert (await follow(world, mail)).status_code == 200
    offered = [mail.to for mail in world.mailbox.mails[1:]]
    assert len(set(offered)) == len(offered) == 4

    a, b, c, _ = [await sign_in(world, address) for address in sorted(offered)]
    merchant = await sign_in(world, MERCHANT)
    assert (await merchant.get("/merchant/jobs"))["jobs"] == [], "A partner shows before it has introduced itself."
    await conversation(world, a, merchant)
    await declines(world, b)
    await nobody_elses(a, b)
    await reviews(world, a, merchant)
    await expiry(world, c, sorted(offered)[2])
    await direct(world)


async def conversation(world: World, a: Person, merchant: Person) -> None:
    job = await the_only_job(a, status="new", q="spring")
    path = f"/jobs/{job['job_id']}"
    assert (await a.post(f"{path}/open"))["status"] == "opened"
    await a.post(f"{path}/comments", {"text": "Shall we take it?"})
    assert (await a.post(f"{path}/messages", {"text": "Hello Mia."}))["status"] == "replied"
    introduction = world.mailbox.last(MERCHANT, "Hello Mia.")
    by_link = await session(world, introduction)
    (seen,) = (await by_link.get("/merchant/jobs"))["jobs"]
    assert seen["job_id"] == job["job_id"]
    written = await by_link.post(f"/merchant{path}/messages", {"text": "When could you start?"})
    assert written["status"] == "awaiting_reply"
    assert await steps(merchant, job["job_id"], "/merchant") == ["JobReplied", "MerchantReplied"]
    (helper,) = [m for p in MARKET for m in p.members if str(p.partner_id) == seen["partner_id"] and m.role == "member"]
    await a.put(f"{path}/assignees", {"member_ids": [str(helper.member_id)]})
    assert world.mailbox.mails[-1].to == helper.email
    assert (await a.post(f"{path}/messages", {"text": "On Monday."}))["status"] == "replied"
    assert world.mailbox.last(MERCHANT, "On Monday.")


async def declined(world: World, person: Person, job_id: str, body: dict[str, str]) -> None:
    """Decline, and let the moment pass in which it can be taken back."""
    pending = (await person.post(f"/jobs/{job_id}/decline", body))["pending"]
    assert pending["act"] == "decline"
    await world.time_passes(UNDO)
    assert (await person.get(f"/jobs/{job_id}"))["job"]["status"] == "declined"


async def declines(world: World, b: Person) -> None:
    job = await the_only_job(b)
    told = len(world.mailbox.mails)
    body = {"reason": "no_capacity", "note": "Booked until spring."}
    await declined(world, b, job["job_id"], body)
    assert len(world.mailbox.mails) == told, "Somebody replied, so nobody else is asked."
    late = await b.post(f"/jobs/{job['job_id']}/messages", {"text": "Or yes?"}, expect=409)
    assert late["code"] == "declined"


async def nobody_elses(a: Person, b: Person) -> None:
    job = await the_only_job(a)
    await b.get(f"/jobs/{job['job_id']}", expect=404)
    await b.post(f"/jobs/{job['job_id']}/messages", {"text": "Hello."}, expect=404)


async def reviews(world: World, a: Person, merchant: Person) -> None:
    path = f"/jobs/{(await the_only_job(a))['job_id']}"
    assert (await a.post(f"{path}/complete"))["pending"]["act"] == "complete"
    await world.time_passes(UNDO)
    assert (await a.get(path))["job"]["status"] == "completed"
    review = {"rating": 5, "text": "Lovely work."}
    assert (await merchant.post(f"/merchant{path}/review", review))["review"]["rating"] == 5
    again = await merchant.post(f"/merchant{path}/review", review, expect=409)
    assert again["code"] == "already_reviewed"
    total = (await a.get("/standing"))["total"]
    assert (total["received"], total["replied"], total["reviews"], total["rating_sum"]) == (1, 1, 1, 5)


async def expiry(world: World, c: Person, address: str) -> None:
    job = await the_only_job(c)
    reminded = [mail for mail in world.mailbox.mails if mail.to == address]
    await world.time_passes(WINDOW - 24 * HOUR)
    await world.time_passes(18 * HOUR)
    reminders = [mail for mail in world.mailbox.mails if mail.to == address][len(reminded) :]
    assert len(reminders) == 2
    await world.time_passes(6 * HOUR)
    c = await sign_in(world, address)  # a session ends sooner than a job
    late = await c.post(f"/jobs/{job['job_id']}/messages", {"text": "Still looking?"}, expect=409)
    assert late["code"] == "expired"
    assert await steps(c, job["job_id"]) == ["JobCreated", "JobReminded", "JobReminded", "JobExpired"]
    assert (await c.get("/standing"))["total"]["expired"] == 1


async def direct(world: World) -> None:
    before = len(world.mailbox.mails)
    mail = await fill_in_the_form(world, "ja", partner=JAPANESE.profile.slug, service="migration", title="移行の相談")
    await follow(world, mail)
    request, offer = world.mailbox.mails[before:]
    assert (request.language, offer.to, offer.language) == ("ja", "owner@hana.example", "ja")
    hana = await sign_in(world, "owner@hana.example")
    assert (await the_only_job(hana))["request"]["kind"] == "direct"


async def end_of(world: World) -> dict[str, Any]:
    """What is left of a journey for people to see: jobs with what happened to them, mails, standings."""
    end: dict[str, Any] = {"mails": Counter((mail.to, mail.subject, mail.language) for mail in world.mailbox.mails)}
    for partner in MARKET:
        owner = await sign_in(world, partner.members[0].email)
        jobs = (await owner.get("/jobs"))["jobs"]
        end[partner.profile.slug] = {
            "jobs": [
                (
                    job["request"]["title"],
                    job["status"],
                    job["version"],
                    job["messages"],
                    await steps(owner, job["job_id"]),
                )
                for job in jobs
            ],
            "standing": (await owner.get("/standing"))["services"],
        }
    merchant = await sign_in(world, MERCHANT)
    end["merchant"] = [(job["partner_name"], job["status"]) for job in (await merchant.get("/merchant/jobs"))["jobs"]]
    end["dead letters"] = world.dead_letters()
    return end


async def test_the_journey_from_the_form_to_the_review(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(CALM, monkeypatch)
    await walk(world)
    assert world.dead_letters() == []
    end = await end_of(world)
    statuses = sorted(job[1] for partner in MARKET for job in end[partner.profile.slug]["jobs"])
    assert statuses == ["completed", "declined", "expired", "expired", "new"]


@pytest.mark.parametrize(
    "weather",
    [
        Weather(seed=1, shuffled=True),
        Weather(seed=2, twice=True),
        Weather(seed=3, crashes=0.4),
        Weather(seed=4, shuffled=True, twice=True, crashes=0.3),
        Weather(seed=5, shuffled=True, twice=True, crashes=0.3),
    ],
    ids=["any order", "everything twice", "crashes", "all of it", "all of it again"],
)
async def test_the_same_journey_has_the_same_end_in_any_weather(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, rough = await a_market(CALM, monkeypatch), None
    await walk(calm)
    calm_end = await end_of(calm)
    rough = await a_market(weather, monkeypatch)
    await walk(rough)
    assert await end_of(rough) == calm_end


async def test_when_everybody_declines_the_next_wave_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(CALM, monkeypatch)
    await follow(world, await fill_in_the_form(world))
    first = {mail.to for mail in world.mailbox.mails} - {MERCHANT}
    for address in sorted(first):
        person = await sign_in(world, address)
        job = await the_only_job(person)
        await declined(world, person, job["job_id"], {"reason": "timing"})
    (fifth,) = {partner.members[0].email for partner in ENGLISH} - first
    assert (await the_only_job(await sign_in(world, fifth)))["status"] == "new"


async def test_an_idempotency_key_makes_two_posts_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(CALM, monkeypatch)
    await follow(world, await fill_in_the_form(world))
    person = await sign_in(world, world.mailbox.mails[-1].to)
    path = f"/jobs/{(await the_only_job(person))['job_id']}/messages"
    for _ in range(2):
        answer = await person.post(path, {"text": "Hello."}, **{"Idempotency-Key": "one"})
    assert (answer["messages"], answer["version"]) == (1, 2)
    assert len([mail for mail in world.mailbox.mails if mail.to == MERCHANT and "Hello." in mail.text]) == 1
