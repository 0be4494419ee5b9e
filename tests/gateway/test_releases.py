"""A replica of this release beside one of the next, over the same read models: what only the next can read says to try
again, and hides nothing else.
"""

from typing import Any
from uuid import UUID

import pytest

from services.gateway.read.inbox import Inbox, Sort, Wanted
from services.gateway.read.projections import JOBS, on_job
from services.gateway.read.reading import Reading
from services.gateway.read.search import Search
from services.gateway.teams import Teams
from services.notifications.teams import Teams as MailTeams
from shared.contracts.base import derived_id
from shared.contracts.jobs import JobOpened
from shared.failures import Unreadable
from tests.builders import BY_PARTNER, NOW, PARTNER_ID, a_job, a_member, a_partner, an_event, received
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase

OURS, NEXT = derived_id("a job of today"), derived_id("a job of the next release")
MINE = {"partner_id": PARTNER_ID}


@pytest.fixture
async def database() -> MemoryDatabase:
    database = MemoryDatabase()
    for job_id in (OURS, NEXT):
        event = an_event(JobOpened(actor=BY_PARTNER), a_job(job_id=job_id), subject=job_id)
        for write in on_job(received(event, topic="jobs.events")):
            await database[write.collection].bulk_write([write.operation], ordered=False)
    await database[JOBS].update_one({"_id": NEXT}, {"$set": {"job.status": "teleported"}})
    return database


def the(inbox: Inbox, sort: Sort) -> Any:
    return inbox.page(MINE, Wanted(), sort, None, 50)


@pytest.mark.parametrize("sort", [Sort.NEWEST, Sort.ACTIVITY])
async def test_a_list_shows_what_this_release_can_read(database: MemoryDatabase, sort: Sort) -> None:
    page = await the(Inbox(database, Search(database), ManualClock()), sort)
    assert [job.job_id for job in page.jobs] == [OURS]


async def test_one_job_of_the_next_release_is_for_its_replicas(database: MemoryDatabase) -> None:
    reading = Reading(database)
    assert (await reading.job(MINE, OURS, 0)).job_id == OURS
    with pytest.raises(Unreadable):
        await reading.job(MINE, NEXT, 0)


@pytest.mark.parametrize("known_as", ["gateway", "notifications"])
async def test_a_team_of_the_next_release_makes_nobody_a_stranger(known_as: str) -> None:
    """Who cannot be read is not signed out, and gets no mail less: the record waits."""
    database, partner = MemoryDatabase(), a_partner(members=(a_member("Aiko"),))
    state = {**partner.model_dump(mode="json"), "members": [{"member_id": "who knows"}]}
    state["members"][0]["email"] = partner.members[0].email
    await database["partners"].insert_one({"_id": partner.partner_id, "state": state})
    await database["teams"].insert_one({"_id": partner.partner_id, "partner": state, "version": 1})
    with pytest.raises(Unreadable):
        await _look(database, known_as, partner.members[0].email, partner.partner_id)


async def _look(database: MemoryDatabase, known_as: str, email: str, partner_id: UUID) -> Any:
    if known_as == "gateway":
        return await Teams(database).of(email)
    return await MailTeams(database).of([partner_id], NOW)
