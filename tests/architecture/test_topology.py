"""The table of `shared.topics` is what the services really hear and say."""

import ast
import inspect
import re
from collections import defaultdict

import pytest

from deploy import seed
from deploy.market import load_partners
from shared.topics import SERVICES, TOPICS, dead_letters_of
from tests.flow.people import MARKET, MERCHANT, Person, fill_in, fill_in_the_form, follow, sign_in
from tests.flow.test_journey import a_market, walk
from tests.flow.world import Weather, World

HEARD_BY = {topic.name: set(topic.heard_by) for topic in TOPICS}
OPS_TOKEN = "a-token-of-those-who-run-it"
SAID_BY = {topic.name: set(topic.said_by) for topic in TOPICS}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(Weather(), monkeypatch)


def test_every_group_of_the_table_hears_its_topic_and_nobody_else_does(world: World) -> None:
    heard = {topic.name: set() for topic in TOPICS}
    for service in world.services.values():
        for hearing in service.hearings:
            for topic in hearing.consumer.topics:
                heard[topic].add(f"{hearing.consumer.group}{'*' if hearing.everyone else ''}")
    assert heard == HEARD_BY


def test_a_group_has_one_place_in_the_system(world: World) -> None:
    groups = [hearing.consumer.group for service in world.services.values() for hearing in service.hearings]
    assert sorted(groups) == sorted(set(groups))


def test_a_group_belongs_to_its_service(world: World) -> None:
    for name, service in world.services.items():
        for hearing in service.hearings:
            assert hearing.consumer.group.partition(".")[0] == name
            assert hearing.consumer.service == name


def test_every_door_has_one_owner_and_one_clock() -> None:
    doors = [topic for topic in TOPICS if topic.name.endswith(".commands")]
    assert [topic.name for topic in TOPICS if topic.one_clock] == [topic.name for topic in doors]
    assert all(len(topic.heard_by) == 1 and topic.heard_by[0].partition(".")[0] in SERVICES for topic in doors)


@pytest.mark.slow
async def test_every_service_says_what_the_table_says_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(Weather(), monkeypatch, ops_tokens=f"ora:{OPS_TOKEN}")
    await walk(world)
    await everything_else(world)
    await somebody_is_reported_and_suspended(world)
    said = defaultdict(set)
    for name, service in world.services.items():
        for topic in service.publisher.said - {dead_letters_of(name)}:
            said[topic].add(name)
    said[seed._registered(load_partners()[0]).topic].add("seed")
    assert dict(said) == SAID_BY


async def everything_else(world: World) -> None:
    """What the journey does not come to: a prospect, a merchant who withdraws, an owner who is away, fewer mails."""
    await follow(world, await fill_in(world, "/en/prospects/new", email="noa@plans.example"))
    (lead, *_) = world.events("leads.events")
    got_it = next(one for one in MARKET if one.partner_id == lead.snapshot.partner_id)
    partner = await sign_in(world, got_it.members[0].email)
    await partner.post(f"/reviews/leads/{lead.subject}/request")
    merchant = await sign_in(world, MERCHANT)
    request = (await merchant.get("/merchant/requests"))["requests"][0]
    await merchant.post(f"/merchant/requests/{request['request_id']}/withdraw")
    owner = await sign_in(world, MARKET[0].members[0].email)
    shown = await owner.get("/preferences")
    changed = await owner.put("/preferences", {**shown["preferences"], "available": False}, seen=shown["version"])
    assert changed["preferences"]["available"] is False
    refusable = next(mail.text for mail in world.mailbox.mails if "/unsubscribe?token=" in mail.text)
    link = next(word for word in refusable.split() if "/unsubscribe?token=" in word)
    assert (await world.asked(world.client("gateway").post(link))).status_code == 200


async def somebody_is_reported_and_suspended(world: World) -> None:
    lead = world.events("leads.events")[0]
    got_it = next(one for one in MARKET if one.partner_id == lead.snapshot.partner_id)
    partner = await sign_in(world, got_it.members[0].email)
    await partner.post(f"/reviews/leads/{lead.subject}/report", {"reason": "spam"})
    operator = Person(world, world.client("gateway", Authorization=f"Bearer {OPS_TOKEN}"))
    await operator.post("/operators/people/suspend", {"email": "noa@plans.example", "reason": "Spam."})


async def test_every_type_of_every_topic_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that nothing in the services names is a type that nobody says."""
    world = World(Weather(), monkeypatch)
    named = set()
    for name in world.services:
        for module in modules_of(name):
            named |= {node.id for node in ast.walk(ast.parse(module)) if isinstance(node, ast.Name)}
    seeded = set(re.findall(r"\w+", inspect.getsource(seed)))
    types = {message.__name__ for topic in TOPICS for message in topic.codec.messages}
    answers = {"CommandApplied", "CommandRejected"}  # said by the loop for all of them
    assert types - named - seeded - answers == set()


def modules_of(service: str) -> list[str]:
    from tests.architecture.test_layout import ROOT  # noqa: PLC0415 - one place knows where the code is

    return [path.read_text(encoding="utf-8") for path in (ROOT / "services" / service).rglob("*.py")]


async def test_in_the_whole_journey_only_the_owner_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_market(Weather(), monkeypatch)
    await follow(world, await fill_in_the_form(world))
    commands = {record.id for topic in TOPICS if topic.one_clock for record in world.events(topic.name)}
    replies = [reply.subject for reply in world.events("replies")]
    assert sorted(map(str, replies)) == sorted(map(str, commands)), "Every command has one answer."
