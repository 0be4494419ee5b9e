"""How long a partner is waited for that is not known yet."""

from datetime import timedelta

import pytest

from services.notifications.teams import COLLECTION, PATIENCE, Teams, on_partner
from shared.contracts.base import derived_id
from shared.contracts.partners import PartnerChanged
from shared.failures import Invalid, Transient
from tests.builders import NOW, PARTNER_ID, a_partner, an_event, received
from tests.memory_mongo import MemoryDatabase

SECOND = timedelta(seconds=1)


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def teams(database: MemoryDatabase) -> Teams:
    return Teams(database)


async def learn(database: MemoryDatabase) -> None:
    fact = PartnerChanged(profile=a_partner().profile)
    writes = on_partner(received(an_event(fact, a_partner(), subject=PARTNER_ID), topic="partners"))
    await database[COLLECTION].bulk_write([write.operation for write in writes], ordered=False)


async def test_a_partner_that_is_known_is_found(database: MemoryDatabase, teams: Teams) -> None:
    await learn(database)
    assert await teams.of([PARTNER_ID], NOW) == {PARTNER_ID: a_partner()}
    assert await teams.of([], NOW) == {}


async def test_patience_counts_from_the_first_miss(teams: Teams) -> None:
    """Not from the event's time: after an hour's backlog every partner would be given up at once."""
    late = NOW + timedelta(hours=1)
    for now in (late, late + PATIENCE / 2, late + PATIENCE - SECOND):
        with pytest.raises(Transient):
            await teams.of([PARTNER_ID], now)
    with pytest.raises(Invalid) as given_up:
        await teams.of([PARTNER_ID], late + PATIENCE)
    assert given_up.value.reason == "unknown-partner"


async def test_each_partner_has_its_own_minute(teams: Teams) -> None:
    with pytest.raises(Transient):
        await teams.of([PARTNER_ID], NOW)
    with pytest.raises(Transient):
        await teams.of([derived_id("another")], NOW + PATIENCE)


async def test_a_partner_that_was_found_is_waited_for_anew(database: MemoryDatabase, teams: Teams) -> None:
    with pytest.raises(Transient):
        await teams.of([PARTNER_ID], NOW)
    await learn(database)
    assert PARTNER_ID in await teams.of([PARTNER_ID], NOW + SECOND)
    database[COLLECTION].documents.clear()  # the read model is dropped and replayed
    with pytest.raises(Transient):
        await teams.of([PARTNER_ID], NOW + 2 * PATIENCE)
