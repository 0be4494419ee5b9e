"""A batch of records costs a handful of round trips, however many mails follow from it."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, BulkWriteError

from services.notifications.bulk import all_written, take
from services.notifications.bursts import WINDOW
from services.notifications.envelope import Mail
from services.notifications.mail import mails_for_job
from services.notifications.outbox import Outbox
from services.notifications.prospects import mails_for_lead
from shared.contracts.base import derived_id
from shared.contracts.jobs import MerchantReplied, Status
from tests.builders import BY_MERCHANT, NOW, a_job, a_member, a_partner, an_event
from tests.memory_mongo import MemoryDatabase
from tests.notifications.counting import CountingDatabase
from tests.notifications.leads import delivered
from tests.notifications.test_bursts import Post, texts

OWNERS = a_partner(members=tuple(a_member(name) for name in ("Aiko", "Lea", "Noa")))
JOBS = [a_job(Status.AWAITING_REPLY).model_copy(update={"job_id": derived_id("job", number)}) for number in range(8)]


def wrote(number: int, of: str = "a batch") -> list[Mail]:
    """One message of a merchant, to three owners."""
    job = JOBS[number % len(JOBS)]
    fact = MerchantReplied(text=f"{number}", actor=BY_MERCHANT)
    return mails_for_job(an_event(fact, job, subject=job.job_id, event_id=derived_id(of, number)), OWNERS)


def a_batch(records: int) -> list[Mail]:
    return [mail for number in range(records) for mail in wrote(number)]


async def trips_for(mails: list[Mail], database: CountingDatabase | None = None) -> int:
    database = database or CountingDatabase()
    before = database.trips
    await Outbox(database).queue(mails, NOW)
    return database.trips - before


async def test_a_batch_of_256_messages_to_three_owners_costs_as_many_trips_as_one_of_16() -> None:
    few, many = await trips_for(a_batch(16)), await trips_for(a_batch(256))
    assert len(a_batch(256)) == 768
    assert many == few <= 6


async def test_a_batch_that_comes_again_costs_one_look() -> None:
    database = CountingDatabase()
    await trips_for(a_batch(256), database)
    assert await trips_for(a_batch(256), database) == 1


async def test_a_batch_behind_open_windows_costs_no_more() -> None:
    database = CountingDatabase()
    await trips_for(a_batch(8), database)
    behind = [mail for number in range(256) for mail in wrote(number, "another")]
    assert await trips_for(behind, database) <= 6


async def test_a_batch_of_leads_for_many_partners_is_paced_in_as_many_trips_as_one_lead() -> None:
    leads = [
        mail
        for number in range(256)
        for mail in mails_for_lead(delivered(number, partner_id=derived_id("partner", number % 40)), OWNERS)
    ]
    assert await trips_for(leads) == await trips_for(leads[:3]) <= 5


async def test_a_batch_is_folded_as_its_mails_one_by_one_would_be() -> None:
    """The first of each burst at once, the rest in order behind it, whatever was put before."""
    draw = Random(11)
    for _ in range(8):
        together, alone = Post(), Post()
        for _ in range(draw.randint(1, 3)):
            numbers = [draw.randrange(60) for _ in range(draw.randint(1, 20))]
            mails = [mail for number in numbers for mail in wrote(number)]
            await together.say(*mails)
            for mail in mails:
                await alone.say(mail)
            assert put(together.database) == put(alone.database)
            sends = draw.random() < 0.5
            for post in (together, alone):
                post.clock.move(timedelta(seconds=50))
                if sends:
                    await post.send()


def put(database: MemoryDatabase) -> dict[Any, Any]:
    """Every document: when it is due, and what it says."""
    return {
        key: (mail["next_at"], [part["values"]["text"] for part in mail.get("parts", [mail])])
        for key, mail in database["mails"].documents.items()
    }


class Overtaken:
    """A collection that somebody else writes to, just before one of our bulks."""

    def __init__(self, collection: Any, bulk: int, meanwhile: Any) -> None:
        self._collection, self._left, self._meanwhile = collection, bulk, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def bulk_write(self, writes: Any, **how: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            await self._meanwhile()
        return await self._collection.bulk_write(writes, **how)


def overtaken(post: Post, bulk: int, meanwhile: Any) -> Outbox:
    outbox = Outbox(post.database)
    outbox._bursts._mails = Overtaken(post.database["mails"], bulk, meanwhile)
    return outbox


def said(post: Post) -> list[str]:
    return sorted((text for _, part in post.sent for text in part), key=int)


async def everything_goes(post: Post) -> None:
    for _ in range(3):
        post.clock.move(WINDOW)
        await post.send()


@pytest.mark.parametrize("bulk", [1, 2])
async def test_two_replicas_that_put_the_same_batch_at_once_put_it_once(bulk: int) -> None:
    post = Post()
    mails = [mail for number in range(0, 40, 8) for mail in wrote(number)[:1]]
    await overtaken(post, bulk, lambda: post.say(*mails)).queue(mails, NOW)
    await everything_goes(post)
    assert said(post) == ["0", "8", "16", "24", "32"]


async def test_a_worker_that_takes_the_collected_mail_meanwhile_keeps_no_text_from_going() -> None:
    post = Post()
    first, second, third = (wrote(number)[:1] for number in (0, 8, 16))
    await post.say(*first, *second)

    async def is_sent() -> None:
        post.clock.move(WINDOW)
        await post.send()

    await overtaken(post, 1, is_sent).queue(third, NOW)
    await everything_goes(post)
    assert said(post) == ["0", "8", "16"]


@pytest.mark.parametrize("bulk", [1, 2])
async def test_a_crash_between_any_two_writes_loses_no_text_and_doubles_none(bulk: int) -> None:
    post = Post()
    mails = [mail for number in range(0, 80, 8) for mail in wrote(number)[:1]]

    async def crash() -> None:
        raise AutoReconnect("away")

    with pytest.raises(AutoReconnect):
        await overtaken(post, bulk, crash).queue(mails, NOW)
    post.clock.move(timedelta(seconds=5))
    await post.say(*mails)
    await everything_goes(post)
    assert said(post) == [str(number) for number in range(0, 80, 8)]


async def test_of_many_who_take_at_once_each_gets_others() -> None:
    collection = MemoryDatabase()["mails"]
    for number in range(100):
        await collection.insert_one({"_id": number, "state": "free", "at": number})
    taken: list[int] = []
    while found := await take(collection, {"state": "free"}, "owner", {"state": "held"}, first="at", at_most=7):
        taken += [one["_id"] for one in found]
    assert taken == list(range(100))


async def test_a_bulk_that_fails_for_another_reason_is_no_race() -> None:
    class Full:
        async def bulk_write(self, *_: Any, **__: Any) -> None:
            raise BulkWriteError({"writeErrors": [{"index": 0, "code": 14031}], "writeConcernErrors": []})

    with pytest.raises(BulkWriteError):
        await all_written(Full(), [UpdateOne({"_id": 1}, {"$set": {"a": 1}})])  # type: ignore[arg-type]


def test_a_text_is_the_mails_own_or_its_parts() -> None:
    (mail, *_) = wrote(0)
    assert texts(mail) == ["0"]
