"""Who may receive strangers' contact details: new organisations on probation, approved ones, suspended ones."""

from typing import Any

import pytest

from shared.contracts.leads import LeadDelivered
from tests.flow.people import Person, fill_in, follow
from tests.flow.test_journey import CALM
from tests.flow.test_partner_accounts import ORGANISATION, SEO, newcomer
from tests.flow.world import World

MANY = 25


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


def leads_of(world: World) -> list[str]:
    """Who was sent a prospect's address."""
    return [one.snapshot.partner_id for one in world.events("leads.events") if isinstance(one.fact, LeadDelivered)]


async def test_many_organisations_made_with_one_session_get_no_new_lead(world: World) -> None:
    owner = await newcomer(world)
    for number in range(MANY):
        await registered(owner, number)
    await a_prospect(world)
    assert leads_of(world) == []
