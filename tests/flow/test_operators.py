"""What people report, and what those who run the marketplace do about it: by name, with a reason, and with a trace."""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from shared.contracts.operators import ActBegun, ActEnded, Deed, Outcome
from shared.contracts.suspensions import mailbox_id_of
from tests.api.streaming import heard_by
from tests.builders import HOUR, UNDO, an_offer
from tests.flow.people import MERCHANT, Person, a_team, fill_in, fill_in_the_form, follow, hidden, session, sign_in
from tests.flow.world import CaughtMail, Weather, World

ORA, OTTO = "ora-and-nobody-else-knows-it", "otto-and-nobody-else-knows-it"
REASON = "secret-reason-of-operators"
WHY = {"reason": REASON}


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    weather = Weather(shuffled=True, twice=True, crashes=0.1)
    world = World(weather, monkeypatch, ops_tokens=f"ora:{ORA},otto:{OTTO}", wanted_answers=1, partners_per_wave=1)
    world.register(*[a_team(name, services=(an_offer(),)) for name in ("Ada", "Bob")])
    await world.settle()
    return world


def operator(world: World, token: str = ORA) -> Person:
    return Person(world, world.client("gateway", Authorization=f"Bearer {token}"))


async def asked_and_answered(world: World, *, reply: bool = True) -> tuple[Person, Person, dict[str, Any]]:
    """Mia has asked, and somebody has answered: partner, merchant, job."""
    await follow(world, await fill_in_the_form(world))
    people = [await sign_in(world, f"owner@{name}.example") for name in ("ada", "bob")]
    found = [(person, jobs[0]) for person in people if (jobs := (await person.get("/jobs"))["jobs"])]
    ((partner, job),) = found
    if reply:
        await partner.post(f"/jobs/{job['job_id']}/messages", {"text": "Hello."})
    return partner, await sign_in(world, MERCHANT), job


async def queue(world: World, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await operator(world).get("/operators/reports", **params))["reports"]
    return found


def happened(world: World, topic: str) -> list[Any]:
    """Each event once: what crashes says its events again."""
    return list({event.id: event for event in world.events(topic)}.values())


def traces(world: World) -> list[tuple[str, str, str]]:
    """What the log of acts says: step, act, and how it ended."""
    said = [record.data for record in happened(world, "operator-acts")]
    return [
        (one.act.operator, one.act.deed.value, one.outcome.value if isinstance(one, ActEnded) else "begun")
        for one in said
    ]


# Reports


async def test_both_sides_report_and_operators_see_a_queue(world: World) -> None:
    partner, mia, job = await asked_and_answered(world)
    await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "fraud", "text": "Asks for passwords."})
    world.clock.move(HOUR)
    await mia.post(f"/merchant/jobs/{job['job_id']}/report", {"reason": "abuse"})
    of_mia, of_partner = await queue(world)
    assert (of_partner["reason"], of_partner["text"], of_partner["what"]) == ("fraud", "Asks for passwords.", "job")
    assert (of_partner["at"], of_partner["request_id"]) == (job["job_id"], job["request_id"])
    assert (of_partner["subject"], of_mia["subject"]) == (job["request_id"], of_partner["partner_id"])
    assert (of_partner["reporter"]["side"], of_mia["reporter"]["side"]) == ("partner", "merchant")
    assert of_mia["reporter"]["merchant_id"] == of_mia["merchant_id"]
    assert [one["state"] for one in (of_mia, of_partner)] == ["open", "open"]


async def test_the_same_again_is_one_report_and_what_is_added_counts(world: World) -> None:
    partner, _, job = await asked_and_answered(world)
    first = await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "spam"})
    again = await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "spam"})
    assert first == again
    assert len(happened(world, "reports")) == 1
    await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "fraud", "text": "And it asks for money."})
    (report,) = await queue(world)
    assert (report["reason"], report["text"], report["same_subject"]) == ("fraud", "And it asks for money.", 1)


async def test_reports_of_one_thing_are_counted_together(world: World) -> None:
    partner, mia, job = await asked_and_answered(world)
    slug = (await partner.get("/partner"))["profile"]["slug"]
    await follow(world, await fill_in_the_form(world, partner=slug, title="Another"))
    (other,) = [one for one in (await partner.get("/jobs"))["jobs"] if one["job_id"] != job["job_id"]]
    for one in (job, other):
        await mia.post(f"/merchant/jobs/{one['job_id']}/report", {"reason": "abuse"})
    await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "fraud"})
    counted = {(one["reporter"]["side"], one["at"]): one["same_subject"] for one in await queue(world)}
    assert counted == {("merchant", job["job_id"]): 2, ("merchant", other["job_id"]): 2, ("partner", job["job_id"]): 1}


async def test_a_report_costs_the_reporter_nothing_and_tells_the_other_side_nothing(world: World) -> None:
    partner, mia, job = await asked_and_answered(world)
    before = [await partner.get("/standing"), await mia.get(f"/merchant/jobs/{job['job_id']}")]
    mails = len(world.mailbox.mails)
    await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "spam", "text": "No."})
    assert [await partner.get("/standing"), await mia.get(f"/merchant/jobs/{job['job_id']}")] == before
    assert len(world.mailbox.mails) == mails


async def test_a_decline_for_spam_is_a_report_once_it_holds_and_the_next_partner_is_asked(world: World) -> None:
    partner, _, job = await asked_and_answered(world, reply=False)
    await partner.post(f"/jobs/{job['job_id']}/decline", {"reason": "spam", "note": "The tenth of these."})
    assert await queue(world) == []
    await world.time_passes(UNDO)
    (report,) = await queue(world)
    assert (report["reason"], report["text"], report["what"]) == ("spam", "The tenth of these.", "job")
    standing = await partner.get("/standing")
    assert sum(one["declined"] for one in standing["services"].values()) == 0
    said = [event.data for event in world.events("standings") if str(event.subject) == report["partner_id"]][-1]
    assert (said.exposure, said.evidence) == (0.0, ())
    assert len({event.snapshot.partner_id for event in world.events("jobs.events")}) == 2


async def test_a_decline_that_is_taken_back_reports_nothing(world: World) -> None:
    partner, _, job = await asked_and_answered(world, reply=False)
    await partner.post(f"/jobs/{job['job_id']}/decline", {"reason": "spam"})
    await partner.post(f"/jobs/{job['job_id']}/undo")
    await world.time_passes(UNDO)
    assert await queue(world) == []


async def test_a_review_and_a_lead_are_reported_too(world: World) -> None:
    await follow(world, await fill_in(world, "/en/prospects/new", email="noa@plans.example"))
    (lead, *_) = world.events("leads.events")
    team = next(one.snapshot for one in world.events("partners") if one.subject == lead.snapshot.partner_id)
    partner = await sign_in(world, team.members[0].email)
    path = f"/reviews/leads/{lead.subject}"
    assert (await partner.post(f"{path}/review/report", {"reason": "abuse"}, expect=409))["code"] == "not_reviewed"
    await partner.post(f"{path}/report", {"reason": "not_a_request"})
    world.clock.move(HOUR)
    await partner.post(f"{path}/request")
    await follow(world, world.mailbox.last("noa@plans.example", "/review?token="), rating="1", text="Fools.")
    await partner.post(f"{path}/review/report", {"reason": "abuse", "text": "Rude."})
    review, request = await queue(world)
    assert (review["what"], review["subject"], request["what"]) == ("lead_review", str(lead.subject), "lead")
    other = await sign_in(world, "owner@bob.example" if "ada" in team.members[0].email else "owner@ada.example")
    await other.post(f"{path}/report", {"reason": "spam"}, expect=404)


async def test_a_report_is_resolved_once_with_a_finding_and_opened_by_what_is_added(world: World) -> None:
    partner, _, job = await asked_and_answered(world)
    path = f"/jobs/{job['job_id']}/report"
    taken = await partner.post(path, {"reason": "spam"})
    resolve = f"/operators/reports/{taken['report_id']}/resolve"
    await operator(world).post(resolve, {"finding": "dismissed", **WHY})
    assert await queue(world) == []
    (resolved,) = await queue(world, state="resolved")
    assert (resolved["resolution"]["finding"], resolved["resolution"]["by"]) == ("dismissed", "ora")
    late = await operator(world, OTTO).post(resolve, {"finding": "upheld", **WHY}, expect=409)
    assert late["code"] == "already_resolved"
    await partner.post(path, {"reason": "spam"})
    assert await queue(world) == []
    await partner.post(path, {"reason": "abuse", "text": "It goes on."})
    assert [one["text"] for one in await queue(world)] == ["It goes on."]
    assert traces(world) == [
        ("ora", "resolve_report", "begun"),
        ("ora", "resolve_report", "done"),
        ("otto", "resolve_report", "begun"),
        ("otto", "resolve_report", "refused"),
    ]


async def test_operators_read_a_conversation_by_a_report_alone_and_leave_a_trace(world: World) -> None:
    partner, _, job = await asked_and_answered(world)
    await partner.post(f"/jobs/{job['job_id']}/comments", {"text": "secret-comment"})
    ora = operator(world)
    for path in (f"/jobs/{job['job_id']}", f"/merchant/jobs/{job['job_id']}", f"/jobs/{job['job_id']}/timeline"):
        await ora.get(path, expect=401)
    taken = await partner.post(f"/jobs/{job['job_id']}/report", {"reason": "fraud"})
    path = f"/operators/reports/{taken['report_id']}/conversation"
    await ora.post(path, {"reason": "  "}, expect=422)
    assert traces(world) == []
    page = await ora.post(path, WHY)
    assert [step["text"] for step in page["timeline"]] == ["Hello."]
    assert page["asked_for"]["title"] == "Spring launch"
    assert "secret-comment" not in json.dumps(page)
    assert traces(world) == [("ora", "read_conversation", "begun"), ("ora", "read_conversation", "done")]


# Acts


async def test_every_act_needs_an_operators_own_token_and_a_reason(world: World) -> None:
    partner, _, job = await asked_and_answered(world)
    path = f"/operators/requests/{job['request_id']}/stop"
    nobody = Person(world, world.client("gateway"))
    await nobody.post(path, WHY, expect=401)
    await operator(world, "guessed-and-long-enough-too").post(path, WHY, expect=401)
    assert (await partner.post(path, WHY, expect=403))["code"] == "forbidden"
    for wrong in ({}, {"reason": ""}, {"reason": " \n"}, {"reason": "x" * 1001}):
        (error,) = (await operator(world).post(path, wrong, expect=422))["errors"]
        assert error["field"] == "reason"
    await operator(world).post("/operators/requests/7f1d8d29-8d0a-4d0e-a1b4-3c2f8a9e1b11/stop", WHY, expect=404)
    assert world.events("operator-acts") == []
    assert world.dead_letters() == []


async def test_an_operator_stops_a_request_once_however_often_it_is_asked(world: World) -> None:
    partner, _, job = await asked_and_answered(world)
    path, key = f"/operators/requests/{job['request_id']}/stop", {"Idempotency-Key": "once"}
    ora = operator(world)
    assert await ora.post(path, WHY, **key) == await ora.post(path, WHY, **key)
    assert len({record.id for record in world.events("operator-acts")}) == 2
    refused = await ora.post(path, {"reason": "Another."}, expect=422, **key)
    assert refused["code"] == "key_reused"
    assert (await partner.get(f"/jobs/{job['job_id']}"))["job"]["status"] == "declined"
    (act,) = (await ora.get("/operators/acts"))["acts"]
    assert (act["operator"], act["deed"], act["subject"]) == ("ora", "stop_request", job["request_id"])
    assert (act["reason"], act["outcome"]) == (REASON, "done")


async def test_the_log_has_the_act_before_anything_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it cannot be written down, it is not done."""
    _, _, job = await asked_and_answered(world)
    publisher = world.services["gateway"].publisher
    publish = publisher.publish

    async def loses_acts(records: Any) -> None:
        if any(record.topic == "operator-acts" for record in records):
            raise TimeoutError
        await publish(records)

    monkeypatch.setattr(publisher, "publish", loses_acts)
    await operator(world).post(f"/operators/requests/{job['request_id']}/stop", WHY, expect=503)
    assert {event.type for event in world.events("requests")} == {"RequestSubmitted", "RequestConfirmed"}


async def test_an_act_that_was_interrupted_shows_without_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, job = await asked_and_answered(world)
    publisher = world.services["gateway"].publisher
    publish = publisher.publish

    async def loses_ends(records: Any) -> None:
        if any(record.topic == "operator-acts" and b"ActEnded" in record.value for record in records):
            raise TimeoutError
        await publish(records)

    monkeypatch.setattr(publisher, "publish", loses_ends)
    path, key = f"/operators/requests/{job['request_id']}/stop", {"Idempotency-Key": "once"}
    await operator(world).post(path, WHY, expect=503, **key)
    assert [one["outcome"] for one in (await operator(world).get("/operators/acts"))["acts"]] == [None]
    monkeypatch.setattr(publisher, "publish", publish)
    await operator(world).post(path, WHY, **key)
    assert [one["outcome"] for one in (await operator(world).get("/operators/acts"))["acts"]] == ["done"]


async def test_an_operator_takes_a_review_down(world: World) -> None:
    partner, mia, job = await asked_and_answered(world)
    await partner.post(f"/jobs/{job['job_id']}/complete")
    await world.time_passes(UNDO)
    path = f"/operators/jobs/{job['job_id']}/review/take-down"
    assert (await operator(world).post(path, WHY, expect=409))["code"] == "not_reviewed"
    world.clock.move(HOUR)
    await mia.post(f"/merchant/jobs/{job['job_id']}/review", {"rating": 1, "text": "secret-slander"})
    await partner.post(f"/jobs/{job['job_id']}/review/report", {"reason": "abuse"})
    await operator(world).post(path, WHY)
    for person, page in ((partner, f"/jobs/{job['job_id']}"), (mia, f"/merchant/jobs/{job['job_id']}")):
        shown = json.dumps(await person.get(page))
        assert not any(word in shown for word in (REASON, '"ora"'))
    acts = (await operator(world).get("/operators/acts", subject=job["job_id"]))["acts"]
    assert [(one["outcome"], one["code"]) for one in acts] == [("done", ""), ("refused", "not_reviewed")]
    assert (await operator(world).get("/operators/acts", operator="otto"))["acts"] == []


# People


async def opened(world: World, mail: CaughtMail) -> httpx2.Response:
    said = {"token": mail.token, "email": mail.to}
    return await world.asked(world.client("gateway").post("/api/v1/sessions", json=said))


async def refused_as_suspended(person: Person, *paths: str) -> None:
    for path in paths:
        assert (await person.get(path, expect=403))["code"] == "suspended", path


async def test_whoever_is_suspended_is_out_at_once_everywhere(world: World) -> None:
    partner, mia, job = await asked_and_answered(world)
    early = await world.asked(world.client("gateway").post("/api/v1/sign-in", json={"email": MERCHANT}))
    assert early.status_code == 202
    link = world.mailbox.last(MERCHANT, "/sign-in?token=")
    await operator(world).post("/operators/people/suspend", {"merchant_id": mia_id(world), **WHY})
    await refused_as_suspended(mia, "/me", "/merchant/jobs", f"/merchant/jobs/{job['job_id']}", "/events")
    refused = await world.asked(
        world.client("gateway").post("/api/v1/sessions", json={"token": link.token, "email": link.to})
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    (notice,) = [mail for mail in world.mailbox.mails if mail.subject == "Your access to Jobwire has been suspended"]
    assert notice.to == MERCHANT
    assert REASON not in notice.text
    sent = len(world.mailbox.mails)
    for asks in ("sign-in", "registrations"):
        answer = await world.asked(world.client("gateway").post(f"/api/v1/{asks}", json={"email": MERCHANT}))
        assert answer.status_code == 202
    assert (await partner.get(f"/jobs/{job['job_id']}"))["job"]["status"] == "declined"
    assert [mail for mail in world.mailbox.mails[sent:] if mail.to == MERCHANT] == []
    await partner.get("/jobs")


def mia_id(world: World) -> str:
    return str(world.events("requests")[0].snapshot.details.merchant.merchant_id)


@pytest.mark.parametrize("email", [MERCHANT, "MIA@kettle.example", "mia+two@kettle.example"])
async def test_a_suspended_address_asks_for_nothing_more_and_is_answered_as_usual(world: World, email: str) -> None:
    await operator(world).post("/operators/people/suspend", {"email": MERCHANT, **WHY})
    client = world.client("leads")
    page = await client.get("/en/requests/new")
    world.clock.move(HOUR)
    form = {
        **hidden(page.text),
        "name": "Mia",
        "email": email,
        "store_url": "kettle.example",
        "business": "Tea.",
        "service": "seo",
        "title": "Spring",
        "requirements": "Be found.",
    }
    sent = await world.asked(client.post("/en/requests/new", data=form))
    assert sent.status_code == 202
    assert world.events("requests") == []
    assert [mail.subject for mail in world.mailbox.mails] == ["Your access to Jobwire has been suspended"]


async def test_the_open_requests_of_whoever_is_suspended_stop_under_each_of_their_addresses(world: World) -> None:
    await follow(world, await fill_in_the_form(world))
    await follow(world, await fill_in_the_form(world, email="mia+two@kettle.example", title="Another"))
    waiting = await fill_in_the_form(world, title="A third")
    await operator(world).post("/operators/people/suspend", {"email": "mia+three@kettle.example", **WHY})
    stopped = [event.subject for event in happened(world, "requests") if event.type == "RequestStopped"]
    assert len(stopped) == len(set(stopped)) == 3
    answer = await world.asked(
        world.client("leads").post(waiting.link.partition("?")[0], data={"token": waiting.token, "email": waiting.to})
    )
    assert answer.status_code == 409


async def test_a_request_that_slips_in_beside_the_suspension_is_stopped_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk was asked a moment before; it is not asked again when the address is confirmed."""

    async def not_yet(*_: Any) -> bool:
        return False

    await operator(world).post("/operators/people/suspend", {"email": MERCHANT, **WHY})
    monkeypatch.setattr("services.leads.suspended.Suspended.includes", not_yet)
    client = world.client("leads")
    body = {
        "kind": "match",
        "locale": "en",
        "merchant": {"name": "Mia", "email": MERCHANT, "store_url": "https://kettle.example"},
        "business": "Tea.",
        "service": "seo",
        "title": "Spring",
        "requirements": "Be found.",
    }
    taken = await world.asked(client.post("/api/v1/requests", json=body))
    assert taken.status_code == 202
    assert (await world.asked(client.get(taken.json()["status_url"]))).json()["status"] == "stopped"
    assert [mail.subject for mail in world.mailbox.mails] == ["Your access to Jobwire has been suspended"]


async def test_a_suspended_member_is_out_and_the_team_goes_on(world: World) -> None:
    partner, mia, job = await asked_and_answered(world)
    theirs = (await partner.get("/me"))["memberships"][0]["partner_id"]
    team = next(one.snapshot for one in world.events("partners") if str(one.subject) == theirs)
    helper = await sign_in(world, team.members[1].email)
    await operator(world).post("/operators/people/suspend", {"email": team.members[1].email, **WHY})
    await refused_as_suspended(helper, "/jobs", "/me")
    sent = len(world.mailbox.mails)
    await mia.post(f"/merchant/jobs/{job['job_id']}/messages", {"text": "When?"})
    assert [mail.to for mail in world.mailbox.mails[sent:]] == [team.members[0].email]


async def test_whoever_is_restored_signs_in_anew_and_old_sessions_stay_over(world: World) -> None:
    _, mia, _ = await asked_and_answered(world)
    await operator(world).post("/operators/people/suspend", {"email": MERCHANT, **WHY})
    world.clock.move(HOUR)
    await operator(world).post("/operators/people/restore", {"email": MERCHANT, **WHY})
    assert (await mia.get("/me", expect=401))["code"] == "session_ended"
    again = await sign_in(world, MERCHANT)
    assert [one["status"] for one in (await again.get("/merchant/requests"))["requests"]] == ["stopped"]
    assert world.mailbox.last(MERCHANT, "You can sign in and send requests again.")
    await follow(world, await fill_in_the_form(world, title="Once more"))
    statuses = [one["status"] for one in (await again.get("/merchant/requests"))["requests"]]
    assert sorted(statuses) == ["confirmed", "stopped"]


async def test_suspending_twice_and_restoring_nobody(world: World) -> None:
    ora = operator(world)
    never = await ora.post("/operators/people/restore", {"email": MERCHANT, **WHY}, expect=409)
    assert never["code"] == "not_suspended"
    for _ in range(2):
        await ora.post("/operators/people/suspend", {"email": MERCHANT, **WHY})
    (suspended,) = happened(world, "suspensions")
    assert suspended.subject == mailbox_id_of(MERCHANT)
    assert len([mail for mail in world.mailbox.mails if mail.to == MERCHANT]) == 1


@pytest.mark.parametrize("whose", [{}, {"email": MERCHANT, "merchant_id": "7f1d8d29-8d0a-4d0e-a1b4-3c2f8a9e1b11"}])
async def test_an_act_names_one_person(world: World, whose: dict[str, str]) -> None:
    wrong = await operator(world).post("/operators/people/suspend", {**whose, **WHY}, expect=422)
    assert "email or merchant_id" in wrong["errors"][0]["message"]


async def test_a_prospect_is_suspended_by_the_id_of_the_report(world: World) -> None:
    await follow(world, await fill_in(world, "/en/prospects/new", email="noa@plans.example"))
    (lead, *_) = world.events("leads.events")
    whose = str(lead.snapshot.details.merchant.merchant_id)
    await operator(world).post("/operators/people/suspend", {"merchant_id": whose, **WHY})
    assert "LeadStopped" in {event.type for event in world.events("leads.events")}
    unknown = {"merchant_id": "7f1d8d29-8d0a-4d0e-a1b4-3c2f8a9e1b11", **WHY}
    await operator(world).post("/operators/people/suspend", unknown, expect=404)


async def test_sessions_are_ended_without_suspending_anybody(world: World) -> None:
    _, mia, _ = await asked_and_answered(world)
    other = await sign_in(world, MERCHANT)
    await operator(world).post("/operators/people/end-sessions", {"email": MERCHANT, **WHY})
    for one in (mia, other):
        await one.get("/me", expect=401)
    await (await sign_in(world, MERCHANT)).get("/me")
    assert traces(world) == [("ora", Deed.END_SESSIONS, "begun"), ("ora", Deed.END_SESSIONS, Outcome.DONE)]


async def test_the_log_of_acts_holds_ids_and_names_and_no_address(world: World) -> None:
    await operator(world).post("/operators/people/suspend", {"email": MERCHANT, **WHY})
    raw = [record.value.decode() for record in world.log.records("operator-acts")]
    assert all(ActBegun.__name__ in one or ActEnded.__name__ in one for one in raw)
    assert not any(MERCHANT in one for one in raw)


async def test_a_mailed_link_of_a_suspended_member_joins_no_team(world: World) -> None:
    owner = await sign_in(world, "owner@ada.example")
    await owner.post("/team/invitations", {"email": "ines@ada.example", "name": "Ines", "locale": "en"})
    link = world.mailbox.last("ines@ada.example", "token=")
    await operator(world).post("/operators/people/suspend", {"email": "ines@ada.example", **WHY})
    refused = await world.asked(
        world.client("gateway").post("/api/v1/sessions", json={"token": link.token, "email": link.to})
    )
    assert refused.status_code == 403
    world.clock.move(HOUR)
    await operator(world).post("/operators/people/restore", {"email": "ines@ada.example", **WHY})
    ines = await session(world, link)
    assert len((await ines.get("/me"))["memberships"]) == 1


async def test_the_live_streams_of_whoever_is_suspended_end_and_no_others(world: World) -> None:
    partner, mia, _ = await asked_and_answered(world)
    hers, theirs = await heard_by(mia), await heard_by(partner)
    await operator(world).post("/operators/people/suspend", {"email": MERCHANT, **WHY})
    await hers.news()
    await theirs.news()
    assert hers.ended
    assert not theirs.ended


async def test_a_suspension_that_is_read_again_stops_nothing_of_whoever_was_restored(world: World) -> None:
    for what in ("suspend", "restore"):
        await operator(world).post(f"/operators/people/{what}", {"email": MERCHANT, **WHY})
    await follow(world, await fill_in_the_form(world))
    (watch,) = [group for group in world.groups if group.consumer.group == "leads.suspensions"]
    watch.forgets()
    await world.settle()
    assert {event.type for event in world.events("requests")} == {"RequestSubmitted", "RequestConfirmed"}


async def test_a_merchant_is_found_by_a_request_that_still_says_who_it_is(world: World) -> None:
    """What nobody confirmed loses its words: its address is nobody's, and nobody's is not suspended."""
    await fill_in_the_form(world, email="noa@kettle.example")
    whose = {"merchant_id": mia_id(world), **WHY}
    await world.time_passes(49 * HOUR)
    await operator(world).post("/operators/people/suspend", whose, expect=404)
    await follow(world, await fill_in_the_form(world, email="noa@kettle.example", title="Once more"))
    await operator(world).post("/operators/people/suspend", whose)
    (suspended,) = happened(world, "suspensions")
    assert suspended.snapshot.email == "noa@kettle.example"


# Organisations


def latest(world: World, partner_id: UUID) -> Any:
    theirs = [one.snapshot for one in world.events("partners") if one.subject == partner_id]
    return max(theirs, key=lambda one: one.version)


async def test_an_operator_decides_of_an_organisation(world: World) -> None:
    ada = next(one for one in world.events("partners") if one.snapshot.profile.name == "Ada")
    path, ora = f"/operators/partners/{ada.subject}", operator(world)
    await ora.post(f"{path}/vouch", {"approval": "probation", **WHY})
    await ora.post(f"{path}/suspend", WHY)
    suspended = latest(world, ada.subject)
    assert (suspended.approval, suspended.suspended.reason) == ("probation", REASON)
    await ora.post(f"{path}/restore", WHY)
    assert latest(world, ada.subject).suspended is None
    (error,) = (await ora.post(f"{path}/suspend", {"reason": "Two\nlines."}, expect=422))["errors"]
    assert error["field"] == "reason"
    await ora.post("/operators/partners/7f1d8d29-8d0a-4d0e-a1b4-3c2f8a9e1b11/suspend", WHY, expect=404)
    assert [deed for _, deed, step in traces(world) if step == "done"] == [
        "vouch_for_partner",
        "suspend_partner",
        "restore_partner",
    ]
