"""What a member has read: what it was shown, never more; and nothing is left once all has been shown and read."""

from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.gateway.accounts import Membership
from services.gateway.api.asking import Origin
from services.gateway.api.desks import PartnerDesk
from services.gateway.api.jobs import jobs_api
from services.gateway.marks import COLLECTION, ReadMarks
from services.gateway.read.inbox import Inbox
from services.gateway.read.projections import on_job
from services.gateway.read.reading import Reading
from services.jobs.job import evolve
from shared.commands import Applied
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import Job, SendMessage
from shared.projection import Projection
from tests.builders import (
    AIKO,
    BY_PARTNER,
    JOB_ID,
    MERCHANT_WROTE,
    NOW,
    a_job,
    a_member,
    a_partner,
    an_event,
    received,
    replied,
)
from tests.fakes import ManualClock
from tests.limits import NoLimits
from tests.memory_mongo import MemoryDatabase

FACTS = (replied(), MERCHANT_WROTE, MERCHANT_WROTE)
"""What happens to the job from its version 2 on."""


class Desk:
    """The read models of one job and a member that reads it, without a log in between."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.marks, reading = ReadMarks(self.database), Reading(self.database)
        self.job: Job = a_job()
        me = Membership(a_partner(), a_member())

        async def member() -> Membership:
            return me

        signed_in: Any = SimpleNamespace(member=member)
        app = FastAPI()
        app.include_router(jobs_api(reading, Inbox(self.database, None, ManualClock()), self.marks, signed_in))
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway/api/v1")
        self._desk, self._me = PartnerDesk(self, reading, self.marks, NoLimits()), me
        self._events: list[tuple[Message, int]] = []

    def happens(self, *facts: Message) -> None:
        """To the job; nobody has heard of it yet."""
        for fact in facts:
            self.job = evolve(self.job, fact, JOB_ID, NOW).model_copy(update={"version": self.job.version + 1})
            self._events.append((fact, self.job.version))

    async def hears(self, count: int | None = None) -> None:
        """So many more events, each with the job as it is now: it may be newer than the event."""
        told, self._events = self._events[:count], self._events[count:] if count else []
        for fact, version in told:
            event = an_event(fact, self.job, event_id=derived_id("event", version))
            await Projection(self.database, on_job)([received(event.model_copy(update={"version": version}))])

    async def page(self) -> Any:
        answer = await self.client.get(f"/jobs/{JOB_ID}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def reads(self, page: Any, **shown: Any) -> None:
        body = {"version": page["job"]["version"], "shown": page["shown"], **shown}
        assert (await self.client.post(f"/jobs/{JOB_ID}/read", json=body)).status_code == 204

    async def unread(self) -> int:
        (job,) = (await self.client.get("/jobs")).json()["jobs"]
        return int(job["unread"])

    async def writes(self, *meanwhile: Message) -> None:
        """While somebody else says something that no read model has heard of."""
        self.happens(*meanwhile, replied())
        await self._desk.ask(self._me, JOB_ID, SendMessage(text="Good day.", actor=BY_PARTNER), Origin())

    async def ask(self, *_: Any, **__: Any) -> Applied:
        """As the job's owner answers."""
        return Applied(self.job.version, self.job.model_dump(mode="json"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_job_that_was_newer_than_its_timeline_is_read_once_all_has_been_shown(desk: Desk) -> None:
    desk.happens(*FACTS)
    await desk.hears(2)  # the third is on its way, and the job counts it already
    await desk.reads(await desk.page())
    assert await desk.unread() == 1
    await desk.hears()
    await desk.reads(await desk.page())
    assert await desk.unread() == 0


async def test_who_does_not_say_what_was_shown_is_done_too_once_all_has_been(desk: Desk) -> None:
    desk.happens(*FACTS)
    await desk.hears(2)
    await desk.reads(await desk.page(), shown=None)
    await desk.hears()
    await desk.reads(await desk.page(), shown=None)
    assert await desk.unread() == 0


async def test_what_comes_between_the_page_and_its_reading_was_not_shown(desk: Desk) -> None:
    desk.happens(*FACTS)
    await desk.hears(2)
    page = await desk.page()
    await desk.hears()
    await desk.reads(page)
    assert await desk.unread() == 1


async def test_nobody_has_been_shown_what_is_not_there(desk: Desk) -> None:
    desk.happens(*FACTS)
    await desk.hears()
    page = await desk.page()
    await desk.reads(page, version=2, shown=100)
    assert await desk.unread() == 2


async def test_a_page_that_was_read_before_takes_nothing_back(desk: Desk) -> None:
    desk.happens(*FACTS[:2])
    await desk.hears()
    early = await desk.page()
    desk.happens(*FACTS[2:])
    await desk.hears()
    await desk.reads(await desk.page())
    await desk.reads(early)
    assert await desk.unread() == 0


async def test_who_writes_has_read_what_was_there_but_not_what_came_meanwhile(desk: Desk) -> None:
    desk.happens(*FACTS[:2])
    await desk.hears()
    await desk.writes(MERCHANT_WROTE)
    await desk.hears()
    assert await desk.unread() == 1
    await desk.reads(await desk.page())
    assert await desk.unread() == 0


async def test_ones_own_words_are_never_new_though_no_read_model_has_heard_of_them(desk: Desk) -> None:
    desk.happens(*FACTS[:1])
    await desk.hears()
    for _ in range(3):
        await desk.writes()
    await desk.hears()
    assert await desk.unread() == 0


async def test_a_mark_that_an_older_release_has_left_behind_is_overcome(desk: Desk) -> None:
    """It went by the job's version, and was stuck where the timeline had been behind."""
    desk.happens(*FACTS)
    await desk.hears()
    stuck = {"_id": AIKO.bytes + JOB_ID.bytes, "version": desk.job.version, "seen": 2}
    await desk.database[COLLECTION].insert_one(stuck)
    assert await desk.unread() == 1
    await desk.reads(await desk.page())
    assert await desk.unread() == 0
