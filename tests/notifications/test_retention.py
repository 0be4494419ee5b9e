"""What is kept of mails that have ended: the text for weeks, the id that prevents a second mail for longer."""

import json
from datetime import datetime, timedelta
from typing import Any

import bson
import pytest

from services.notifications.bursts import WINDOW
from services.notifications.outbox import ENDED
from services.notifications.retention import AT_ONCE, Retention
from services.notifications.teller import Teller
from shared.contracts.base import derived_id
from shared.settings import Settings
from shared.topics import MAILS
from tests.builders import NOW
from tests.fakes import MemoryLog, MemoryPublisher
from tests.notifications.test_bursts import Post, wrote

DAY = timedelta(days=1)
SETTINGS = {"mail_text_days": 30, "mail_digest_days": 365}


class Kept(Post):
    def __init__(self, database: Any = None) -> None:
        super().__init__(database)
        self.retention = Retention(self.database, Settings(**SETTINGS), self.clock)

    async def a_mail(self, state: str, *, told: bool = True, number: int = 0) -> Any:
        """A mail that ended now."""
        (mail, *_) = wrote(f"{state} {number}", derived_id("a job", state, number))
        await self.outbox.queue([mail], self.clock.now())
        fields = {"state": state, "ended_at": self.clock.now(), "told": told, "error": "for mia@kettle.example"}
        await self.database["mails"].update_one({"_id": mail.id}, {"$set": fields})
        return mail

    def document(self, mail: Any) -> dict[str, Any]:
        return self.database["mails"].documents[mail.id]


@pytest.mark.parametrize("state", [state for state in ENDED if state != "uncertain"])
async def test_after_thirty_days_nothing_of_a_person_is_left(state: str) -> None:
    kept = Kept()
    mail = await kept.a_mail(state)
    kept.clock.move(29 * DAY)
    await kept.retention.tick()
    assert kept.document(mail)["values"]["text"].startswith(state)
    kept.clock.move(2 * DAY)
    await kept.retention.tick()
    document = kept.document(mail)
    left = json.dumps(document, default=str)
    assert not any(word in left for word in ("hoshi", "Aiko", state + " 0", "kettle", "Spring"))
    assert document["forget_at"] == NOW + 365 * DAY
    assert len(bson.encode(document, codec_options=bson.CodecOptions(uuid_representation=4))) < 150


async def test_a_mail_whose_text_is_gone_is_not_sent_again_nor_is_a_part_of_one() -> None:
    kept = Kept()
    mails = [*wrote("first"), *wrote("second"), *wrote("third")]
    await kept.say(*mails)
    kept.clock.move(WINDOW)
    await kept.send()
    await Teller(kept.outbox, MemoryPublisher(MemoryLog(kept.clock)), kept.clock).tick()
    assert len(kept.sent) == 2
    kept.clock.move(31 * DAY)
    await kept.retention.tick()
    await kept.say(*mails)
    kept.clock.move(WINDOW)
    await kept.send()
    assert len(kept.sent) == 2


@pytest.mark.parametrize("state", ["queued", "claimed", "sending"])
async def test_what_has_not_ended_is_kept_whole(state: str) -> None:
    kept = Kept()
    mail = await kept.a_mail(state)
    kept.clock.move(400 * DAY)
    await kept.retention.tick()
    assert "values" in kept.document(mail)


async def test_what_has_not_been_told_is_kept_whole() -> None:
    kept = Kept()
    mail = await kept.a_mail("sent", told=False)
    kept.clock.move(31 * DAY)
    await kept.retention.tick()
    assert kept.document(mail)["to"] == mail.recipient.email


async def test_a_person_has_a_year_to_say_what_becomes_of_an_uncertain_mail() -> None:
    kept = Kept()
    mail = await kept.a_mail("uncertain")
    kept.clock.move(364 * DAY)
    await kept.retention.tick()
    assert [one["_id"] for one in await kept.outbox.uncertain()] == [mail.id]
    kept.clock.move(2 * DAY)
    await kept.retention.tick()
    assert await kept.outbox.uncertain() == []
    assert await kept.outbox.again([mail.id], kept.clock.now()) == 0, "There is nothing left to send."


async def test_a_tick_tidies_so_many_and_the_next_goes_on() -> None:
    kept = Kept()
    for number in range(AT_ONCE + 3):
        document = {"_id": number, "state": "sent", "ended_at": NOW, "told": True, "values": {"text": "x"}}
        await kept.database["mails"].insert_one(document)
    kept.clock.move(31 * DAY)
    left = []
    for _ in range(2):
        await kept.retention.tick()
        left.append(await kept.database["mails"].count_documents({"values": {"$exists": True}}))
    assert left == [3, 0]


@pytest.mark.parametrize("settings", [{"mail_text_days": 400}, {"mail_news_days": 366}])
def test_an_id_outlives_its_text_and_the_record_it_comes_from(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="MAIL_DIGEST_DAYS"):
        Retention(Post().database, Settings(**{**SETTINGS, **settings}), Post().clock)


async def test_a_real_server_tidies_as_the_one_in_memory(mongo_database: Any) -> None:
    kept = Kept(mongo_database)
    await kept.outbox.prepare()
    await kept.retention.prepare()
    await kept.a_mail("sent")
    kept.clock.move(31 * DAY)
    await kept.retention.tick()
    (document,) = [one async for one in mongo_database["mails"].find({})]
    assert set(document) == {"_id", "state", "ended_at", "told", "forget_at"}
    assert isinstance(document["forget_at"], datetime)


async def test_a_teller_tells_until_nothing_is_left_and_two_tell_nothing_twice() -> None:
    kept, log = Kept(), MemoryLog()
    for number in range(60):
        await kept.a_mail("sent", told=False, number=number)
    tellers = [Teller(kept.outbox, MemoryPublisher(log), kept.clock) for _ in range(2)]
    for teller in tellers:
        await teller.tick()
    told = [MAILS.codec.decode(raw.value).subject for raw in log.records(MAILS.name)]
    assert len(told) == len(set(told)) == 60


async def test_what_a_teller_that_died_has_taken_is_told_by_another() -> None:
    kept, log = Kept(), MemoryLog()
    await kept.a_mail("sent", told=False)
    assert len(await kept.outbox.untold()) == 1
    await Teller(kept.outbox, MemoryPublisher(log), kept.clock).tick()
    assert log.records(MAILS.name) == []
    kept.clock.move(timedelta(minutes=2))
    await Teller(kept.outbox, MemoryPublisher(log), kept.clock).tick()
    assert len(log.records(MAILS.name)) == 1
