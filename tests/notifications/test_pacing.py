"""No partner gets more than three leads in any hour, and each waits no longer than it must."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.outbox import Outbox
from services.notifications.pacing import HOUR, PER_HOUR, Pace, Turn, next_due
from services.notifications.prospects import mails_for_lead
from shared.contracts.base import derived_id
from shared.contracts.partners import Partner
from tests.builders import NOW, PARTNER_ID, a_member, a_partner
from tests.memory_mongo import MemoryDatabase
from tests.notifications.leads import delivered

arrivals = st.lists(st.integers(0, 90), max_size=40)
"""Minutes between one lead and the next."""


def most_in_an_hour(due: list[datetime]) -> int:
    return max((sum(first <= other < first + HOUR for other in due) for first in due), default=0)


@given(arrivals)
def test_no_hour_has_more_than_three_and_nobody_waits_without_need(gaps: list[int]) -> None:
    due: list[datetime] = []
    now = NOW
    for gap in gaps:
        now += timedelta(minutes=gap)
        due.append(next_due(due, now))
        assert due[-1] >= now
        earlier = due[-1] - timedelta(microseconds=1)
        in_order = len(due) == 1 or earlier >= due[-2]
        assert earlier < now or not in_order or most_in_an_hour([*due[:-1], earlier]) > PER_HOUR
    assert most_in_an_hour(due) <= PER_HOUR
    assert due == sorted(due)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=25))
@pytest.mark.slow
async def test_a_lead_that_comes_again_keeps_its_time_and_takes_nobody_elses(arriving: list[tuple[int, bool]]) -> None:
    database = MemoryDatabase()
    outbox, now = Outbox(database), NOW
    due: dict[int, datetime] = {}
    for number, (gap, again) in enumerate(arriving):
        now += timedelta(minutes=gap)
        await outbox.queue(mails_for_lead(delivered(number), a_partner()), now)
        due[number] = document(database, number)["next_at"]
        if again:
            before = number // 2
            await outbox.queue(mails_for_lead(delivered(before), a_partner()), now)
    assert {number: document(database, number)["next_at"] for number in due} == due
    assert most_in_an_hour(list(due.values())) <= PER_HOUR


async def test_a_team_hears_of_a_lead_together_and_another_partner_does_not_wait() -> None:
    database = MemoryDatabase()
    outbox = Outbox(database)
    team = a_partner(members=(a_member("Aiko"), a_member("Lea")))
    for number in range(PER_HOUR + 1):
        await outbox.queue(mails_for_lead(delivered(number), team), NOW)
    assert waits(database, team) == [0, 0] * PER_HOUR + [60, 60]
    other = a_partner("Atelier Nord", members=(a_member("Ken"),))
    await outbox.queue(mails_for_lead(delivered(99, partner_id=other.partner_id), other), NOW)
    assert waits(database, other) == [0]


async def test_two_replicas_that_decide_at_once_give_no_time_twice() -> None:
    collection = MemoryDatabase()["paces"]
    bulk_write = collection.bulk_write

    async def be_overtaken(*writes, **how):
        collection.bulk_write = bulk_write
        assert await due(collection, "the other's") == NOW
        return await bulk_write(*writes, **how)

    first = [await due(collection, number) for number in range(PER_HOUR - 1)]
    collection.bulk_write = be_overtaken
    mine = await due(collection, "mine")
    assert [*first, mine] == [NOW, NOW, NOW + HOUR]


async def test_two_replicas_that_meet_a_partner_for_the_first_time_give_no_time_twice() -> None:
    collection = MemoryDatabase()["paces"]
    numbers = range(PER_HOUR + 1)
    given = await asyncio.gather(*[due(collection, number) for number in numbers])
    assert sorted(given) == [NOW] * PER_HOUR + [NOW + HOUR]


async def test_one_batch_gives_every_lead_its_time_in_order() -> None:
    collection = MemoryDatabase()["paces"]
    turns = [Turn(PARTNER_ID, derived_id(number)) for number in range(7)]
    given = await Pace(collection).due(turns, NOW)
    assert [given[turn] for turn in turns] == [NOW] * 3 + [NOW + HOUR] * 3 + [NOW + 2 * HOUR]
    assert await Pace(collection).due(turns[::-1], NOW) == given


async def test_what_is_long_past_is_forgotten() -> None:
    collection = MemoryDatabase()["paces"]
    for number in range(20):
        await due(collection, number, NOW + number * HOUR)
    assert len(collection.documents[PARTNER_ID]["slots"]) <= PER_HOUR + 1


async def due(collection: Any, about: object, now: datetime = NOW) -> datetime:
    """When this one lead is due."""
    turn = Turn(PARTNER_ID, derived_id(about))
    return (await Pace(collection).due([turn], now))[turn]


def document(database: MemoryDatabase, number: int) -> dict:
    (mail,) = mails_for_lead(delivered(number), a_partner())
    return database["mails"].documents[mail.id]


def waits(database: MemoryDatabase, partner: Partner) -> list[int]:
    """Minutes until each mail to this team is due, in the order in which they were queued."""
    addresses = {member.email for member in partner.members}
    mails = [mail for mail in database["mails"].documents.values() if mail["to"] in addresses]
    return [int((mail["next_at"] - NOW).total_seconds() // 60) for mail in mails]
