"""What somebody sits and waits for goes before everything else, and some workers do nothing but that."""

from datetime import timedelta

from services.notifications.envelope import Mail
from services.notifications.kinds import KINDS
from services.notifications.outbox import Outbox
from shared.contracts.base import derived_id
from tests.builders import NOW
from tests.memory_mongo import MemoryDatabase
from tests.notifications.test_fitting import a_mail

CROWD = 40


def mail(number: int, template: str) -> Mail:
    return a_mail(["Hello."])._replace(id=derived_id(template, number), template=template, parts=())


async def outbox() -> Outbox:
    waiting = Outbox(MemoryDatabase(lambda: NOW))
    await waiting.queue([mail(number, "expired") for number in range(CROWD)], NOW)
    await waiting.queue([mail(0, "sign_in"), mail(1, "confirm_request")], NOW + timedelta(seconds=1))
    return waiting


async def test_a_sign_in_that_came_last_goes_first() -> None:
    waiting = await outbox()
    first = await waiting.claim(NOW + timedelta(seconds=2))
    assert {claim.mail.template for claim in first} == {"sign_in", "confirm_request"}
    assert {claim.mail.template for claim in await waiting.claim(NOW + timedelta(seconds=2))} == {"expired"}


async def test_a_worker_that_is_kept_free_takes_nothing_else() -> None:
    waiting = await outbox()
    assert len(await waiting.claim(NOW + timedelta(seconds=2), urgent_only=True)) == 2
    assert await waiting.claim(NOW + timedelta(seconds=2), urgent_only=True) == []


async def test_a_mail_that_an_earlier_release_has_queued_is_sent_like_any_other() -> None:
    waiting = await outbox()
    for document in waiting._mails.documents.values():
        document.pop("urgent")
    claimed = 0
    while claims := await waiting.claim(NOW + timedelta(seconds=2)):
        claimed += len(claims)
    assert claimed == CROWD + 2


def test_whoever_asks_to_be_let_in_waits_behind_nobody() -> None:
    assert {name for name, kind in KINDS.items() if kind.urgent} == {
        "sign_in",
        "register",
        "confirm_request",
        "confirm_address",
    }
