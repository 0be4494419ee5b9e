"""Prospects, from their forms to the review: what goes out when, and that it all goes by mail."""

from typing import Any

import httpx2
import pytest

from services.leads.apps import signature
from shared.contracts.leads import AskLeadReview, lead_id_of
from shared.publisher import outgoing
from shared.topics import LEAD_COMMANDS
from tests.builders import BY_PARTNER, HOUR, a_command
from tests.flow.people import ENGLISH, MARKET, fill_in, follow, sign_in
from tests.flow.world import CaughtMail, Weather, World

PROSPECT = "noa@plans.example"
ADA = ENGLISH[0]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Weather(), monkeypatch, app_keys="kettle:a-secret-of-the-tests")
    world.register(*MARKET)
    await world.settle()
    return world


async def asks(world: World, path: str, **fields: str) -> CaughtMail:
    return await fill_in(world, f"/en/{path}", name="Noa", email=PROSPECT, **fields)


async def press(world: World, mail: CaughtMail, which: str, **fields: str) -> httpx2.Response:
    link = next(word for word in mail.text.split() if word.startswith("http") and f"/{which}?token=" in word)
    return await follow(world, link, email=mail.to, **fields)


def told(world: World, containing: str = "") -> set[str]:
    """Who but the prospect was mailed."""
    return {mail.to for mail in world.mailbox.mails if mail.to != PROSPECT and containing in mail.text}


async def test_a_lead_reaches_partners_by_mail_only_after_its_address_has_answered(world: World) -> None:
    mail = await asks(world, "prospects/new", phone="+33 1 99 00 12 34")
    assert told(world) == set()
    assert (await follow(world, mail)).status_code == 200
    assert len(told(world, PROSPECT)) == 4
    owner = await sign_in(world, min(told(world, PROSPECT)))
    assert (await owner.get("/jobs"))["jobs"] == []


async def test_who_is_helped_ends_the_waves(world: World) -> None:
    await follow(world, await asks(world, "prospects/new"))
    done = await press(world, world.mailbox.last(PROSPECT, "/helped?token="), "helped")
    assert "Nobody else is asked" in done.text
    await world.time_passes(49 * HOUR)
    assert len(told(world, PROSPECT)) == 4


async def test_a_contact_goes_to_one_partner_and_its_work_is_reviewed_once(world: World) -> None:
    await follow(world, await asks(world, f"contact?partner={ADA.profile.slug}"))
    assert told(world, PROSPECT) == {"owner@ada.example"}
    (request,) = {event.subject for event in world.events("requests")}
    lead_id = lead_id_of(request, ADA.partner_id)
    actor = BY_PARTNER.model_copy(update={"partner_id": ADA.partner_id})
    world.log.append(outgoing(LEAD_COMMANDS.name, a_command(AskLeadReview(actor=actor), lead_id)))
    await world.settle()
    asked = world.mailbox.last(PROSPECT, "/review?token=")
    assert "Thank you" in (await press(world, asked, "review", rating="5", text="Patient.")).text
    client = world.client("leads")
    assert "Patient." in (await client.get(f"/en/partners/{ADA.profile.slug}")).text
    assert world.dead_letters() == []


async def test_a_request_that_nobody_confirms_is_dropped_after_48_hours(world: World) -> None:
    mail = await asks(world, "prospects/new")
    await world.time_passes(48 * HOUR)
    late = await follow(world, mail)
    assert (late.status_code, told(world)) == (409, set())
    assert "has been dropped" in late.text


async def test_what_a_store_app_signs_goes_out_without_a_mail_to_confirm(world: World) -> None:
    body = (
        b'{"kind": "match", "locale": "en", "merchant": {"name": "Mia", "email": "mia@kettle.example", '
        b'"store_url": "https://kettle.example"}, "business": "Tea.", "service": "seo", "title": "Launch", '
        b'"requirements": "Be found."}'
    )
    timestamp = str(int(world.clock.now().timestamp()))
    headers: dict[str, Any] = {
        "Content-Type": "application/json",
        "Jobwire-App": "kettle",
        "Jobwire-Timestamp": timestamp,
        "Jobwire-Signature": signature("a-secret-of-the-tests", timestamp, body),
        "Idempotency-Key": "one",
    }
    for _ in range(2):
        answer = await world.asked(world.client("leads").post("/api/v1/requests", content=body, headers=headers))
        assert answer.status_code == 202
    assert len(told(world, "Be found.")) == 4
    assert [mail for mail in world.mailbox.mails if "/confirm?token=" in mail.text] == []
