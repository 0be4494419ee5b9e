"""An organisation's address for notifications: a stranger who is named there gets one question, and may refuse it."""

import pytest

from tests.builders import an_offer
from tests.flow.people import Person, a_team, fill_in_the_form, follow, hidden, sign_in
from tests.flow.world import Weather, World

STRANGER = "victim@home.example"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(Weather(), monkeypatch)


async def ada(world: World) -> Person:
    world.register(a_team("Ada", services=(an_offer(),)))
    await world.settle()
    return await sign_in(world, "owner@ada.example")


async def names(owner: Person, address: str | None) -> dict:
    shown = await owner.get("/preferences")
    return await owner.put("/preferences", {**shown["preferences"], "notification_email": address})


def mailed(world: World) -> list[str]:
    return [mail.subject for mail in world.mailbox.mails if mail.to == STRANGER]


async def confirm(world: World, typed: str) -> int:
    mail, gateway = world.mailbox.last(STRANGER, "notification-address"), world.client("gateway")
    page = await gateway.get(mail.link)
    form = {**hidden(page.text), "email": typed}
    return (await world.asked(gateway.post(mail.link.partition("?")[0], data=form))).status_code


async def test_a_stranger_gets_the_question_and_no_job(world: World) -> None:
    owner = await ada(world)
    named = await names(owner, STRANGER)
    assert (named["preferences"]["notification_email"], named["preferences"]["email_confirmed"]) == (STRANGER, False)
    await follow(world, await fill_in_the_form(world))
    assert mailed(world) == ["Should job mails come to this address?"]
    assert world.mailbox.last("owner@ada.example", "Spring launch"), "A job that nobody hears of expires."


async def test_once_somebody_there_says_yes_the_jobs_come(world: World) -> None:
    owner = await ada(world)
    await names(owner, STRANGER)
    assert await confirm(world, "") == 422, "A scanner that presses the button."
    assert await confirm(world, STRANGER.upper()) == 200
    assert (await owner.get("/preferences"))["preferences"]["email_confirmed"]
    await follow(world, await fill_in_the_form(world))
    assert len(mailed(world)) == 2
    assert await confirm(world, STRANGER) == 200, "The same again."


async def test_a_link_is_no_good_once_another_address_is_named(world: World) -> None:
    owner = await ada(world)
    await names(owner, STRANGER)
    await names(owner, "jobs@ada.example")
    assert await confirm(world, STRANGER) == 409
    assert not (await owner.get("/preferences"))["preferences"]["email_confirmed"]


async def test_a_members_own_address_needs_no_question(world: World) -> None:
    owner = await ada(world)
    assert (await names(owner, "helper@ada.example"))["preferences"]["email_confirmed"]
    assert [mail.to for mail in world.mailbox.mails if "notification-address" in mail.text] == []


async def test_saving_the_preferences_again_neither_confirms_nor_forgets(world: World) -> None:
    owner = await ada(world)
    await names(owner, STRANGER)
    shown = (await owner.get("/preferences"))["preferences"]
    again = await owner.put("/preferences", {**shown, "email_confirmed": True, "open_jobs": 3})
    assert not again["preferences"]["email_confirmed"]


async def test_who_refuses_such_questions_gets_no_more_of_them(world: World) -> None:
    owner = await ada(world)
    await names(owner, STRANGER)
    refusal = next(word for word in world.mailbox.last(STRANGER).text.split() if "/unsubscribe?" in word)
    await world.asked(world.client("gateway").post(refusal))
    await names(owner, None)
    await names(owner, STRANGER)
    assert len(mailed(world)) == 1
