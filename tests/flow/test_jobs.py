"""What partners and merchants do with a job beyond the main journey."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.partners import Away
from tests.builders import HOUR, UNDO, a_member
from tests.flow.people import (
    ENGLISH,
    MERCHANT,
    Person,
    a_team,
    ask_for_access,
    consents,
    fill_in_the_form,
    follow,
    session,
    sign_in,
)
from tests.flow.test_journey import CALM, a_market, steps, the_only_job
from tests.flow.world import World
from tests.gateway.files_of_each_kind import PNG

OWNER, HELPER = "owner@ada.example", "helper@ada.example"


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """One partner, one request that it was asked for."""
    world = World(CALM, monkeypatch)
    world.register(ENGLISH[0])
    await world.settle()
    await follow(world, await fill_in_the_form(world))
    return world


async def a_conversation(world: World) -> tuple[Person, Person, str]:
    """The partner has introduced itself. Gives both sides and the job's id."""
    ada, merchant = await sign_in(world, OWNER), await sign_in(world, MERCHANT)
    job_id = (await the_only_job(ada))["job_id"]
    await ada.post(f"/jobs/{job_id}/messages", {"text": "Hello Mia."})
    return ada, merchant, job_id


async def completed(world: World) -> tuple[Person, Person, str]:
    ada, merchant, job_id = await a_conversation(world)
    await ada.post(f"/jobs/{job_id}/complete")
    await world.time_passes(UNDO)
    return ada, merchant, job_id


def mails_to(world: World, address: str) -> list[str]:
    return [mail.subject for mail in world.mailbox.mails if mail.to == address]


@pytest.mark.parametrize("act", ["decline", "complete", "inactive"])
async def test_an_act_is_taken_back_and_nobody_was_told(world: World, act: str) -> None:
    ada, merchant, job_id = await a_conversation(world)
    before, seen = len(world.mailbox.mails), await steps(merchant, job_id, "/merchant")
    body = {"reason": "timing"} if act == "decline" else None
    pending = await ada.post(f"/jobs/{job_id}/{act}", body)
    assert (pending["status"], pending["pending"]["act"]) == ("replied", act)
    await world.time_passes(UNDO / 2)
    assert (await ada.post(f"/jobs/{job_id}/undo"))["pending"] is None
    await world.time_passes(UNDO)
    assert (await ada.get(f"/jobs/{job_id}"))["job"]["status"] == "replied"
    assert len(world.mailbox.mails) == before
    assert await steps(merchant, job_id, "/merchant") == seen
    assert (await ada.post(f"/jobs/{job_id}/undo", expect=409))["code"] == "nothing_to_undo"


async def test_an_act_holds_when_its_moment_has_passed(world: World) -> None:
    ada, _, job_id = await a_conversation(world)
    await ada.post(f"/jobs/{job_id}/inactive")
    assert (await ada.post(f"/jobs/{job_id}/complete", expect=409))["code"] == "act_pending"
    await world.time_passes(UNDO)
    assert (await ada.get(f"/jobs/{job_id}"))["job"]["status"] == "inactive"
    assert (await ada.post(f"/jobs/{job_id}/reactivate"))["status"] == "replied"


async def test_the_helper_is_mailed_all_later_correspondence(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    helper = next(one for one in (await ada.get("/team"))["members"] if one["email"] == HELPER)
    await ada.put(f"/jobs/{job_id}/assignees", {"member_ids": [helper["member_id"]]})
    assert len(mails_to(world, HELPER)) == 1
    await merchant.post(f"/merchant/jobs/{job_id}/messages", {"text": "When?"})
    await ada.post(f"/jobs/{job_id}/messages", {"text": "On Monday."})
    await ada.post(f"/jobs/{job_id}/comments", {"text": "Can you?"})
    assert len(mails_to(world, HELPER)) == 4
    by_helper = await sign_in(world, HELPER)
    before = len(mails_to(world, HELPER))
    await by_helper.post(f"/jobs/{job_id}/comments", {"text": "Yes."})
    assert len(mails_to(world, HELPER)) == before, "Somebody was told what they did themselves."


async def test_one_assigns_oneself(world: World) -> None:
    ada, _, job_id = await a_conversation(world)
    before = len(mails_to(world, OWNER))
    me = (await ada.get("/me"))["memberships"][0]["member_id"]
    assert (await ada.post(f"/jobs/{job_id}/assignees/me"))["assignees"] == [me]
    assert len(mails_to(world, OWNER)) == before


async def test_unread_is_counted_for_each_member(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    helper = await sign_in(world, HELPER)
    assert ((await the_only_job(ada))["unread"], (await the_only_job(helper))["unread"]) == (0, 1)
    written = await merchant.post(f"/merchant/jobs/{job_id}/messages", {"text": "When?"})
    assert (await the_only_job(ada))["unread"] == 1
    await ada.post(f"/jobs/{job_id}/read", {"version": written["version"]}, expect=204)
    await merchant.post(f"/merchant/jobs/{job_id}/messages", {"text": "And how much?"})
    await ada.post(f"/jobs/{job_id}/read", {"version": written["version"]}, expect=204)
    assert ((await the_only_job(ada))["unread"], (await the_only_job(helper))["unread"]) == (1, 3)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "replied"}, True),
        ({"status": ["new", "opened"]}, False),
        ({"unassigned": "true"}, True),
        ({"kind": "direct"}, False),
        ({"kind": "match"}, True),
        ({"due_soon": "true"}, False),
        ({"sort": "activity"}, True),
        ({"sort": "deadline"}, False),
        ({"q": "hello"}, True),
        ({"q": "hel"}, True),
        ({"q": "helo"}, True),
        ({"q": "goodbye"}, False),
        ({"q": "hello", "status": "new"}, False),
    ],
)
async def test_the_list_is_filtered(world: World, query: dict[str, Any], *, found: bool) -> None:
    ada, _, job_id = await a_conversation(world)
    assert [job["job_id"] for job in (await ada.get("/jobs", **query))["jobs"]] == ([job_id] if found else [])


async def test_a_hit_says_where_it_is(world: World) -> None:
    ada, _, job_id = await a_conversation(world)
    await ada.post(f"/jobs/{job_id}/comments", {"text": "予算は足りますか"})
    (place,) = (await the_only_job(ada, q="予算"))["places"]
    assert (place["field"], place["excerpt"][slice(*place["spans"][0])]) == ("comment", "予算")


async def test_jobs_are_counted_by_status(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(CALM, monkeypatch)
    await follow(world, await fill_in_the_form(world))
    person = await sign_in(world, world.mailbox.mails[-1].to)
    counts = await person.get("/jobs/counts")
    assert (counts["total"], counts["by_status"]["new"], counts["by_status"]["expired"]) == (1, 1, 0)


@pytest.mark.parametrize("sort", ["newest", "deadline", "activity"])
async def test_pages_stay_in_place_while_jobs_move(world: World, sort: str) -> None:
    for number in range(1, 6):
        await world.time_passes(timedelta(minutes=20))
        await follow(world, await fill_in_the_form(world, title=f"Request {number}", email=f"m{number}@shop.example"))
    ada = await sign_in(world, OWNER)
    everything = {job["job_id"] for job in (await ada.get("/jobs"))["jobs"]}
    first = await ada.get("/jobs", sort=sort, limit=2)
    last = (await ada.get("/jobs", sort=sort))["jobs"][-1]["job_id"]
    world.clock.move(timedelta(milliseconds=1))
    await ada.post(f"/jobs/{last}/comments", {"text": "It moves."})
    shown, cursor = [job["job_id"] for job in first["jobs"]], first["next_cursor"]
    while cursor:
        page = await ada.get("/jobs", sort=sort, limit=2, cursor=cursor)
        shown, cursor = shown + [job["job_id"] for job in page["jobs"]], page["next_cursor"]
    assert sorted(shown) == sorted(everything), "Something was missed or shown twice."


async def test_a_cursor_belongs_to_its_list(world: World) -> None:
    ada = await sign_in(world, OWNER)
    for cursor in ("nonsense", "W10=", "WyJhY3Rpdml0eSJd"):
        wrong = await ada.get("/jobs", expect=422, cursor=cursor)
        assert wrong["errors"][0]["field"] == "query.cursor"


async def test_withdrawing_a_request_closes_its_open_jobs(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    (request,) = (await merchant.get("/merchant/requests"))["requests"]
    assert [job["partner_name"] for job in request["jobs"]] == ["Ada"]
    withdrawn = await merchant.post(f"/merchant/requests/{request['request_id']}/withdraw")
    assert withdrawn["status"] == "withdrawn"
    job = (await ada.get(f"/jobs/{job_id}"))["job"]
    assert (job["status"], job["decline"]["by"], job["decline"]["reason"]) == ("declined", "merchant", "withdrawn")
    standing = (await ada.get("/standing"))["total"]
    assert (standing["declined"], standing["expired"]) == (0, 0)


async def test_withdrawing_before_anybody_answered_asks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(CALM, monkeypatch)
    await follow(world, await fill_in_the_form(world))
    merchant = await sign_in(world, MERCHANT)
    (request,) = (await merchant.get("/merchant/requests"))["requests"]
    assert request["jobs"] == [], "A partner shows before it has introduced itself."
    await merchant.post(f"/merchant/requests/{request['request_id']}/withdraw")
    matched = [event for event in world.events("matches") if event.type == "RequestMatched"]
    assert len(matched) == 1, "A withdrawn request was sent to others."
    statuses = {event.snapshot.status for event in world.events("jobs.events") if event.type == "JobDeclined"}
    assert statuses == {"declined"}


async def test_a_blocked_partner_is_out_for_good(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    partner_id = (await merchant.get(f"/merchant/jobs/{job_id}"))["job"]["partner_id"]
    await merchant.post(f"/merchant/partners/{partner_id}/block")
    job = (await ada.get(f"/jobs/{job_id}"))["job"]
    assert (job["status"], job["conversation_over"], job["decline"]["reason"]) == ("declined", False, "other")
    assert "JobBlocked" not in await steps(ada, job_id)
    await follow(world, await fill_in_the_form(world, title="Another"))
    assert len((await ada.get("/jobs"))["jobs"]) == 1, "Matching asked a partner whom the merchant has blocked."


async def test_a_job_that_was_completed_is_closed_too(world: World) -> None:
    ada, merchant, job_id = await completed(world)
    partner_id = (await merchant.get(f"/merchant/jobs/{job_id}"))["job"]["partner_id"]
    await merchant.post(f"/merchant/partners/{partner_id}/block")
    assert (await ada.get(f"/jobs/{job_id}"))["job"]["status"] == "completed"
    assert (await ada.post(f"/jobs/{job_id}/messages", {"text": "Why?"}, expect=409))["code"] == "closed"


async def test_a_partner_one_has_nothing_to_do_with_cannot_be_blocked(world: World) -> None:
    merchant = await sign_in(world, MERCHANT)
    await merchant.post(f"/merchant/partners/{ENGLISH[0].partner_id}/block", expect=404)


async def test_reviews_are_asked_for_given_edited_and_answered(world: World) -> None:
    ada, merchant, job_id = await completed(world)
    asked = len(mails_to(world, MERCHANT))
    await ada.post(f"/jobs/{job_id}/review/request")
    assert len(mails_to(world, MERCHANT)) == asked + 1
    await merchant.post(f"/merchant/jobs/{job_id}/review", {"rating": 2, "text": "Slow."})
    edited = await merchant.put(f"/merchant/jobs/{job_id}/review", {"rating": 4, "text": "Slow, but good."})
    assert (edited["review"]["rating"], edited["review"]["text"]) == (4, "Slow, but good.")
    await ada.post(f"/jobs/{job_id}/review/answer", {"text": "Thank you."})
    assert (await ada.post(f"/jobs/{job_id}/review/answer", {"text": "Again."}, expect=409))["code"] == (
        "already_answered"
    )
    assert (await ada.get("/partner"))["reviews"] == {"count": 1, "rating": 4.0}
    await world.time_passes(15 * 24 * HOUR)
    merchant = await sign_in(world, MERCHANT)
    late = await merchant.put(f"/merchant/jobs/{job_id}/review", {"rating": 5, "text": "!"}, expect=409)
    assert late["code"] == "too_late"


async def test_nobody_reviews_an_organisation_they_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(CALM, monkeypatch)
    team = a_team("Ada", services=ENGLISH[0].profile.services)
    insider = a_member("Mia", role="member", email=MERCHANT)
    world.register(team.model_copy(update={"members": (*team.members, insider)}))
    await world.settle()
    await follow(world, await fill_in_the_form(world))
    _, merchant, job_id = await completed(world)
    review = {"rating": 5, "text": "We are the best."}
    assert (await merchant.post(f"/merchant/jobs/{job_id}/review", review, expect=409))["code"] == "own_review"


async def test_the_merchant_opens_the_answer_and_the_partner_sees_it(world: World) -> None:
    ada, _, job_id = await a_conversation(world)
    by_link = await session(world, world.mailbox.last(MERCHANT, "Hello Mia."))
    assert (await ada.get("/standing"))["total"]["opened"] == 0
    await by_link.post(f"/merchant/jobs/{job_id}/open")
    assert (await ada.get(f"/jobs/{job_id}"))["job"]["reply_opened_at"]
    assert (await ada.get("/standing"))["total"]["opened"] == 1


async def test_expiries_show_in_the_standing_with_what_they_cost(world: World) -> None:
    await world.time_passes(73 * HOUR)
    ada = await sign_in(world, OWNER)
    standing = await ada.get("/standing")
    assert (standing["total"]["expired"], standing["answering"]["share"]) == (1, 0.0)
    assert standing["answering"]["points"] < standing["answering"]["points_without_expiries"]


WANTED = {"permissions": ["themes", "products"], "days": 30}


async def consented(world: World) -> tuple[Person, Person, str]:
    ada, merchant, job_id = await a_conversation(world)
    await ask_for_access(world, ada, job_id)
    await consents(merchant, job_id)
    return ada, merchant, job_id


async def granted(world: World) -> tuple[Person, Person, str]:
    ada, merchant, job_id = await consented(world)
    await ada.post(f"/jobs/{job_id}/store-access/request", WANTED)
    access = (await ada.get(f"/jobs/{job_id}"))["job"]["access"]
    assert access["status"] == "granted", access
    return ada, merchant, job_id


async def test_access_is_requested_only_with_consent(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    refused = await ada.post(f"/jobs/{job_id}/store-access/request", WANTED, expect=409)
    assert refused["code"] == "consent_missing"
    await ask_for_access(world, ada, job_id)
    assert "To look at your theme." in world.mailbox.last(MERCHANT).text
    refused = await ada.post(f"/jobs/{job_id}/store-access/request", WANTED, expect=409)
    assert refused["code"] == "consent_missing"
    await merchant.post(f"/merchant/jobs/{job_id}/store-access/refuse")
    refused = await ada.post(f"/jobs/{job_id}/store-access/request", WANTED, expect=409)
    assert refused["code"] == "consent_missing"
    assert world.platform.granted == {}


async def test_access_is_granted_by_the_platform_and_runs_out(world: World) -> None:
    ada, _, job_id = await granted(world)
    (let_in,) = world.platform.granted.values()
    assert (let_in.permissions, let_in.days) == (["themes", "products"], 30)
    await world.time_passes(30 * 24 * HOUR)
    ada = await sign_in(world, OWNER)
    page = await ada.get(f"/jobs/{job_id}")
    assert page["job"]["access"]["status"] == "expired"
    assert world.platform.granted == {}
    told = [step["details"]["access"]["status"] for step in page["timeline"] if step["type"] == "AccessChanged"]
    assert told == ["asked", "consented", "requested", "granted", "expired"]


@pytest.mark.parametrize("side", ["", "/merchant"])
async def test_either_side_ends_the_access(world: World, side: str) -> None:
    ada, merchant, job_id = await granted(world)
    await {"": ada, "/merchant": merchant}[side].post(f"{side}/jobs/{job_id}/store-access/revoke")
    assert (await merchant.get(f"/merchant/jobs/{job_id}"))["job"]["access"]["status"] == "revoked"
    assert world.platform.granted == {}


async def test_a_job_that_is_closed_leaves_nobody_a_key(world: World) -> None:
    _, merchant, job_id = await granted(world)
    await merchant.post(f"/merchant/jobs/{job_id}/decline", {"reason": "other"})
    assert (await merchant.get(f"/merchant/jobs/{job_id}"))["job"]["access"]["status"] == "revoked"
    assert world.platform.granted == {}


async def test_a_file_goes_to_the_other_side_with_its_message(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    sketch = ("sketch.png", PNG, "image/png")
    answer = await ada.client.post(f"/api/v1/jobs/{job_id}/attachments", files={"file": sketch})
    assert answer.status_code == 201, answer.text
    file_id = answer.json()["attachment_id"]
    path = f"/api/v1/merchant/jobs/{job_id}/attachments/{file_id}"
    assert (await merchant.client.get(path)).status_code == 404, "It was not sent yet."
    body = {"text": "Here is a sketch.", "attachment_ids": [file_id]}
    await ada.post(f"/jobs/{job_id}/messages", body)
    received = await merchant.client.get(path)
    assert (received.status_code, received.content) == (200, PNG)
    step = (await merchant.get(f"/merchant/jobs/{job_id}"))["timeline"][-1]
    assert [one["name"] for one in step["details"]["attachments"]] == ["sketch.png"]
    unknown = await merchant.post(f"/merchant/jobs/{job_id}/messages", body, expect=422)
    assert unknown["errors"][0]["field"] == "attachment_ids.0"


async def test_who_is_away_cannot_be_asked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(CALM, monkeypatch)
    away = Away(first_day=world.clock.now().date(), last_day=world.clock.now().date())
    world.register(a_team("Ada", services=ENGLISH[0].profile.services, away=away))
    await world.settle()
    form = await world.client("leads").get("/en/requests/new", params={"partner": "ada"})
    assert form.status_code == 404
    await world.time_passes(24 * HOUR)
    await follow(world, await fill_in_the_form(world, partner="ada"))
    assert (await the_only_job(await sign_in(world, OWNER)))["request"]["kind"] == "direct"


async def test_each_side_sees_what_became_of_its_mails(world: World) -> None:
    ada, merchant, job_id = await a_conversation(world)
    ours = (await ada.get(f"/jobs/{job_id}/mails"))["mails"]
    theirs = (await merchant.get(f"/merchant/jobs/{job_id}/mails"))["mails"]
    assert [(mail["template"], mail["state"]) for mail in ours] == [("new_job", "sent")]
    assert [(mail["template"], mail["state"]) for mail in theirs] == [("partner_replied", "sent")]
