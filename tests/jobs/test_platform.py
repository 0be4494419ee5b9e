"""Store access at the platform: every order in which request, answer, revoke and crash can meet.

The job is the real one, behind its real loop; the platform keeps what it was told, and answers as the test says.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr

from deploy.local.platform import Platform as StandIn
from deploy.local.platform import app
from services.jobs.main import JOB, build
from services.jobs.platform import AccessRequest, HttpPlatform, PlatformAnswer
from services.jobs.platform_calls import COLLECTION, KEPT, LEASE_SECONDS, Calls, PlatformCalls, retry_delay
from shared.aggregate import AggregateLoop
from shared.consumer import Consumer
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import (
    AccessStatus,
    AskAccess,
    ConsentAccess,
    DenyAccess,
    ExpireAccess,
    GrantAccess,
    Job,
    Permission,
    RequestAccess,
    RevokeAccess,
    SendMessage,
)
from shared.contracts.requests import StoreProof
from shared.failures import Transient
from shared.memory import MemoryAggregateStore
from shared.metrics import Metrics
from shared.mongo import Database
from shared.publisher import Headers, Outgoing, outgoing
from shared.records import REPLAY_HEADER, Received
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES
from tests.builders import (
    BY_MERCHANT,
    BY_PARTNER,
    BY_SYSTEM,
    JOB_ID,
    MERCHANT_ID,
    PARTNER_ID,
    a_command,
    a_creation,
    received,
)
from tests.fakes import Group, ManualClock, MemoryLog, MemoryPublisher
from tests.flow.world import Quiet
from tests.memory_mongo import MemoryDatabase
from tests.patience import patience

GRANTED, DENIED, PENDING = PlatformAnswer
STORE = "https://kettle.example"
WANTED = AccessRequest(STORE, (Permission.THEMES, Permission.PRODUCTS), 30)
ASK_AGAIN = 30
LONG = timedelta(hours=1)
Meanwhile = Callable[[], Awaitable[None]]


async def nothing() -> None:
    return


class Gate:
    """A platform that does what is asked, unless a test has put something else in line. `meanwhile` happens while the
    platform has acted and its answer has not arrived.
    """

    def __init__(self) -> None:
        self.inside: dict[UUID, AccessRequest] = {}
        self.on_behalf: dict[UUID, tuple[dict[str, str], dict[str, str]]] = {}
        self.revoked: set[UUID] = set()
        self.calls: list[tuple[str, UUID]] = []
        self.answers: list[PlatformAnswer | Exception] = []
        self.meanwhile: Meanwhile = nothing

    async def request(self, key: UUID, access: AccessRequest) -> PlatformAnswer:
        self.calls.append(("request", key))
        answer = self._answer(DENIED if key in self.revoked else GRANTED)
        if answer is GRANTED:
            self.inside[key] = AccessRequest(access.store_url, access.permissions, access.days)
            self.on_behalf[key] = (access.asked_by, access.consent)
        await self._happens()
        return answer

    async def revoke(self, key: UUID) -> None:
        self.calls.append(("revoke", key))
        self._answer(GRANTED)
        self.inside.pop(key, None)
        self.revoked.add(key)
        await self._happens()

    def _answer(self, usual: PlatformAnswer) -> PlatformAnswer:
        answer = self.answers.pop(0) if self.answers else usual
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _happens(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, nothing
        await meanwhile()


class Died(Exception):  # noqa: N818 - what happened to the worker
    """The worker's process is gone: nothing that it would have done afterwards is done."""


async def dies() -> None:
    raise Died


class Desk:
    """The job's loop, the group that notes what the platform has to hear, and any number of workers."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.gate = Gate()
        self.stopping = asyncio.Event()
        self.asked_at = self.clock.now()
        self.database = MemoryDatabase(self.clock.now)
        self.calls = Calls(self.database, self.clock)
        self.before_publish: Callable[[Outgoing], Awaitable[None]] | None = None
        self._store = MemoryAggregateStore()
        publisher, metrics = MemoryPublisher(self.log), Metrics("tests")
        loop = AggregateLoop("jobs", JOB, self._store, publisher, metrics)
        parts = {"publisher": publisher, "metrics": metrics, "clock": self.clock}
        self._door = Group(self.log, Consumer("jobs", "jobs", [JOB_COMMANDS], loop, **parts))
        self._ears = Group(self.log, Consumer("jobs", "jobs.platform", [JOB_EVENTS], self.calls.on_job_events, **parts))

    def worker(self) -> PlatformCalls:
        publisher = MemoryPublisher(self.log, self.before_publish)
        return PlatformCalls(self.calls, self.gate, publisher, self.clock, ASK_AGAIN, self.stopping)

    async def say(self, *commands: Message, noted: bool = True) -> None:
        """Commands in the log, judged by the job; with `noted`, what follows is also heard by the platform's group."""
        for command in commands:
            if isinstance(command, AskAccess):
                self.asked_at = self.clock.now()
            named = {"asked_at": self.asked_at} if isinstance(command, ConsentAccess) else {}
            said = command.model_copy(update=named)
            self.log.append(outgoing(JOB_COMMANDS.name, a_command(said, at=self.clock.now())))
        await self.settle(noted=noted)

    async def settle(self, *, noted: bool = True) -> None:
        groups = [self._door, self._ears] if noted else [self._door]
        while places := [(group, place) for group in groups for place in group.behind()]:
            for group, place in places:
                assert await group.feed(place, twice=True), group.consumer.failure

    async def work(self) -> None:
        """All that is due now, and all that follows from it at once."""
        await self.worker().tick()
        await self.settle()

    async def dying_work(self) -> None:
        with pytest.raises(Died):
            await self.worker().tick()
        self.before_publish = None

    async def in_the_end(self) -> None:
        """Long enough that everything has been done, whatever died and whoever waits."""
        for _ in range(6):
            self.clock.move(timedelta(minutes=6))
            await self.work()
        assert {call["state"] for call in self.documents()} <= {"done"}

    async def job(self) -> Job:
        return (await self._store.load([JOB_ID]))[JOB_ID].state

    async def status(self) -> AccessStatus | None:
        access = (await self.job()).access
        return access.status if access else None

    def documents(self) -> list[dict[str, Any]]:
        return list(self.database[COLLECTION].documents.values())

    def requests(self) -> list[UUID]:
        """The keys, in the order of the requests."""
        found = [call for call in self.documents() if call["step"] == "request"]
        return [call["_id"] for call in sorted(found, key=lambda call: call["version"])]

    def told(self) -> list[Any]:
        """What the platform's answers became on the job's door."""
        records = [JOB_COMMANDS.codec.decode(raw.value) for raw in self.log.records(JOB_COMMANDS.name)]
        return [record for record in records if isinstance(record.data, GrantAccess | DenyAccess)]

    def refusals(self) -> list[str]:
        replies = [REPLIES.codec.decode(raw.value).data for raw in self.log.records(REPLIES.name)]
        return [reply.code for reply in replies if type(reply).__name__ == "CommandRejected"]


ASK = AskAccess(
    permissions=WANTED.permissions,
    days=WANTED.days,
    note="To see your theme.",
    proof=StoreProof.FILE,
    actor=BY_PARTNER,
)
CONSENT = ConsentAccess(actor=BY_MERCHANT)
REQUEST = RequestAccess(permissions=WANTED.permissions, days=WANTED.days, actor=BY_PARTNER)
REVOKE = RevokeAccess(actor=BY_MERCHANT)
UP_TO_REQUEST = (ASK, CONSENT, REQUEST)


@pytest.fixture
async def desk() -> Desk:
    """A job in conversation."""
    desk = Desk()
    await desk.say(a_creation(), SendMessage(text="Hello.", actor=BY_PARTNER))
    return desk


def nobody_is_inside(desk: Desk) -> bool:
    return desk.gate.inside == {}


async def test_a_request_is_granted_and_the_job_knows_until_when(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    await desk.work()
    (key,) = desk.requests()
    assert desk.gate.inside == {key: WANTED}
    access = (await desk.job()).access
    assert access
    assert (access.status, access.expires_at) == (AccessStatus.GRANTED, desk.clock.now() + timedelta(days=30))
    await desk.in_the_end()
    assert desk.gate.calls == [("request", key)]


async def test_nothing_is_called_before_the_merchant_has_consented_and_the_partner_requested(desk: Desk) -> None:
    await desk.say(ASK, REVOKE, ASK, CONSENT, REVOKE)
    await desk.work()
    assert (desk.gate.calls, desk.documents()) == ([], [])


async def test_a_denial_reaches_the_job_and_leaves_nobody_inside(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    desk.gate.answers = [DENIED]
    await desk.work()
    assert await desk.status() is AccessStatus.DENIED
    await desk.in_the_end()
    assert nobody_is_inside(desk)
    assert len(desk.told()) == 1


@pytest.mark.parametrize("answer", [GRANTED, DENIED])
async def test_a_platform_that_has_not_decided_is_asked_again_later(desk: Desk, answer: PlatformAnswer) -> None:
    await desk.say(*UP_TO_REQUEST)
    desk.gate.answers = [PENDING, PENDING, answer]
    await desk.work()
    await desk.work()
    assert len(desk.gate.calls) == 1, "It was asked again at once."
    for _ in range(2):
        assert await desk.status() is AccessStatus.REQUESTED
        desk.clock.move(timedelta(seconds=ASK_AGAIN))
        await desk.work()
    assert await desk.status() == answer.value
    assert len({key for _, key in desk.gate.calls}) == 1


async def test_a_platform_that_is_away_is_tried_for_ever_and_ever_more_slowly(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    desk.gate.answers = [Transient("The platform is away.")] * 200
    for attempt in range(200):
        await desk.work()
        (call,) = desk.documents()
        assert (call["state"], call["attempts"]) == ("waiting", attempt + 1)
        assert call["due_at"] == desk.clock.now() + retry_delay(attempt)
        desk.clock.move(retry_delay(attempt))
    await desk.work()
    assert await desk.status() is AccessStatus.GRANTED


def test_trying_again_slows_down_to_five_minutes() -> None:
    assert [retry_delay(attempts).total_seconds() for attempts in (0, 1, 2, 8, 9, 100_000)] == [1, 2, 4, 256, 300, 300]


async def test_a_platform_that_is_away_does_not_hold_up_the_log(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    desk.gate.answers = [Transient("The platform is away.")]
    await desk.work()
    await desk.say(SendMessage(text="Still here.", actor=BY_PARTNER), REVOKE)
    assert await desk.status() is AccessStatus.REVOKED


# Where a worker can die while it makes a request, and what the merchant may do meanwhile.


async def dies_before_the_call(desk: Desk) -> None:
    assert await desk.calls.claim()


async def dies_with_the_call_made(desk: Desk) -> None:
    desk.gate.meanwhile = dies
    await desk.dying_work()


async def dies_before_telling(desk: Desk) -> None:
    async def before(_record: Outgoing) -> None:
        raise Died

    desk.before_publish = before
    await desk.dying_work()


async def dies_after_telling(desk: Desk) -> None:
    async def lost(*_: object) -> None:
        raise Died

    kept, desk.calls.done = desk.calls.done, lost  # type: ignore[method-assign]
    await desk.dying_work()
    desk.calls.done = kept  # type: ignore[method-assign]


async def lives(desk: Desk) -> None:
    await desk.worker().tick()


async def finds_the_platform_away(desk: Desk) -> None:
    """The call may have arrived all the same."""

    async def away() -> None:
        raise Transient("The answer was lost.")

    desk.gate.meanwhile = away
    await desk.worker().tick()


async def is_told_to_wait(desk: Desk) -> None:
    desk.gate.answers = [PENDING]
    await desk.worker().tick()


ENDS = (
    lives,
    dies_before_the_call,
    dies_with_the_call_made,
    dies_before_telling,
    dies_after_telling,
    finds_the_platform_away,
    is_told_to_wait,
)
ANY_END = pytest.mark.parametrize("end", ENDS)


@ANY_END
async def test_a_request_ends_granted_once_wherever_its_worker_died(
    desk: Desk, end: Callable[[Desk], Awaitable[None]]
) -> None:
    await desk.say(*UP_TO_REQUEST)
    await end(desk)
    await desk.in_the_end()
    (key,) = desk.requests()
    assert desk.gate.inside == {key: WANTED}
    assert await desk.status() is AccessStatus.GRANTED
    assert len({record.id for record in desk.told()}) == 1, "Told twice is told under one id."
    assert desk.refusals() == []


@pytest.mark.parametrize("heard", ["before", "after"])
@ANY_END
async def test_what_is_revoked_meanwhile_is_taken_back_wherever_the_worker_died(
    desk: Desk, end: Callable[[Desk], Awaitable[None]], heard: str
) -> None:
    """The revoke is in the log before the worker ends, and heard of by then, or only afterwards."""
    await desk.say(*UP_TO_REQUEST)

    async def the_merchant_revokes() -> None:
        await desk.say(REVOKE, noted=heard == "before")

    if end in (lives, dies_before_telling, dies_after_telling):
        desk.gate.meanwhile = the_merchant_revokes
    else:
        await the_merchant_revokes()
    if end is dies_before_telling and heard == "before":
        end = lives  # there is nothing to tell any more
    await end(desk)
    await desk.in_the_end()
    assert nobody_is_inside(desk)
    assert await desk.status() is AccessStatus.REVOKED
    assert set(desk.refusals()) <= {"wrong_access"}


@ANY_END
async def test_a_later_request_is_granted_with_a_key_of_its_own_wherever_the_first_one_got(
    desk: Desk, end: Callable[[Desk], Awaitable[None]]
) -> None:
    await desk.say(*UP_TO_REQUEST)
    await end(desk)
    await desk.say(REVOKE, *UP_TO_REQUEST)
    await desk.in_the_end()
    first, second = desk.requests()
    assert desk.gate.inside == {second: WANTED}
    assert await desk.status() is AccessStatus.GRANTED
    assert ("revoke", first) in desk.gate.calls
    assert ("revoke", second) not in desk.gate.calls


async def test_a_revoke_waits_until_the_request_before_it_has_been_answered(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)

    async def revoked_while_in_flight() -> None:
        await desk.say(REVOKE)
        await desk.worker().tick()
        assert [step for step, _ in desk.gate.calls] == ["request"]

    desk.gate.meanwhile = revoked_while_in_flight
    await desk.work()
    assert desk.told() == [], "Nobody waits for this answer any more."
    desk.clock.move(timedelta(seconds=1))
    await desk.work()
    assert [step for step, _ in desk.gate.calls] == ["request", "revoke"]
    assert nobody_is_inside(desk)


async def test_a_revoke_does_not_wait_for_a_request_that_waits_for_the_platform(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    await finds_the_platform_away(desk)
    (key,) = desk.requests()
    assert key in desk.gate.inside
    await desk.say(REVOKE)
    await desk.work()
    assert desk.gate.calls == [("request", key), ("revoke", key)]
    assert nobody_is_inside(desk)


async def test_a_revoke_is_never_given_up(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    await desk.work()
    await desk.say(REVOKE)
    desk.gate.answers = [Transient("The platform is away.")] * 100
    for attempt in range(100):
        await desk.work()
        desk.clock.move(retry_delay(attempt))
    assert not nobody_is_inside(desk)
    await desk.work()
    assert nobody_is_inside(desk)


async def test_each_revoke_takes_back_the_request_before_it(desk: Desk) -> None:
    for _ in range(3):
        await desk.say(*UP_TO_REQUEST)
        await desk.work()
        await desk.say(REVOKE)
        await desk.work()
        assert nobody_is_inside(desk)
    assert [key for step, key in desk.gate.calls if step == "revoke"] == desk.requests()


async def test_an_end_is_never_noted_without_the_request_it_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """MongoDB goes away in the middle of a batch."""
    await desk.say(*UP_TO_REQUEST, REVOKE, noted=False)
    collection = desk.database[COLLECTION]
    write, left = collection.bulk_write, iter([True])

    async def once(*operations: Any, **options: Any) -> Any:
        if not next(left, False):
            raise ConnectionError("MongoDB is away.")
        return await write(*operations, **options)

    monkeypatch.setattr(collection, "bulk_write", once)
    with pytest.raises(ConnectionError):
        await desk.calls.on_job_events(events(desk))
    assert [call["step"] for call in desk.documents()] == ["request"]


async def test_a_grant_that_the_job_refuses_is_taken_back(desk: Desk) -> None:
    """The group lags: the worker cannot know of the revoke yet."""
    await desk.say(*UP_TO_REQUEST)
    await desk.say(REVOKE, noted=False)
    await desk.worker().tick()
    await desk.settle(noted=False)
    assert set(desk.refusals()) == {"wrong_access"}
    assert not nobody_is_inside(desk)
    await desk.settle()
    await desk.work()
    assert nobody_is_inside(desk)


async def test_a_denial_that_the_job_takes_for_a_later_request_leaves_nobody_inside(desk: Desk) -> None:
    """The group lags behind a revoke and a second request: the first one's denial is taken for the second one's."""
    await desk.say(*UP_TO_REQUEST)
    await desk.say(REVOKE, *UP_TO_REQUEST, noted=False)
    desk.gate.answers = [DENIED]
    await desk.worker().tick()
    await desk.in_the_end()
    assert await desk.status() is AccessStatus.DENIED
    assert nobody_is_inside(desk)


async def test_a_grant_that_has_run_out_is_taken_back(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    await desk.work()
    access = (await desk.job()).access
    assert access
    assert access.expires_at
    desk.clock.move(timedelta(days=30))
    await desk.say(ExpireAccess(expires_at=access.expires_at, actor=BY_SYSTEM))
    assert await desk.status() is AccessStatus.EXPIRED
    await desk.work()
    assert nobody_is_inside(desk)


async def test_a_request_is_kept_until_its_grant_has_ended_and_then_for_a_month(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    await desk.work()
    desk.clock.move(timedelta(days=29))
    assert not any("forget_at" in call for call in desk.documents())
    await desk.say(REVOKE)
    await desk.work()
    assert [call["forget_at"] for call in desk.documents()] == [desk.clock.now() + KEPT] * 2


@pytest.mark.parametrize("workers", [2, 5])
async def test_two_workers_make_every_call_once(desk: Desk, workers: int) -> None:
    await desk.say(*UP_TO_REQUEST)

    async def others_look() -> None:
        await asyncio.gather(*[desk.worker().tick() for _ in range(workers - 1)])

    desk.gate.meanwhile = others_look
    await asyncio.gather(*[desk.worker().tick() for _ in range(workers)])
    await desk.settle()
    assert len(desk.gate.calls) == len(desk.told()) == 1
    assert await desk.status() is AccessStatus.GRANTED


async def test_a_process_asks_for_several_jobs_at_once_and_for_each_job_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A platform that takes its time for one store held up all others of the process."""
    clock, log = ManualClock(), MemoryLog()
    service = Quiet(
        "jobs",
        Settings(platform_workers=3),
        publisher=MemoryPublisher(log),
        database=MemoryDatabase(clock.now),
        clock=clock,
    )
    build(service)
    together, asked, under_way = asyncio.Barrier(3), [], set()

    async def request(_platform: HttpPlatform, key: UUID, _access: AccessRequest) -> PlatformAnswer:
        job_id = service.database[COLLECTION].documents[key]["job_id"]
        assert job_id not in under_way
        under_way.add(job_id)
        async with asyncio.timeout(patience(20)):
            await together.wait()
        asked.append(key)
        under_way.discard(job_id)
        return DENIED

    async def revoke(_platform: HttpPlatform, key: UUID) -> None:
        assert key in asked, "The revoke has waited for the request before it."

    monkeypatch.setattr(HttpPlatform, "request", request)
    monkeypatch.setattr(HttpPlatform, "revoke", revoke)
    for number in range(3):
        await note_call(service, number, 1, "request")
    workers = [work for name, work in service.tasks.items() if name.startswith("platform")]
    assert len(workers) == 3
    running = asyncio.gather(*[work() for work in workers])
    while len(under_way) < 2:
        await asyncio.sleep(0)
    await note_call(service, 0, 2, "revoke")
    await running
    clock.move(timedelta(seconds=5))
    await asyncio.gather(*[work() for work in workers])
    assert {call["state"] for call in service.database[COLLECTION].documents.values()} == {"done"}


async def note_call(service: Service, number: int, version: int, step: str) -> None:
    call = {
        "_id": derived_id("call", number, version),
        "job_id": derived_id("job", number),
        "version": version,
        "step": step,
        "store_url": STORE,
        "permissions": ["themes"],
        "days": 3,
        "requested_at": service.clock.now(),
        "correlation_id": JOB_ID,
        "state": "waiting",
        "attempts": 0,
        "due_at": service.clock.now(),
    }
    await service.database[COLLECTION].insert_one(call)


@pytest.mark.parametrize("late", [None, Transient("The answer was lost.")], ids=["granted", "away"])
async def test_a_worker_that_was_too_slow_changes_nothing_that_another_has_done(
    desk: Desk, late: Exception | None
) -> None:
    await desk.say(*UP_TO_REQUEST)

    async def slowly() -> None:
        desk.clock.move(timedelta(seconds=LEASE_SECONDS + 1))
        await desk.work()
        await desk.say(REVOKE)
        await desk.work()
        assert nobody_is_inside(desk)
        if late:
            raise late

    desk.gate.meanwhile = slowly
    await desk.work()
    assert {call["state"] for call in desk.documents()} == {"done"}
    await desk.in_the_end()
    assert nobody_is_inside(desk)
    assert await desk.status() is AccessStatus.REVOKED
    assert len({record.id for record in desk.told()}) == 1


async def test_a_worker_that_is_asked_to_stop_ends_between_two_calls(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    desk.stopping.set()
    await desk.work()
    assert desk.gate.calls == []


async def test_a_replayed_request_asks_for_nothing(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST, noted=False)
    await desk.calls.on_job_events(replayed(desk))
    assert desk.documents() == []


async def test_a_replayed_revoke_takes_back_once_more(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST, REVOKE, noted=False)
    await desk.calls.on_job_events(replayed(desk))
    assert [call["step"] for call in desk.documents()] == ["revoke"]
    await desk.work()
    assert {call["state"] for call in desk.documents() if call["step"] == "revoke"} == {"done"}


def replayed(desk: Desk) -> Sequence[Received]:
    return events(desk, headers=[(REPLAY_HEADER, b"1")])


def events(desk: Desk, headers: Headers = ()) -> Sequence[Received]:
    said = [JOB_EVENTS.codec.decode(raw.value) for raw in desk.log.records(JOB_EVENTS.name)]
    return [received(event, topic=JOB_EVENTS.name, headers=headers) for event in said]


async def test_on_a_real_server_the_calls_are_the_same(desk: Desk, mongo_database: Database) -> None:
    await desk.say(*UP_TO_REQUEST, REVOKE, *UP_TO_REQUEST, noted=False)
    calls = Calls(mongo_database, desk.clock)
    await calls.prepare()
    for _ in range(2):
        await calls.on_job_events(events(desk))
    publisher = MemoryPublisher(desk.log)
    worker = PlatformCalls(calls, desk.gate, publisher, desk.clock, ASK_AGAIN, desk.stopping)
    desk.gate.answers = [Transient("The platform is away.")]
    for _ in range(10):
        await asyncio.gather(*[worker.tick() for _ in range(3)])
        desk.clock.move(timedelta(seconds=5))
    found = [call async for call in mongo_database[COLLECTION].find({}).sort("version", 1)]
    first, revoke, second = found
    assert [call["state"] for call in found] == ["done"] * 3
    assert [("forget_at" in call) for call in found] == [True, True, False]
    assert revoke["_id"] not in [key for _, key in desk.gate.calls]
    assert desk.gate.inside == {second["_id"]: WANTED}
    assert ("revoke", first["_id"]) in desk.gate.calls
    await desk.settle(noted=False)
    assert await desk.status() is AccessStatus.GRANTED


# The HTTP adapter, first against the stand-in that `jobwire up` runs.


class Wired(HttpPlatform):
    """The adapter, with another application in the place of the network."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, token: str = "") -> None:
        super().__init__("http://platform/v1/", SecretStr(token))
        self.client()
        assert self._connected
        self._connected = httpx2.AsyncClient(transport=transport, headers=self._connected.headers)


KEY, OTHER = derived_id("a key"), derived_id("another key")


def stand_in(platform: StandIn) -> HttpPlatform:
    wired = Wired(httpx2.ASGITransport(app=app(platform)))
    wired._url = "http://platform"
    return wired


async def test_the_stand_in_grants_once_and_takes_back_for_good() -> None:
    here = StandIn()
    platform = stand_in(here)
    assert [await platform.request(KEY, WANTED) for _ in range(2)] == [GRANTED, GRANTED]
    assert list(here.granted) == [KEY]
    await platform.revoke(KEY)
    await platform.revoke(KEY)
    assert here.granted == {}
    assert await platform.request(KEY, WANTED) is DENIED, "It came late."
    await platform.revoke(OTHER)


@pytest.mark.parametrize(
    ("host", "answers"),
    [("kettle.example", [GRANTED] * 2), ("deny.kettle.example", [DENIED] * 2), ("slow.k.example", [PENDING, GRANTED])],
)
async def test_the_stand_in_answers_by_the_stores_name(host: str, answers: list[PlatformAnswer]) -> None:
    platform = stand_in(StandIn())
    wanted = AccessRequest(f"https://{host}/", WANTED.permissions, 30)
    assert [await platform.request(KEY, wanted) for _ in answers] == answers


class Scripted(httpx2.AsyncBaseTransport):
    """Answers one thing, and keeps what was asked."""

    def __init__(self, answer: httpx2.Response | Exception) -> None:
        self.answer = answer
        self.asked: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answering(status: int, body: Any = None) -> Scripted:
    return Scripted(httpx2.Response(status, json=body))


async def test_the_adapter_says_what_is_wanted_and_who_asks() -> None:
    said = answering(200, {"status": "granted"})
    await Wired(said, "the-token").request(KEY, WANTED)
    (request,) = said.asked
    assert (request.method, str(request.url)) == ("PUT", f"http://platform/v1/collaborators/{KEY}")
    assert request.headers["Authorization"] == "Bearer the-token"
    assert json.loads(request.content) == {
        "store_url": "https://kettle.example",
        "permissions": ["themes", "products"],
        "days": 30,
        "asked_by": {},
        "consent": {},
    }


async def test_without_a_token_none_is_sent() -> None:
    said = answering(204)
    await Wired(said).revoke(KEY)
    assert "Authorization" not in said.asked[0].headers


@pytest.mark.parametrize("status", [400, 403, 409, 422])
async def test_a_refusal_of_the_request_is_a_denial(status: int) -> None:
    assert await Wired(answering(status, {"detail": "No."})).request(KEY, WANTED) is DENIED


AWAY = [
    *[answering(status) for status in (302, 401, 404, 408, 429, 500, 502, 503, 504)],
    answering(200),
    answering(200, {"status": "perhaps"}),
    answering(200, ["granted"]),
    Scripted(httpx2.Response(200, content=b"<html>Bad gateway</html>")),
    Scripted(httpx2.ConnectError("Nobody listens.")),
    Scripted(httpx2.ReadTimeout("No answer.")),
    Scripted(httpx2.RemoteProtocolError("This is no HTTP.")),
]


@pytest.mark.parametrize("transport", AWAY)
async def test_whatever_is_no_answer_is_asked_again(transport: Scripted) -> None:
    with pytest.raises(Transient):
        await Wired(transport).request(KEY, WANTED)


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_what_the_platform_does_not_know_is_taken_back(status: int) -> None:
    await Wired(answering(status)).revoke(KEY)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 408, 429, 500, 503])
async def test_no_refusal_ends_a_revoke(status: int) -> None:
    with pytest.raises(Transient):
        await Wired(answering(status)).revoke(KEY)


async def test_an_answer_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, _request: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr("services.jobs.platform.CALL_SECONDS", 0.01)
    with pytest.raises(Transient, match="TimeoutError"):
        await Wired(Endless()).request(KEY, WANTED)


@pytest.mark.parametrize("url", ["", "platform.example", "ftp://platform.example", "http://[platform"])
async def test_a_wrong_address_costs_no_request(url: str) -> None:
    with pytest.raises(Transient):
        await HttpPlatform(url, SecretStr("")).request(KEY, WANTED)


async def test_the_platform_is_told_who_asks_who_has_consented_and_how_the_store_was_shown(desk: Desk) -> None:
    await desk.say(*UP_TO_REQUEST)
    await desk.work()
    ((asked_by, consent),) = desk.gate.on_behalf.values()
    assert asked_by == {"partner_id": str(PARTNER_ID), "member_id": str(BY_PARTNER.member_id), "name": BY_PARTNER.name}
    assert consent == {"merchant_id": str(MERCHANT_ID), "at": desk.asked_at.isoformat(), "proof": "file"}


async def test_an_ask_that_ends_before_it_was_requested_is_nothing_to_the_platform(desk: Desk) -> None:
    await desk.say(ASK, CONSENT, REVOKE)
    await desk.work()
    assert desk.gate.calls == []
