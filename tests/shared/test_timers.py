"""The clock of the aggregates: everything due is told, by whoever is there, the longest overdue first."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.jobs.timers import told
from shared import timers
from shared.decisions import Timer
from shared.failures import Transient
from shared.metrics import Metrics
from shared.mongo import CODEC, Database
from shared.shares import Share, Sharing
from shared.timers import Timers, indexed, prepare
from shared.topics import JOB_COMMANDS
from tests.builders import NOW
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

SECOND = timedelta(seconds=1)


class Clockwork:
    """Jobs with timers, and scanners of any number of replicas."""

    def __init__(self, database: Any = None) -> None:
        self.clock = ManualClock()
        self.database = MemoryDatabase(self.clock.now) if database is None else database
        self.jobs = self.database["jobs"]
        self.log = MemoryLog(self.clock)
        self.stopping = asyncio.Event()
        self.published: list[int] = []

    def replica(self, seconds: float = 5.0) -> Timers:
        self.metrics = Metrics("tests")
        return Timers(
            "jobs",
            JOB_COMMANDS,
            self.jobs,
            told,
            sharing=Sharing(self.database["leases"], "timers of jobs", seconds),
            stopping=self.stopping,
            publisher=MemoryPublisher(self.log),
            clock=self.clock,
            metrics=self.metrics,
        )

    async def due(self, count: int, *, overdue: timedelta = SECOND) -> list[UUID]:
        ids = [uuid4() for _ in range(count)]
        for number, one in enumerate(ids):
            timer = Timer("expire", self.clock.now() - overdue + timedelta(milliseconds=number))
            await self.jobs.insert_one({"_id": one, **indexed(timer)})
        return ids

    def told(self) -> list[UUID]:
        """The jobs that were told, in the order of the telling."""
        records = [JOB_COMMANDS.codec.decode(raw.value) for raw in self.log.records(JOB_COMMANDS.name)]
        return [record.subject for record in records]

    def commands(self) -> set[UUID]:
        return {JOB_COMMANDS.codec.decode(raw.value).id for raw in self.log.records(JOB_COMMANDS.name)}

    def late(self) -> float | None:
        return self.metrics.registry.get_sample_value("jobwire_timers_late_seconds")


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


async def test_a_timer_is_told_when_it_is_due_and_not_before(clockwork: Clockwork) -> None:
    scanner = clockwork.replica()
    (early,) = await clockwork.due(1, overdue=-SECOND)
    await scanner.tick()
    assert clockwork.told() == []
    clockwork.clock.move(SECOND)
    await scanner.tick()
    assert clockwork.told() == [early]


async def test_a_timer_that_is_not_handled_is_told_again_after_a_while_and_not_before(clockwork: Clockwork) -> None:
    scanner, other = clockwork.replica(), clockwork.replica()
    await clockwork.due(1, overdue=timedelta(0))
    for _ in range(29):
        await scanner.tick()
        clockwork.clock.move(SECOND)
    assert len(clockwork.told()) == 1
    clockwork.clock.move(SECOND)
    await scanner.tick()
    assert len(clockwork.commands()) == 2
    await other.tick()
    assert len(clockwork.commands()) == 2, "Another replica says the same command."


async def test_one_tick_tells_all_that_is_due_however_much_it_is_and_the_longest_overdue_first(
    clockwork: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, each tick told 500: a thousand in a second, whatever was due."""
    monkeypatch.setattr(timers, "AT_ONCE", 10)
    monkeypatch.setattr(timers, "PART", 4)
    clockwork.log.partitions = 1
    ids = await clockwork.due(55)
    scanner = clockwork.replica()
    handled_by(clockwork, scanner)
    await scanner.tick()
    assert clockwork.told() == ids


async def test_what_is_told_and_not_handled_yet_is_not_piled_up(
    clockwork: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People's commands wait behind these: in one partition, the log's order decides."""
    monkeypatch.setattr(timers, "AT_ONCE", 10)
    ids = await clockwork.due(55)
    for _ in range(3):
        await clockwork.replica().tick()
    assert set(clockwork.told()) <= set(ids)
    assert len(set(clockwork.told())) <= 30


async def test_a_stopping_process_ends_its_tick(clockwork: Clockwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "AT_ONCE", 10)
    await clockwork.due(55)
    scanner = clockwork.replica()
    handled_by(clockwork, scanner)
    clockwork.stopping.set()
    await scanner.tick()
    assert len(clockwork.told()) == 10


async def test_replicas_share_the_work(clockwork: Clockwork) -> None:
    ids = await clockwork.due(300)
    first, second = clockwork.replica(), clockwork.replica()
    await asyncio.gather(*(one._sharing.share() for one in (first, second)))
    await first.tick()
    by_first = set(clockwork.told())
    assert 75 < len(by_first) < 225
    await second.tick()
    assert sorted(clockwork.told()) == sorted(ids), "Each once."


async def test_a_replica_that_dies_leaves_its_share_to_the_others_by_the_databases_clock(clockwork: Clockwork) -> None:
    ids = await clockwork.due(50)
    dead, alive = clockwork.replica(), clockwork.replica()
    await dead._sharing.share()
    await alive.tick()
    assert len(clockwork.told()) < 50
    clockwork.clock.move(timedelta(seconds=6))
    await alive.tick()
    assert set(clockwork.told()) == set(ids)
    assert clockwork.database["leases"].documents["timers of jobs"]["until"].keys() == {alive._sharing._me}


async def test_a_replica_that_cannot_tell_leaves_its_share_to_the_others(clockwork: Clockwork) -> None:
    """It lives, and renewed the lease that it could do nothing with."""
    ids = await clockwork.due(50)
    mute, healthy = clockwork.replica(), clockwork.replica()
    publish = mute._publisher.publish
    await healthy._sharing.share()

    async def away(_records: Any) -> None:
        raise Transient("Kafka is away.")

    mute._publisher.publish = away
    for _ in range(7):
        with pytest.raises(Transient):
            await mute.tick()
        clockwork.clock.move(SECOND)
        await healthy.tick()
    assert set(clockwork.told()) == set(ids)
    mute._publisher.publish = publish
    await mute.tick()
    assert (await mute._sharing.share()).of == 2


async def test_a_release_that_tells_everything_under_one_lease_may_run_beside(clockwork: Clockwork) -> None:
    await clockwork.due(5)
    theirs = {"_id": "timers", "owner": uuid4(), "until": clockwork.clock.now() + 10 * SECOND}
    await clockwork.database["leases"].insert_one(theirs)
    await clockwork.replica().tick()
    assert len(clockwork.told()) == 5


async def test_lateness_is_that_of_the_share(clockwork: Clockwork) -> None:
    """A replica that had lost the lease showed its last lateness for ever."""
    await clockwork.due(20, overdue=timedelta(seconds=100))
    scanner = clockwork.replica()
    await scanner.tick()
    assert clockwork.late() == 100
    await clockwork.jobs.delete_many({})
    await scanner.tick()
    assert clockwork.late() == 0


@given(st.integers(1, 40), st.uuids())
def test_every_id_is_in_one_share(of: int, one: UUID) -> None:
    assert sum(in_share(Share(number, of), one) for number in range(of)) == 1


@pytest.mark.parametrize("one", [UUID(int=0), UUID(int=2**128 - 1), UUID(int=2**127)])
def test_the_ids_at_the_borders_are_in_one_share(one: UUID) -> None:
    assert sum(in_share(Share(number, 2), one) for number in range(2)) == 1


def in_share(share: Share, one: UUID) -> bool:
    bounds = share.query().get("_id", {})
    return ("$gte" not in bounds or one >= bounds["$gte"]) and ("$lt" not in bounds or one < bounds["$lt"])


def handled_by(clockwork: Clockwork, scanner: Timers) -> None:
    """What is told is handled at once: its timer is gone."""
    publish = scanner._publisher.publish

    async def published(records: Any) -> None:
        await publish(records)
        for one in clockwork.told():
            await clockwork.jobs.delete_one({"_id": one})

    scanner._publisher.publish = published


async def test_on_a_real_server_replicas_share_the_work_and_look_at_nothing_else(mongo_database: Database) -> None:
    clockwork = Clockwork(mongo_database)
    await prepare(clockwork.jobs)
    await clockwork.jobs.create_index(
        "timer.due_at", partialFilterExpression={"timer.due_at": {"$exists": True}}, name="timers"
    )  # an older release runs beside
    due = [{"_id": uuid4(), **indexed(Timer("expire", NOW - number * SECOND))} for number in range(20_000)]
    rest = [{"_id": uuid4(), **indexed(None), "status": "completed"} for _ in range(5_000)]
    await clockwork.jobs.insert_many(due + rest)
    replicas = [clockwork.replica(seconds=600.0) for _ in range(4)]
    shares = [await one._sharing.share() for one in (*replicas, *replicas)][4:]
    assert sorted(shares) == [Share(number, 4) for number in range(4)]
    for one in shares:
        await looks_at_little(clockwork, one)
    for one in replicas:
        await one.tick()
    assert len(clockwork.told()) == len(set(clockwork.told())) >= 4_000
    oldest = {one["_id"] for one in due[-3_000:]}
    assert oldest <= set(clockwork.told())


async def looks_at_little(clockwork: Clockwork, share: Share) -> None:
    """No document, and of the index the due entries up to the last that is told: all shares' ones."""
    find = {
        "find": clockwork.jobs.name,
        "filter": {"timer.due_at": {"$lte": NOW}, **share.query()},
        "projection": {"timer.due_at": 1, "timer.kind": 1},
        "sort": {"timer.due_at": 1},
        "limit": timers.AT_ONCE,
    }
    explained = await clockwork.database.command({"explain": find, "verbosity": "executionStats"}, codec_options=CODEC)
    stats, plan = explained["executionStats"], str(explained["queryPlanner"]["winningPlan"])
    assert stats["nReturned"] == timers.AT_ONCE
    assert stats["totalDocsExamined"] == 0, plan
    assert stats["totalKeysExamined"] < timers.AT_ONCE * share.of * 1.5
    assert "timers-by-share" in plan
    assert "SORT" not in plan.replace("SORT_MERGE", "").replace("sortPattern", "")
