"""Who leaves a team loses its jobs, and a block closes all that is between the two, in whatever order it is heard."""

from itertools import permutations
from typing import Any

import pytest

from services.jobs.job import decide, evolve
from services.jobs.main import JOB
from services.jobs.partners import PartnerWatch
from services.jobs.table import CLOSED
from shared.contracts.base import Message, derived_id
from shared.contracts.codec import encode
from shared.contracts.jobs import (
    AssignMember,
    CloseJob,
    DeclineReason,
    Job,
    JobCreated,
    MembersAssigned,
    Status,
    UnassignMember,
)
from shared.contracts.partners import MOST_BLOCKS, Partner, PartnerChanged, Suspension
from shared.records import Received
from shared.topics import JOB_COMMANDS
from tests.builders import (
    AIKO,
    BY_PARTNER,
    JOB_ID,
    KEN,
    MERCHANT_ID,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_job,
    a_member,
    a_partner,
    an_event,
    details,
    received,
)
from tests.fakes import MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

CREATED = JobCreated(
    reply_window_seconds=1, remind_before_seconds=(), request_id=REQUEST_ID, partner_id=PARTNER_ID, details=details()
)
ALONE = a_partner(members=(a_member(),), version=2)
BLOCKED = a_partner(blocked_by=(MERCHANT_ID,), version=2)


class Watched:
    """A watch over one job's document and the log that it orders on."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.jobs = self.database["jobs"]
        self.log = MemoryLog()
        self.watch = PartnerWatch(self.database, self.jobs, MemoryPublisher(self.log))

    async def stored(self, job: Job) -> None:
        """As the loop stores a job: before its event is told."""
        await self.jobs.delete_many({"_id": job.job_id})
        state = {"state": job.model_dump(mode="json"), **JOB.indexed(job)}
        await self.jobs.insert_one({"_id": job.job_id, **state})

    async def hears(self, *records: Received) -> None:
        await self.watch(records)

    def orders(self) -> list[Message]:
        return [JOB_COMMANDS.codec.decode(raw.value).data for raw in self.log.records(JOB_COMMANDS.name)]


def of_partner(fact: PartnerChanged, partner: Partner) -> Received:
    return received(an_event(fact, partner, subject=PARTNER_ID), topic="partners")


def of_job(fact: Message, job: Job) -> Received:
    return received(an_event(fact, job), topic="jobs.events")


LEAVES = of_partner(PartnerChanged(members=ALONE.members, removed=a_member("Ken")), ALONE)
SUSPENDED = a_partner(suspended=Suspension(reason="Spam.", at=NOW), version=2)
SUSPENDS = of_partner(PartnerChanged(suspended=SUSPENDED.suspended), SUSPENDED)
BLOCKS = of_partner(PartnerChanged(blocked_by=BLOCKED.blocked_by), BLOCKED)


@pytest.fixture
def watched() -> Watched:
    return Watched()


async def test_who_leaves_loses_its_jobs(watched: Watched) -> None:
    await watched.stored(a_job(Status.REPLIED, assignees=(AIKO, KEN)))
    await watched.hears(LEAVES)
    (order,) = watched.orders()
    assert isinstance(order, UnassignMember)
    assert order.member_id == KEN


async def test_who_is_gone_is_assigned_nothing(watched: Watched) -> None:
    await watched.hears(LEAVES)
    assigned = a_job(Status.REPLIED, assignees=(KEN,))
    await watched.stored(assigned)
    await watched.hears(of_job(MembersAssigned(member_ids=(KEN,), added=(KEN,), actor=BY_PARTNER), assigned))
    assert [order.member_id for order in watched.orders()] == [KEN]


async def test_who_is_in_the_team_stays_assigned(watched: Watched) -> None:
    await watched.hears(LEAVES)
    assigned = a_job(Status.REPLIED, assignees=(AIKO,))
    await watched.stored(assigned)
    await watched.hears(of_job(MembersAssigned(member_ids=(AIKO,), added=(AIKO,), actor=BY_PARTNER), assigned))
    assert watched.orders() == []


@pytest.mark.parametrize("first", ["the block", "the job"])
async def test_a_block_closes_the_job_whichever_is_heard_first(watched: Watched, first: str) -> None:
    steps: list[Any] = [lambda: watched.hears(BLOCKS), lambda: new_job(watched)]
    for step in steps if first == "the block" else steps[::-1]:
        await step()
    closed = {type(order) for order in watched.orders()}
    assert closed == {CloseJob}


@pytest.mark.parametrize("first", ["the suspension", "the job"])
async def test_a_suspension_closes_the_job_whichever_is_heard_first(watched: Watched, first: str) -> None:
    steps: list[Any] = [lambda: watched.hears(SUSPENDS), lambda: new_job(watched)]
    for step in steps if first == "the suspension" else steps[::-1]:
        await step()
    (order,) = watched.orders()
    assert isinstance(order, CloseJob)
    assert order.reason is DeclineReason.SUSPENDED


@pytest.mark.parametrize("status", Status)
async def test_a_suspension_leaves_alone_what_is_over(watched: Watched, status: Status) -> None:
    await watched.stored(a_job(status))
    await watched.hears(SUSPENDS)
    assert len(watched.orders()) == (status not in CLOSED)


async def test_a_suspension_is_found_in_what_is_left_of_a_compacted_log(watched: Watched) -> None:
    await new_job(watched)
    await watched.hears(of_partner(PartnerChanged(), SUSPENDED.model_copy(update={"version": 5})))
    assert [order.reason for order in watched.orders()] == [DeclineReason.SUSPENDED]


async def test_a_suspension_that_is_read_again_after_the_restoring_closes_nothing(watched: Watched) -> None:
    await watched.hears(SUSPENDS, of_partner(PartnerChanged(restored=True), a_partner(version=3)))
    await new_job(watched)
    await watched.hears(SUSPENDS)
    assert watched.orders() == []


async def test_a_job_that_a_suspension_has_closed_is_not_closed_again(watched: Watched) -> None:
    await watched.stored(a_job(Status.COMPLETED, suspended=True))
    await watched.hears(SUSPENDS)
    assert watched.orders() == []


async def test_heard_again_it_orders_nothing_new(watched: Watched) -> None:
    await new_job(watched)
    for _ in range(3):
        await watched.hears(BLOCKS)
    ids = {JOB_COMMANDS.codec.decode(raw.value).id for raw in watched.log.records(JOB_COMMANDS.name)}
    assert len(ids) == 1


async def test_an_older_change_that_comes_late_brings_nobody_back(watched: Watched) -> None:
    whole = of_partner(PartnerChanged(members=a_partner().members), a_partner(version=1))
    for order in permutations((LEAVES, whole)):
        fresh = Watched()
        await fresh.hears(*order)
        document = await fresh.database["partners"].find_one({"_id": PARTNER_ID})
        assert document["members"] == [AIKO]


async def test_another_merchants_job_stays(watched: Watched) -> None:
    other = a_job(Status.REPLIED, details=details(merchant=a_job().details.merchant))
    await watched.stored(other)
    unblocked = a_partner(blocked_by=(JOB_ID,), version=2)
    await watched.hears(of_partner(PartnerChanged(blocked_by=unblocked.blocked_by), unblocked))
    assert watched.orders() == []


async def test_a_block_that_names_one_merchant_leaves_the_jobs_of_those_before_alone(watched: Watched) -> None:
    await watched.stored(a_job(Status.REPLIED, blocked=True))
    other = derived_id("another merchant")
    both = a_partner(blocked_by=(MERCHANT_ID, other), version=3)
    await watched.hears(of_partner(PartnerChanged(blocked_by=both.blocked_by, blocked=other), both))
    assert watched.orders() == []


async def test_a_block_holds_when_so_many_came_after_it_that_the_partners_record_does_not_name_it(
    watched: Watched,
) -> None:
    earlier = a_job(Status.DECLINED, blocked=True).model_copy(update={"job_id": derived_id("an earlier job")})
    await watched.stored(earlier)
    later = tuple(derived_id("merchant", number) for number in range(MOST_BLOCKS))
    await watched.hears(of_partner(PartnerChanged(), a_partner(blocked_by=later, version=9)))
    await new_job(watched)
    assert [type(order) for order in watched.orders()] == [CloseJob]


async def new_job(watched: Watched) -> None:
    await watched.stored(a_job())
    await watched.hears(of_job(CREATED, a_job()))


def test_the_records_of_this_test_are_what_travels() -> None:
    assert encode(LEAVES.record)
    assert encode(BLOCKS.record)


class Heard:
    """A watch with the jobs that it orders about: what is ordered is decided by the jobs themselves, at once or when
    everything has been heard.
    """

    def __init__(self, *, at_once: bool) -> None:
        self.watched, self._at_once, self._done = Watched(), at_once, 0
        self.jobs = {name: a_job(Status.REPLIED, job_id=derived_id("job", name)) for name in ("before", "after")}

    async def assigned(self, name: str, seen: int) -> Received:
        """Ken, by somebody who saw the team at this version. Gives what the job says of it."""
        job, command = self.jobs[name], AssignMember(member_id=KEN, team_version=seen, actor=BY_PARTNER)
        await self._told(name, command)
        fact = MembersAssigned(member_ids=(KEN,), added=(KEN,), team_versions={KEN: seen}, actor=BY_PARTNER)
        return received(an_event(fact, self.jobs[name], subject=job.job_id), topic="jobs.events")

    async def hears(self, record: Received) -> None:
        await self.watched.hears(record)
        if self._at_once:
            await self.settle()

    async def settle(self) -> None:
        raws = self.watched.log.records(JOB_COMMANDS.name)
        for raw in raws[self._done :]:
            order = JOB_COMMANDS.codec.decode(raw.value)
            await self._told(next(name for name, job in self.jobs.items() if job.job_id == order.subject), order.data)
        self._done = len(raws)

    async def _told(self, name: str, command: Message) -> None:
        job = self.jobs[name]
        for fact in decide(job, command, job.job_id, NOW):
            job = evolve(job, fact, job.job_id, NOW).model_copy(update={"version": job.version + 1})
        self.jobs[name] = job
        await self.watched.stored(job)

    def has_ken(self, name: str) -> bool:
        return KEN in self.jobs[name].assignees


def at(version: int, *, ken: bool, removed: bool = False, snapshot: int | None = None) -> Received:
    """A change of the team at this version; its snapshot may be newer."""
    members = (a_member(), a_member("Ken")) if ken else (a_member(),)
    fact = PartnerChanged(members=members, removed=a_member("Ken") if removed else None)
    event_id = derived_id("change of the team", version)
    event = an_event(
        fact, a_partner(members=members, version=snapshot or version), subject=PARTNER_ID, event_id=event_id
    )
    return received(event.model_copy(update={"version": version}), topic="partners")


FOUNDED, JOINS, LEFT, BACK = at(1, ken=False), at(2, ken=True), at(3, ken=False, removed=True), at(4, ken=True)
LEFT_AND_BACK = at(3, ken=True, removed=True, snapshot=4)
"""As it is told again when Ken is back already."""


def interleaved(*threads: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """All orders in which each thread keeps its own."""
    if not any(threads):
        return [()]
    return [
        (thread[0], *rest)
        for number, thread in enumerate(threads)
        if thread
        for rest in interleaved(*threads[:number], thread[1:], *threads[number + 1 :])
    ]


async def walked(steps: tuple[Any, ...], seen: dict[str, int], again: tuple[Received, ...], *, at_once: bool) -> Heard:
    """`steps` are changes of the team, and a job's name twice: when Ken is assigned, and when that is heard."""
    heard, said = Heard(at_once=at_once), dict[str, Received]()
    await heard.hears(FOUNDED)
    for step in steps:
        if not isinstance(step, str):
            await heard.hears(step)
        elif step in said:
            await heard.hears(said[step])
        else:
            said[step] = await heard.assigned(step, seen[step])
    for record in (*again, *said.values(), *again):
        await heard.hears(record)
    await heard.settle()
    return heard


ASSIGNED_BEFORE, ASSIGNED_AFTER = ("before", "before"), ("after", "after")
SOONER_OR_LATER = pytest.mark.parametrize("at_once", [True, False], ids=["decided at once", "decided last"])


@SOONER_OR_LATER
@pytest.mark.parametrize("seen", [2, 0], ids=["seen in the team", "by an older release"])
async def test_who_has_just_joined_stays_assigned_whatever_is_heard_first(seen: int, *, at_once: bool) -> None:
    for steps in interleaved((JOINS,), ASSIGNED_BEFORE):
        assert (await walked(steps, {"before": seen}, (JOINS,), at_once=at_once)).has_ken("before"), steps


@SOONER_OR_LATER
@pytest.mark.parametrize("seen", [2, 0], ids=["seen in the team", "by an older release"])
async def test_who_has_left_is_assigned_nothing_whatever_is_heard_first(seen: int, *, at_once: bool) -> None:
    for steps in interleaved((JOINS, LEFT), ASSIGNED_BEFORE):
        for again in permutations((JOINS, LEFT)):
            heard = await walked(steps, {"before": seen}, again, at_once=at_once)
            assert not heard.has_ken("before"), steps


@SOONER_OR_LATER
async def test_who_is_back_keeps_what_was_assigned_since_whatever_is_heard_first(*, at_once: bool) -> None:
    for steps in interleaved((JOINS, LEFT, BACK), ASSIGNED_BEFORE, ASSIGNED_AFTER):
        again = (LEFT_AND_BACK, LEFT, BACK)
        assert (await walked(steps, {"before": 2, "after": 4}, again, at_once=at_once)).has_ken("after"), steps


@pytest.mark.parametrize("again", [(LEFT,), (LEFT_AND_BACK,)], ids=["as it was", "with what came since"])
async def test_a_leaving_that_is_told_again_takes_nothing_from_who_is_back(again: tuple[Received, ...]) -> None:
    """Also where an older release assigned, so that nobody knows who was seen in the team."""
    steps = (JOINS, LEFT, BACK, *ASSIGNED_AFTER)
    heard = await walked(steps, {"after": 0}, again, at_once=True)
    assert heard.has_ken("after")


async def test_what_an_older_release_remembered_of_a_partner_is_understood(watched: Watched) -> None:
    """It knew who was in the team, and nothing of who had left."""
    old = {"_id": PARTNER_ID, "version": 1, "blocked_by": [MERCHANT_ID], "members": [AIKO]}
    await watched.database["partners"].insert_one(old)
    assigned = a_job(Status.REPLIED, assignees=(KEN,))
    await watched.stored(assigned)
    await watched.hears(of_job(MembersAssigned(member_ids=(KEN,), added=(KEN,), actor=BY_PARTNER), assigned))
    assert watched.orders() == []
    await new_job(watched)
    await watched.hears(LEAVES)
    assert [type(order) for order in watched.orders()] == [CloseJob]
