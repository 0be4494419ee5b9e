"""Live updates: who hears what, and what a page that was cut off is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.gateway import live
from services.gateway.live import Hub, Listener
from services.gateway.read.tenants import MemberTenant
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import CommentAdded, Job, JobBlocked, JobCompleted, JobOpened, Status
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import RequestKind
from shared.metrics import Metrics
from tests.builders import (
    BY_PARTNER,
    BY_SYSTEM,
    KEN,
    MERCHANT_ID,
    PARTNER_ID,
    a_job,
    a_partner,
    an_event,
    received,
    replied,
)
from tests.patience import patience

TEAM = Listener(tenants=((MemberTenant(PARTNER_ID), 1),))
MERCHANT = Listener(merchant_id=MERCHANT_ID)
OPENED, REPLIED = JobOpened(actor=BY_PARTNER), replied()
COMMENT = CommentAdded(text="Hm.", actor=BY_PARTNER)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    stopping = asyncio.Event()
    hub = Hub(Metrics("tests"), stopping)
    hub.stop = stopping.set
    yield hub
    stopping.set()


async def tell(hub: Hub, *facts: Message, job: Job | None = None) -> None:
    job = job or a_job(Status.REPLIED)
    await hub.on_news([received(an_event(fact, job), topic="jobs.events") for fact in facts])


async def hears(hub: Hub, listener: Listener, count: int, since: str | None = None) -> list[tuple[str, str, object]]:
    """The greeting and the next `count` pieces of news."""
    async with asyncio.timeout(patience(5)), aclosing(hub.listen(listener, since)) as stream:
        return [await anext(stream) for _ in range(1 + count)]


async def silent(hub: Hub, listener: Listener, since: str) -> bool:
    """Whether this listener hears nothing of all that came after `since`: the stream ends without a word."""
    hub.stop()
    async with asyncio.timeout(patience(5)):
        return [name async for name, *_ in hub.listen(listener, since)] == ["hello"]


async def greeting(hub: Hub, since: str | None = None, listener: Listener = TEAM) -> tuple[str, str]:
    ((name, cursor, _),) = await hears(hub, listener, 0, since)
    return name, cursor


async def test_a_member_who_sees_assigned_jobs_only_hears_of_those_only(hub: Hub) -> None:
    only = Listener(tenants=((MemberTenant(PARTNER_ID, KEN), 1),))
    _, since = await greeting(hub)
    await tell(hub, OPENED)
    await tell(hub, REPLIED, job=a_job(Status.REPLIED, assignees=(KEN,)))
    _, (_, _, news) = await hears(hub, only, 1, since)
    assert news["type"] == "JobReplied"


async def test_who_leaves_a_team_hears_nothing_more_at_once(hub: Hub) -> None:
    async with asyncio.timeout(patience(5)), aclosing(hub.listen(TEAM, None)) as stream:
        assert (await anext(stream))[0] == "hello"
        await change_the_team(hub, version=2)
        await tell(hub, REPLIED)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_who_is_let_in_after_the_change_stays(hub: Hub) -> None:
    await change_the_team(hub, version=2)
    knows = Listener(tenants=((MemberTenant(PARTNER_ID), 2),))
    async with asyncio.timeout(patience(5)), aclosing(hub.listen(knows, None)) as stream:
        assert (await anext(stream))[0] == "hello"
        await tell(hub, REPLIED)
        assert (await anext(stream))[0] == "job"


async def test_nobody_is_told_of_a_block_but_who_did_it(hub: Hub) -> None:
    _, since = await greeting(hub)
    await tell(hub, JobBlocked(actor=BY_SYSTEM), REPLIED)
    _, (_, _, news) = await hears(hub, TEAM, 1, since)
    assert news["type"] == "JobReplied"


async def change_the_team(hub: Hub, version: int) -> None:
    changed = PartnerChanged(members=())
    event = an_event(changed, a_partner(version=version), subject=PARTNER_ID)
    await hub.on_news([received(event, topic="partners")])


async def test_a_new_page_is_greeted_and_hears_what_comes_from_now_on(hub: Hub) -> None:
    await tell(hub, OPENED)
    async with asyncio.timeout(patience(5)), aclosing(hub.listen(TEAM, None)) as stream:
        assert (await anext(stream))[0] == "hello"
        await tell(hub, REPLIED)
        name, _, news = await anext(stream)
    assert (name, news["type"], news["status"]) == ("job", "JobReplied", "replied")


async def test_a_page_that_comes_back_gets_what_it_missed_in_order(hub: Hub) -> None:
    _, before = await greeting(hub)
    await tell(hub, OPENED, REPLIED, COMMENT)
    hello, *missed = await hears(hub, TEAM, 3, before)
    assert hello[0] == "hello"
    assert [news["type"] for _, _, news in missed] == ["JobOpened", "JobReplied", "CommentAdded"]
    (_, (_, _, last)) = await hears(hub, TEAM, 1, missed[1][1])
    assert last["type"] == "CommentAdded"


async def test_a_page_that_was_away_too_long_is_told_to_load_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REMEMBERED", 2)
    small = Hub(Metrics("tests"), asyncio.Event())
    _, before = await greeting(small)
    await tell(small, OPENED, REPLIED)
    assert (await greeting(small, before))[0] == "hello"
    await tell(small, COMMENT)
    assert (await greeting(small, before))[0] == "reset"


async def test_a_page_that_reads_too_slowly_is_told_to_load_again_and_goes_on(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REMEMBERED", 2)
    small = Hub(Metrics("tests"), asyncio.Event())
    async with asyncio.timeout(patience(5)), aclosing(small.listen(TEAM, None)) as stream:
        assert (await anext(stream))[0] == "hello"
        await tell(small, OPENED, REPLIED, COMMENT)
        name, cursor, _ = await anext(stream)
        assert name == "reset"
        await tell(small, REPLIED)
        assert (await anext(stream))[2]["type"] == "JobReplied"
    assert (await greeting(small, cursor))[0] == "hello"


async def test_a_stream_ends_after_some_minutes_whatever_there_is_to_tell(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has left the team meanwhile has to ask again, and is not let in."""
    time = 0.0
    monkeypatch.setattr(live, "monotonic", lambda: time)
    async with asyncio.timeout(patience(5)), aclosing(hub.listen(TEAM, None)) as stream:
        assert (await anext(stream))[0] == "hello"
        time = live.STREAM_SECONDS - 1
        await tell(hub, OPENED)
        assert (await anext(stream))[0] == "job"
        time = live.STREAM_SECONDS
        await tell(hub, REPLIED)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


@pytest.mark.parametrize("since", ["deadbeef-0", "nonsense", "-", "deadbeef-²", "deadbeef--1"])
async def test_a_page_of_another_replica_or_with_nonsense_is_told_to_load_again(hub: Hub, since: str) -> None:
    assert (await greeting(hub, since))[0] == "reset"


async def test_a_cursor_from_the_future_is_no_cursor(hub: Hub) -> None:
    _, now = await greeting(hub)
    replica = now.partition("-")[0]
    assert (await greeting(hub, f"{replica}-7"))[0] == "reset"


@pytest.mark.parametrize(
    ("who", "listener"),
    [
        ("another team", Listener(tenants=((MemberTenant(derived_id("another")), 1),))),
        ("another merchant", Listener(merchant_id=derived_id("another"))),
        ("somebody with neither", Listener()),
    ],
)
async def test_nobody_hears_of_jobs_that_are_not_theirs(hub: Hub, who: str, listener: Listener) -> None:
    _, before = await greeting(hub)
    await tell(hub, OPENED, REPLIED, JobCompleted(actor=BY_PARTNER))
    assert await silent(hub, listener, before), who


async def test_the_merchant_hears_nothing_of_what_the_team_does_among_itself(hub: Hub) -> None:
    _, before = await greeting(hub)
    await tell(hub, OPENED, COMMENT)
    assert await silent(hub, MERCHANT, before)


async def test_the_merchant_hears_nothing_of_a_partner_that_is_not_introduced(hub: Hub) -> None:
    _, before = await greeting(hub)
    await tell(hub, REPLIED, job=a_job(Status.OPENED))
    assert await silent(hub, MERCHANT, before)


async def test_the_merchant_hears_of_a_direct_job_without_learning_that_it_was_opened(hub: Hub) -> None:
    _, before = await greeting(hub)
    await tell(hub, REPLIED, job=a_job(Status.OPENED, kind=RequestKind.DIRECT))
    _, (_, _, news) = await hears(hub, MERCHANT, 1, before)
    assert news["status"] == "new"


async def test_a_stopping_process_lets_its_listeners_go(hub: Hub) -> None:
    hub.stop()
    async with asyncio.timeout(patience(5)):
        assert [name async for name, *_ in hub.listen(TEAM, None)] == ["hello"]
