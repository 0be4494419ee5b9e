"""How often an address may be written to, and what makes two forms one request."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from services.leads.desk import Desk
from services.leads.directory import Directory
from services.leads.pages import pages
from shared.commands import Unanswered
from shared.contracts.base import derived_id
from shared.contracts.requests import RequestDetails
from shared.http import Problem
from shared.limit import MAILS_PER_QUARTER_HOUR, QUARTER_HOUR
from shared.links import Links
from shared.settings import Settings
from tests.builders import a_merchant, details
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase

FORM = {
    "request_id": "11111111-1111-4111-8111-111111111111",
    "name": "Mia",
    "email": "mia@kettle.example",
    "store_url": "kettle.example",
    "business": "Tea and thread.",
    "service": "seo",
    "title": "Spring launch",
    "requirements": "Be found.",
}


class Door:
    """Takes every command and remembers the ids under which they came."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []

    async def ask(self, _door: Any, _data: Any, subject: UUID, *, command_id: UUID, **_: Any) -> Unanswered:
        assert command_id == subject
        self.asked.append(subject)
        return Unanswered(command_id)


class Public:
    """The public side over a database in memory, with nobody behind its door."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.door = Door()
        database = MemoryDatabase(self.clock.now)
        directory, links = Directory(database, self.clock), Links(Settings(secret_keys="the-key-of-the-tests"))
        self.desk = Desk(self.door, directory, links, database, self.clock)
        app = FastAPI()
        app.include_router(pages(self.desk, directory))
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://leads")

    async def submit(self, number: int, email: str = "mia@kettle.example") -> None:
        about: RequestDetails = details(merchant=a_merchant(email))
        await self.desk.submit(derived_id("request", number), about)

    async def refuses(self, number: int, email: str = "mia@kettle.example") -> bool:
        """Whether it is one too many; any other refusal is raised."""
        try:
            await self.submit(number, email)
        except Problem as problem:
            if (problem.status, problem.code) != (429, "too_many"):
                raise
            return True
        return False

    async def send_form(self, **fields: str) -> httpx2.Response:
        return await self._client.post("/en/requests/new", data={**FORM, **fields})


@pytest.fixture
def public() -> Public:
    return Public()


async def test_the_sixth_request_for_an_address_in_a_quarter_of_an_hour_is_one_too_many(public: Public) -> None:
    for number in range(MAILS_PER_QUARTER_HOUR):
        assert not await public.refuses(number)
    assert await public.refuses(5)
    assert not await public.refuses(6, "ada@other.example")
    assert len(public.door.asked) == 6


async def test_another_spelling_of_an_address_is_no_other_address(public: Public) -> None:
    for number in range(MAILS_PER_QUARTER_HOUR):
        assert not await public.refuses(number)
    assert await public.refuses(5, "MIA@kettle.example")


async def test_one_that_was_taken_may_be_sent_again_as_often_as_one_likes(public: Public) -> None:
    """After a 503, say: the same id is the same request, and makes no second mail."""
    for number in range(MAILS_PER_QUARTER_HOUR):
        await public.submit(number)
    for _ in range(3):
        assert not await public.refuses(0)


async def test_after_a_quarter_of_an_hour_there_is_room_again(public: Public) -> None:
    for number in range(MAILS_PER_QUARTER_HOUR):
        await public.submit(number)
    public.clock.move(QUARTER_HOUR - timedelta(seconds=1))
    assert await public.refuses(5)
    public.clock.move(timedelta(seconds=1))
    assert not await public.refuses(5)


async def test_a_form_that_is_sent_twice_is_one_request(public: Public) -> None:
    for _ in range(2):
        assert (await public.send_form()).status_code == 202
    assert len(set(public.door.asked)) == 1


@pytest.mark.parametrize(
    "fields",
    [{"requirements": "Be found at once."}, {"email": "ada@other.example"}, {"request_id": "another page"}],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_form_with_other_words_is_another_request(public: Public, fields: dict[str, str]) -> None:
    """Else going back and correcting a form would be answered with the old one."""
    await public.send_form()
    assert (await public.send_form(**fields)).status_code == 202
    assert len(set(public.door.asked)) == 2


async def test_the_form_says_that_it_is_one_too_many_and_keeps_what_was_typed(public: Public) -> None:
    for number in range(MAILS_PER_QUARTER_HOUR):
        await public.submit(number)
    answer = await public.send_form()
    assert answer.status_code == 429
    assert "quarter of an hour" in answer.text
    assert "Spring launch" in answer.text
