"""The dashboard learns what became of the mails about a job, and no address."""

from datetime import datetime, timedelta

from services.gateway.read.deliveries import DELIVERIES, on_mail
from services.gateway.read.reading import Reading
from shared.contracts.base import ActorKind, Message, derived_id
from shared.contracts.mails import MailFailed, MailSent, MailUncertain
from shared.projection import Projection
from shared.records import Received
from tests.builders import JOB_ID, MERCHANT_EMAIL, NOW, a_command, received
from tests.memory_mongo import MemoryDatabase

MINUTE = timedelta(minutes=1)


def told(data: Message, mail: str) -> Received:
    return received(a_command(data, derived_id(mail)), topic="mails")


def facts(at: datetime = NOW, side: ActorKind = ActorKind.MERCHANT, template: str = "partner_replied") -> dict:
    return {"template": template, "to": MERCHANT_EMAIL, "about": JOB_ID, "at": at, "side": side}


async def test_each_side_has_its_own_mails_in_order_and_nobodys_address() -> None:
    database = MemoryDatabase()
    record = Projection(database, on_mail)
    failed = told(MailFailed(**facts(NOW + MINUTE), error=f"550 {MERCHANT_EMAIL} is not here"), "second")
    to_partner = facts(NOW, ActorKind.PARTNER, "new_job")
    batch = [failed, told(MailSent(**facts()), "first"), told(MailSent(**to_partner), "third")]
    await record(batch)
    await record(batch)
    reading = Reading(database)
    assert await reading.deliveries(JOB_ID, ActorKind.MERCHANT) == [
        ("partner_replied", "sent", NOW),
        ("partner_replied", "failed", NOW + MINUTE),
    ]
    assert [one.template for one in await reading.deliveries(JOB_ID, ActorKind.PARTNER)] == ["new_job"]
    assert await reading.deliveries(derived_id("another job"), ActorKind.MERCHANT) == []
    assert MERCHANT_EMAIL not in str(database[DELIVERIES].documents)


async def test_an_uncertain_mail_that_was_sent_again_is_sent_whatever_comes_late() -> None:
    database = MemoryDatabase()
    record = Projection(database, on_mail)
    uncertain, sent = told(MailUncertain(**facts()), "a mail"), told(MailSent(**facts(NOW + MINUTE)), "a mail")
    for one in (uncertain, sent, uncertain):
        await record([one])
    (delivery,) = await Reading(database).deliveries(JOB_ID, ActorKind.MERCHANT)
    assert delivery.state == "sent"
