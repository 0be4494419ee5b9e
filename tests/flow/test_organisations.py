"""Who may receive strangers' contact details: new organisations on probation, approved ones, suspended ones."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.base import Actor, ActorKind, Message
from shared.contracts.jobs import JobCreated
from shared.contracts.leads import LeadDelivered
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Approval, RestorePartner, SuspendPartner, VouchForPartner
from shared.publisher import outgoing
from shared.topics import PARTNER_COMMANDS
from tests.builders import a_command
from tests.flow.people import ENGLISH, Person, fill_in, fill_in_the_form, follow, session, sign_in
from tests.flow.test_journey import CALM
from tests.flow.test_partner_accounts import COLLEAGUE, NEWCOMER, ORGANISATION, SEO, newcomer
from tests.flow.world import Weather, World

MANY = 25
STORMS = [Weather(seed=seed, shuffled=True, twice=True, crashes=0.2) for seed in range(3)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(CALM, monkeypatch)


async def registered(owner: Person, number: int) -> dict[str, Any] | None:
    """A published organisation that offers a service; None where it was refused."""
    body = {**ORGANISATION, "slug": f"front-{number}", "name": f"Front {number}"}
    answer = await owner.world.asked(owner.client.post("/api/v1/partners", json=body))
    if answer.status_code != 201:
        return None
    made: dict[str, Any] = answer.json()
    await acting_for(owner, made).put("/partner/services/seo", SEO)
    await acting_for(owner, made).post("/partner/publish")
    return made


def acting_for(owner: Person, partner: dict[str, Any]) -> Person:
    """The same session, for one of its organisations."""
    session = owner.client.headers["Authorization"]
    headers = {"Authorization": session, "Jobwire-Partner": partner["partner_id"]}
    return Person(owner.world, owner.world.client("gateway", **headers))


async def a_prospect(world: World, **fields: str) -> None:
    mail = await fill_in(world, "/en/prospects/new", email="pia@plans.example", phone="+33 1 99 00 12 34", **fields)
    await follow(world, mail)


def leads_of(world: World) -> list[UUID]:
    """Who was sent a prospect's address."""
    return [one.snapshot.partner_id for one in world.events("leads.events") if isinstance(one.fact, LeadDelivered)]


async def test_many_organisations_made_with_one_session_get_no_new_lead(world: World) -> None:
    owner = await newcomer(world)
    for number in range(MANY):
        await registered(owner, number)
    await a_prospect(world)
    assert leads_of(world) == []


OLGA = Actor(kind=ActorKind.OPERATOR, name="olga")
WHY = "It sends prospects advertising."


async def an_operator(world: World, command: Message, partner_id: UUID) -> None:
    """What somebody who runs Jobwire decides, as its own door will send it."""
    world.log.append(outgoing(PARTNER_COMMANDS.name, a_command(command, partner_id)))
    await world.settle()


def suspended(reason: str = WHY) -> SuspendPartner:
    return SuspendPartner(reason=reason, actor=OLGA)


RESTORED = RestorePartner(reason="A mistake.", actor=OLGA)
VOUCHED_FOR = VouchForPartner(approval=Approval.APPROVED, reason="Known.", actor=OLGA)


async def test_a_new_organisation_gets_leads_once_it_is_vouched_for(world: World) -> None:
    owner = await newcomer(world)
    made = await registered(owner, 1)
    assert made is not None
    shown = await owner.get("/partner")
    assert (shown["approval"], shown["receives_work"]) == ("probation", True)
    assert "vouched for" in shown["notice"]
    page = await world.client("leads").get("/en/partners/front-1")
    assert "/en/contact?partner=front-1" not in page.text
    assert (await world.client("leads").get("/en/contact?partner=front-1")).status_code == 404
    await an_operator(world, VOUCHED_FOR, UUID(made["partner_id"]))
    assert "approved" in world.mailbox.last(NEWCOMER).text
    assert (await owner.get("/partner"))["notice"] is None
    await a_prospect(world)
    assert leads_of(world) == [UUID(made["partner_id"])]


@pytest.mark.parametrize(
    ("setting", "approval", "jobs", "leads"),
    [("open", "approved", 1, 1), ("probation", "probation", 1, 0), ("approval", "pending", 0, 0)],
)
async def test_a_new_organisation_is_what_the_setting_says(
    monkeypatch: pytest.MonkeyPatch, setting: str, approval: str, jobs: int, leads: int
) -> None:
    world = World(CALM, monkeypatch, new_organisations=setting)
    owner = await newcomer(world)
    await registered(owner, 1)
    shown = await owner.get("/partner")
    assert (shown["approval"], "be_approved" in shown["missing"]) == (approval, not jobs)
    status = 200 if jobs else 404
    assert (await world.client("leads").get("/en/partners/front-1")).status_code == status
    await follow(world, await fill_in_the_form(world))
    await a_prospect(world)
    assert (len((await owner.get("/jobs"))["jobs"]), len(leads_of(world))) == (jobs, leads)


async def test_of_organisations_with_one_member_one_gets_a_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(CALM, monkeypatch, new_organisations="open")
    owner = await newcomer(world)
    for number in range(5):
        await registered(owner, number)
    await a_prospect(world)
    assert len(leads_of(world)) == 1


async def test_one_person_registers_few_organisations_before_one_is_vouched_for(world: World) -> None:
    owner = await newcomer(world)
    made = [await registered(owner, number) for number in range(5)]
    assert [one is not None for one in made] == [True, True, True, False, False]
    again = await owner.post("/partners", {**ORGANISATION, "slug": "one-more"}, expect=409)
    assert again["code"] == "too_many_organisations"
    assert made[0] is not None
    await an_operator(world, VOUCHED_FOR, UUID(made[0]["partner_id"]))
    assert await registered(owner, 6) is not None
    assert await registered(owner, 7) is None


async def test_another_spelling_of_the_address_is_the_same_person(world: World) -> None:
    owner = await newcomer(world)
    for number in range(3):
        await registered(owner, number)
    name, _, domain = NEWCOMER.partition("@")
    tagged = f"{name}+more@{domain}"
    await world.asked(world.client("gateway").post("/api/v1/registrations", json={"email": tagged, "locale": "en"}))
    other = await session(world, world.mailbox.last(tagged, "/sign-in?token="))
    assert await registered(other, 9) is None


async def test_forty_registrations_at_once_are_three_organisations(world: World) -> None:
    owner = await newcomer(world)
    bodies = [{**ORGANISATION, "slug": f"front-{n}", "name": f"Front {n}"} for n in range(40)]
    answers = [asyncio.create_task(owner.client.post("/api/v1/partners", json=one)) for one in bodies]
    while not all(one.done() for one in answers):
        await world.settle()
        await asyncio.sleep(0)
    assert sorted({one.result().status_code for one in answers}) == [201, 409]
    assert len((await owner.get("/me"))["memberships"]) == 3


async def test_the_link_of_an_invitation_still_signs_in_when_the_organisation_is_suspended(world: World) -> None:
    owner = await newcomer(world)
    made = await registered(owner, 1)
    assert made is not None
    await acting_for(owner, made).post("/team/invitations", {"email": COLLEAGUE, "name": "Ren", "locale": "ja"})
    await an_operator(world, suspended(), UUID(made["partner_id"]))
    ren = await session(world, world.mailbox.last(COLLEAGUE, "token="))
    assert (await ren.get("/me"))["memberships"] == []


async def test_who_owns_a_suspended_organisation_registers_no_other(world: World) -> None:
    owner = await newcomer(world)
    made = await registered(owner, 1)
    assert made is not None
    await an_operator(world, suspended(), UUID(made["partner_id"]))
    assert (await owner.post("/partners", {**ORGANISATION, "slug": "again"}, expect=409))["code"] == "suspended"


@pytest.mark.parametrize("weather", [CALM, *STORMS], ids=str)
async def test_a_suspension_stops_everything_and_tells_both_sides(
    monkeypatch: pytest.MonkeyPatch, weather: Weather
) -> None:
    world = World(weather, monkeypatch)
    ada, merchant = ENGLISH[0], "mia@kettle.example"
    world.register(*ENGLISH)
    await world.settle()
    await follow(world, await fill_in_the_form(world, partner="ada"))
    owner = await sign_in(world, "owner@ada.example")
    (job,) = (await owner.get("/jobs"))["jobs"]
    await owner.post(f"/jobs/{job['job_id']}/messages", {"text": "Good day."})
    mia = await sign_in(world, merchant)
    mails = len(world.mailbox.mails)

    await an_operator(world, suspended(), ada.partner_id)

    new = world.mailbox.mails[mails:]
    assert sorted(mail.to for mail in new) == [merchant, "owner@ada.example"]
    told_owner, told_mia = (next(mail for mail in new if mail.to == to) for to in ("owner@ada.example", merchant))
    assert WHY in told_owner.text
    assert world.settings.contact in told_owner.text
    assert "no longer takes part in Jobwire" in told_mia.text
    assert "suspend" not in told_mia.text.lower() + told_mia.subject.lower()
    assert WHY not in told_mia.text

    (seen,) = (await mia.get("/merchant/jobs"))["jobs"]
    assert (seen["status"], seen["declined_by"], seen["partner_gone"]) == ("declined", "system", True)
    page = await mia.get(f"/merchant/jobs/{job['job_id']}")
    assert "suspended" not in str(page)
    assert "JobEnded" in [step["type"] for step in page["timeline"]]

    for path in (
        "/jobs",
        f"/jobs/{job['job_id']}",
        "/team",
        "/preferences",
        "/settings",
        "/standing",
        "/reviews/leads",
    ):
        assert (await owner.get(path, expect=403))["code"] == "suspended"
    refused = await owner.post(f"/jobs/{job['job_id']}/comments", {"text": "Why?"}, expect=403)
    assert refused["code"] == "suspended"
    shown = await owner.get("/partner")
    assert (shown["missing"], shown["suspended"]["reason"]) == (["be_restored"], WHY)
    assert [one["suspended"] for one in (await owner.get("/me"))["memberships"]] == [True]

    public = world.client("leads")
    assert (await public.get("/en/partners/ada")).status_code == 404
    assert "/en/partners/ada" not in (await public.get("/en/partners")).text
    assert (await public.get("/en/requests/new?partner=ada")).status_code == 404

    await an_operator(world, RESTORED, ada.partner_id)
    assert "takes part in Jobwire again" in world.mailbox.last("owner@ada.example").text
    assert [one["status"] for one in (await owner.get("/jobs"))["jobs"]] == ["declined"]
    assert (await public.get("/en/partners/ada")).status_code == 200
    assert world.dead_letters() == []


async def test_the_next_wave_starts_and_the_standing_is_as_before(world: World) -> None:
    world.register(*ENGLISH)
    await follow(world, await fill_in_the_form(world))
    asked = {one.snapshot.partner_id for one in world.events("jobs.events") if isinstance(one.fact, JobCreated)}
    gone = min(asked)
    before = standing_of(world, gone)

    await an_operator(world, suspended(), gone)

    now = {one.snapshot.partner_id for one in world.events("jobs.events") if isinstance(one.fact, JobCreated)}
    assert len(asked) == 4
    assert len(now) == 5
    after = standing_of(world, gone)
    assert after.open_jobs == 0
    assert (after.total(), after.evidence) == (before.total(), before.evidence)


async def test_one_session_keeps_the_rights_of_its_other_organisation(world: World) -> None:
    owner = await newcomer(world)
    first, second = await registered(owner, 1), await registered(owner, 2)
    assert first
    assert second
    await an_operator(world, suspended(), UUID(first["partner_id"]))
    assert (await owner.get("/partner"))["partner_id"] == second["partner_id"]
    await owner.get("/jobs")
    assert (await acting_for(owner, first).get("/jobs", expect=403))["code"] == "suspended"


def standing_of(world: World, partner_id: UUID) -> StandingChanged:
    standings: list[StandingChanged] = [one.data for one in world.events("standings")]
    return [one for one in standings if one.partner_id == partner_id][-1]
