"""What the marketplace ends: a request with everything that came of it, and a review."""

from typing import Any
from uuid import UUID

import pytest

from shared.contracts.base import Message
from shared.contracts.jobs import TakeDownReview
from shared.contracts.leads import TakeDownLeadReview
from shared.contracts.requests import StopRequest
from shared.publisher import outgoing
from shared.topics import JOB_COMMANDS, LEAD_COMMANDS, REQUEST_COMMANDS, Topic
from tests.builders import BY_OPERATOR, UNDO, a_command, an_offer
from tests.flow.people import MERCHANT, Person, a_team, fill_in, fill_in_the_form, follow, sign_in
from tests.flow.world import CaughtMail, Weather, World

REASON = "secret-reason-of-operators"


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Weather(shuffled=True, twice=True, crashes=0.1), monkeypatch)
    world.register(*[a_team(name, services=(an_offer(),)) for name in ("Ada", "Bob")])
    await world.settle()
    return world


async def told(world: World, door: Topic, data: Message, subject: UUID | str) -> None:
    world.log.append(outgoing(door.name, a_command(data, UUID(str(subject)))))
    await world.settle()


async def stop(world: World, request_id: UUID | str) -> None:
    await told(world, REQUEST_COMMANDS, StopRequest(reason=REASON, actor=BY_OPERATOR), request_id)


async def completed(world: World) -> tuple[Person, Person, Any]:
    """A partner, its merchant, and the job that they are done with."""
    await follow(world, await fill_in_the_form(world))
    ada, mia = await sign_in(world, "owner@ada.example"), await sign_in(world, MERCHANT)
    (job,) = (await ada.get("/jobs"))["jobs"]
    await ada.post(f"/jobs/{job['job_id']}/messages", {"text": "Hello."})
    await ada.post(f"/jobs/{job['job_id']}/complete")
    await world.time_passes(UNDO)
    return ada, mia, job


def mails(world: World, words: str) -> list[str]:
    return sorted(mail.to for mail in world.mailbox.mails if words in mail.subject)


async def test_when_a_request_is_stopped_everything_in_flight_stops_and_each_side_is_told(world: World) -> None:
    await follow(world, await fill_in_the_form(world))
    ada, bob, mia = [await sign_in(world, one) for one in ("owner@ada.example", "owner@bob.example", MERCHANT)]
    (adas,) = (await ada.get("/jobs"))["jobs"]
    await ada.post(f"/jobs/{adas['job_id']}/messages", {"text": "Hello."})
    await stop(world, adas["request_id"])
    for partner in (ada, bob):
        (job,) = (await partner.get("/jobs"))["jobs"]
        assert (job["status"], job["decline"]["by"], job["decline"]["reason"]) == ("declined", "operator", "stopped")
        await partner.post(f"/jobs/{job['job_id']}/messages", {"text": "Still?"}, expect=409)
    (request,) = (await mia.get("/merchant/requests"))["requests"]
    assert request["status"] == "stopped"
    await mia.post(f"/merchant/jobs/{adas['job_id']}/messages", {"text": "Still?"}, expect=409)
    await mia.post(f"/merchant/requests/{adas['request_id']}/withdraw", expect=409)
    assert mails(world, "has been stopped") == [MERCHANT, "owner@ada.example", "owner@bob.example"]
    assert not any(REASON in mail.text or "ora" in mail.text.split() for mail in world.mailbox.mails)
    standing = await bob.get("/standing")
    assert sum(one["declined"] for one in standing["services"].values()) == 0
    bobs = [event.data for event in world.events("standings") if str(event.subject) == partner_id(world, "Bob")][-1]
    assert bobs.exposure == 0.0
    assert world.dead_letters() == []


async def test_a_completed_job_of_a_stopped_request_goes_on_no_more(world: World) -> None:
    ada, mia, job = await completed(world)
    ours, theirs = f"/jobs/{job['job_id']}", f"/merchant/jobs/{job['job_id']}"
    await stop(world, job["request_id"])
    assert (await ada.get(ours))["job"]["stopped_at"]
    for person, path, body in (
        (ada, f"{ours}/messages", {"text": "Still?"}),
        (ada, f"{ours}/reactivate", None),
        (mia, f"{theirs}/messages", {"text": "Still?"}),
        (mia, f"{theirs}/review", {"rating": 1, "text": "Spam."}),
    ):
        assert (await person.post(path, body, expect=409))["code"] == "stopped", path
    timeline = (await mia.get(theirs))["timeline"]
    assert [(step["by"], step["side"]) for step in timeline if step["type"] == "JobStopped"] == [("", "system")]


async def test_a_request_that_was_withdrawn_first_is_stopped_all_the_same(world: World) -> None:
    """Else who is about to be stopped withdraws, and goes on in what is completed."""
    await follow(world, await fill_in_the_form(world))
    ada, mia = await sign_in(world, "owner@ada.example"), await sign_in(world, MERCHANT)
    (job,) = (await ada.get("/jobs"))["jobs"]
    await ada.post(f"/jobs/{job['job_id']}/messages", {"text": "Hello."})
    await ada.post(f"/jobs/{job['job_id']}/complete")
    await world.time_passes(UNDO)
    await mia.post(f"/merchant/requests/{job['request_id']}/withdraw")
    await stop(world, job["request_id"])
    refused = await mia.post(f"/merchant/jobs/{job['job_id']}/messages", {"text": "Still?"}, expect=409)
    assert refused["code"] == "stopped"


async def test_a_request_that_is_stopped_before_it_is_confirmed_mails_nobody_and_is_not_confirmed(
    world: World,
) -> None:
    mail = await fill_in_the_form(world)
    (submitted,) = world.events("requests")
    await stop(world, submitted.subject)
    assert mails(world, "has been stopped") == []
    page = await follow_refused(world, mail)
    assert "has been stopped by Jobwire" in page
    assert world.events("matches") == []


def partner_id(world: World, name: str) -> str:
    return next(str(one.subject) for one in world.events("partners") if one.snapshot.profile.name == name)


async def follow_refused(world: World, mail: CaughtMail) -> str:
    client, said = world.client("leads"), {"token": mail.token, "email": mail.to}
    answer = await world.asked(client.post(mail.link.partition("?")[0], data=said))
    assert answer.status_code == 409, answer.text
    return answer.text


async def test_the_leads_of_a_stopped_request_end(world: World) -> None:
    await follow(world, await fill_in(world, "/en/prospects/new", email="noa@plans.example"))
    leads = {event.subject: event.snapshot for event in world.events("leads.events")}
    (lead, *_) = leads.values()
    await stop(world, lead.request_id)
    assert {event.type for event in world.events("leads.events")} == {"LeadDelivered", "LeadStopped"}
    assert mails(world, "has been stopped") == ["noa@plans.example", "owner@ada.example", "owner@bob.example"]
    ada = await sign_in(world, "owner@ada.example")
    (theirs,) = (await ada.get("/reviews/leads"))["leads"]
    assert (await ada.post(f"/reviews/leads/{theirs['lead_id']}/request", expect=409))["code"] == "stopped"


async def profile(world: World, slug: str) -> dict[str, Any]:
    answer = await world.asked(world.client("leads").get(f"/api/v1/partners/{slug}"))
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_review_that_is_taken_down_is_gone_for_everybody_but_its_two_sides(world: World) -> None:
    ada, mia, job = await completed(world)
    ours, theirs = f"/jobs/{job['job_id']}", f"/merchant/jobs/{job['job_id']}"
    await mia.post(f"{theirs}/review", {"rating": 1, "text": "A thief, who lives in Main Street 1."})
    assert (await profile(world, "ada"))["rating"] == {"mean": 1.0, "reviews": 1}
    await told(world, JOB_COMMANDS, TakeDownReview(reason=REASON, actor=BY_OPERATOR), job["job_id"])
    shown = await profile(world, "ada")
    assert (shown["rating"], shown["reviews"]) == (None, [])
    refused = await mia.put(f"{theirs}/review", {"rating": 1, "text": "Again."}, expect=409)
    assert refused["code"] == "taken_down"
    for person, path in ((ada, ours), (mia, theirs)):
        page = await person.get(path)
        assert page["job"]["review"]["taken_down_at"]
        (step,) = [step for step in page["timeline"] if step["type"] == "ReviewTakenDown"]
        assert (step["by"], step["side"]) == ("Jobwire", "operator")
        assert REASON not in str(page)
        assert "ora" not in str(step)
    assert mails(world, "has been taken down") == [MERCHANT, "owner@ada.example"]
    assert world.dead_letters() == []


async def test_a_prospects_review_is_taken_down_too(world: World) -> None:
    await follow(world, await fill_in(world, "/en/prospects/new", email="noa@plans.example"))
    ada = await sign_in(world, "owner@ada.example")
    (lead,) = (await ada.get("/reviews/leads"))["leads"]
    await ada.post(f"/reviews/leads/{lead['lead_id']}/request")
    link = world.mailbox.last("noa@plans.example", "/review?token=")
    await follow(world, link, rating="1", text="Nobody came.")
    assert len((await profile(world, "ada"))["reviews"]) == 1
    await told(world, LEAD_COMMANDS, TakeDownLeadReview(reason=REASON, actor=BY_OPERATOR), lead["lead_id"])
    assert (await profile(world, "ada"))["reviews"] == []
    assert (await ada.get("/reviews/leads"))["leads"][0]["review"]["taken_down_at"]
    again = await world.asked(world.client("leads").get(link.link))
    assert "already reviewed" in again.text
