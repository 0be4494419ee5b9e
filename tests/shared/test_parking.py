"""Two releases side by side: what only the newer one can read waits for it, in order, and nothing else waits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic_core import from_json, to_json

from shared.consumer import Consumer
from shared.contracts.base import Record, derived_id
from shared.contracts.codec import Codec
from shared.contracts.jobs import EVENTS, Job, JobOpened, JobReplied
from shared.documents import read
from shared.failures import Draining
from shared.metrics import Metrics
from shared.parking import MemoryParking, MongoParking, Parking
from shared.records import Parked, Place, Received
from shared.topics import JOB_EVENTS, Topic
from tests.builders import BY_PARTNER, NOW, Raw, a_job, an_event, raw, replied
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

GROUP = "notifications.jobs"
OURS, OTHER = derived_id("the job that is ahead of its time"), derived_id("another job")


class JobTeleported(JobOpened):
    """A fact that the newer release knows."""


TOMORROW: Topic = replace(JOB_EVENTS, codec=Codec((*EVENTS, JobTeleported), Job))


def event(subject: Any, version: int, fact: Any) -> Record:
    return an_event(fact, a_job().model_copy(update={"version": version, "job_id": subject}), subject=subject)


def of_tomorrow(record: Raw, **changed: str) -> Raw:
    """The same record, with a type or a status that only the newer release knows."""
    fields = from_json(record.value)
    fields["type"] = changed.get("type", fields["type"])
    fields["data"]["snapshot"]["status"] = changed.get("status", fields["data"]["snapshot"]["status"])
    return replace(record, value=to_json(fields))


NEW_TYPE = {"type": "JobTeleported"}
NEW_VALUE = {"status": "teleported"}


class Group:
    """A consumer of one release, and the order in which it has handled what."""

    def __init__(self, parking: Parking, topic: Topic = JOB_EVENTS, bugs: Sequence[int] = ()) -> None:
        self.log = MemoryLog()
        self.handled: list[int] = []
        self._bugs = bugs
        self.metrics = Metrics("tests")
        self.consumer = Consumer(
            "notifications",
            GROUP,
            [topic],
            self._handle,
            publisher=MemoryPublisher(self.log),
            metrics=self.metrics,
            clock=ManualClock(),
            parking=parking,
            backoff=lambda _attempt: 0.0,
        )

    async def _handle(self, batch: Sequence[Received]) -> None:
        if any(one.raw.offset in self._bugs for one in batch):
            raise ZeroDivisionError("a bug of ours")
        self.handled += [one.raw.offset for one in batch]

    async def retry(self) -> None:
        await self.consumer.retry_parked(lambda _topic, _partition: True)

    def letters(self) -> list[Raw]:
        return self.log.records("dead-letters.notifications")


@pytest.fixture(params=["memory", "documents"])
def parking(request: pytest.FixtureRequest) -> Parking:
    return MemoryParking() if request.param == "memory" else MongoParking(MemoryDatabase()["parked"], GROUP)


def story(changed: dict[str, str]) -> list[Raw]:
    """Two jobs' events in turns; the second one of ours comes from a newer release."""
    facts = [
        (OURS, 1, replied()),
        (OTHER, 1, replied()),
        (OURS, 2, JobOpened(actor=BY_PARTNER)),
        (OTHER, 2, replied()),
        (OURS, 3, replied()),
        (OTHER, 3, replied()),
    ]
    records = [raw(event(*fact), "jobs.events", offset=offset) for offset, fact in enumerate(facts)]
    return [of_tomorrow(record, **changed) if record.offset == 2 else record for record in records]


@pytest.mark.parametrize("changed", [NEW_TYPE, NEW_VALUE], ids=["a new type", "a new value"])
@pytest.mark.parametrize("size", [1, 6], ids=["one by one", "in one batch"])
async def test_what_only_a_newer_release_knows_waits_for_it_with_all_that_follows_of_its_aggregate(
    parking: Parking, changed: dict[str, str], size: int
) -> None:
    """It was put aside and committed by every older consumer: its policies lost the order for good."""
    today, records = Group(parking), story(changed)
    for start in range(0, len(records), size):
        await today.consumer.process(records[start : start + size])
    assert today.handled == [0, 1, 3, 5]
    assert today.letters() == []
    await today.retry()
    assert today.handled == [0, 1, 3, 5], "today's release still cannot"

    knows = replace(TOMORROW, codec=Codec((*EVENTS, JobTeleported), TomorrowsJob))
    tomorrow = Group(parking, knows)
    await tomorrow.consumer.process([replace(records[4], offset=6)])
    assert tomorrow.handled == [], "before what is parked is handled, nothing of its aggregate is"
    await tomorrow.retry()
    assert tomorrow.handled == [2, 4, 6]
    await tomorrow.consumer.process([replace(records[4], offset=7)])
    assert tomorrow.handled == [2, 4, 6, 7]
    assert await parking.places() == {}


class TomorrowsJob(Job):
    """A snapshot with a status more."""

    status: str  # type: ignore[assignment]


async def test_another_replica_of_today_knows_what_waits(parking: Parking) -> None:
    records = story(NEW_TYPE)
    await Group(parking).consumer.process(records[:3])
    heir = Group(parking)
    await heir.consumer.process(records[3:])
    assert heir.handled == [3, 5]


async def test_a_partition_that_moves_away_and_back_brings_what_somebody_else_has_parked(parking: Parking) -> None:
    ours, records = Group(parking), story(NEW_TYPE)
    await ours.consumer.process(records[:2])
    await Group(parking).consumer.process(records[2:3])
    ours.consumer.resume()
    await ours.consumer.process(records[3:])
    assert ours.handled == [0, 1, 3, 5]


async def test_what_is_delivered_again_is_parked_once_in_the_logs_order(parking: Parking) -> None:
    """After a crash before the commit, the first record comes again too: it is handled again before the others."""
    records = story(NEW_TYPE)
    for _ in range(3):
        await Group(parking).consumer.process(records)
    assert [one.offset for one in await parking.first(Place("jobs.events", str(OURS).encode()), 9)] == [0, 2, 4]


async def test_parked_records_of_other_groups_and_partitions_are_not_ours() -> None:
    database = MemoryDatabase()
    ours, theirs = (MongoParking(database["parked"], group) for group in (GROUP, "gateway.jobs"))
    await Group(theirs).consumer.process(story(NEW_TYPE))
    assert await ours.places() == {}
    group = Group(theirs, TOMORROW)
    await group.consumer.retry_parked(lambda _topic, partition: partition != 0)
    assert group.handled == []


async def test_a_record_is_parked_as_it_was(parking: Parking) -> None:
    record = replace(story(NEW_TYPE)[2], headers=(("traceparent", b"00-1"), ("empty", None)))
    await parking.park([Parked(record, "unknown-type", "type: …")], NOW)
    (parked,) = await parking.first(Place("jobs.events", str(OURS).encode()), 9)
    names = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
    assert [getattr(parked, name) for name in names] == [getattr(record, name) for name in names]


async def test_a_bug_among_the_parked_is_a_dead_letter_and_the_rest_is_handled(parking: Parking) -> None:
    await Group(parking).consumer.process(story(NEW_TYPE))
    tomorrow = Group(parking, TOMORROW, bugs=[2])
    await tomorrow.retry()
    assert tomorrow.handled == [4]
    assert [dict(letter.headers)["x-original-offset"] for letter in tomorrow.letters()] == [b"2"]
    assert await parking.places() == {}


async def test_a_handler_that_meets_a_document_of_a_newer_release_parks_what_needs_it(parking: Parking) -> None:
    """It was a dead letter: a mail, say, that nobody ever got."""
    handled: list[int] = []

    async def handler(batch: Sequence[Received]) -> None:
        for one in batch:
            if one.record.subject == OURS:
                read(TomorrowsJob, {"status": 12}, OURS)
        handled.extend(one.raw.offset for one in batch)

    group = Group(parking)
    group.consumer._handler = handler
    records = story({})
    await group.consumer.process(records)
    assert handled == [1, 3, 5]
    assert group.letters() == []
    assert [one.offset for one in await parking.first(Place("jobs.events", str(OURS).encode()), 9)] == [0, 2, 4]


async def test_operators_see_how_many_aggregates_wait(parking: Parking) -> None:
    group = Group(parking)
    await group.consumer.process(story(NEW_TYPE))
    value = group.metrics.registry.get_sample_value
    assert value("jobwire_parked_aggregates", {"group": GROUP}) == 1
    assert value("jobwire_parked_records_total", {"group": GROUP, "reason": "unknown-type"}) == 1
    assert value("jobwire_parked_records_total", {"group": GROUP, "reason": "behind"}) == 1


@pytest.mark.parametrize("changed", [{"key": b"another"}, {"headers": (("x", b"\xff"),)}], ids=["key", "header"])
async def test_what_no_release_can_use_is_a_dead_letter_whatever_its_type(parking: Parking, changed: Any) -> None:
    group = Group(parking)
    await group.consumer.process([replace(story(NEW_TYPE)[2], **changed)])
    assert len(group.letters()) == 1
    assert await parking.places() == {}


async def test_an_older_releases_record_is_read_by_the_newer_one() -> None:
    """The other way round: a field with a default is what a newer release may add."""
    record = raw(event(OURS, 1, replied()), "jobs.events")
    fields = from_json(record.value)
    del fields["data"]["snapshot"]["others"], fields["data"]["fact"]["attachments"]
    decoded = JOB_EVENTS.codec.decode(to_json(fields))
    assert isinstance(decoded.fact, JobReplied)
    assert (decoded.snapshot.others, decoded.fact.attachments) == (0, ())


async def test_partitions_that_leave_are_not_kept_waiting_for_what_is_parked(parking: Parking) -> None:
    await Group(parking).consumer.process(story(NEW_TYPE))
    tomorrow = Group(parking, TOMORROW)
    tomorrow.consumer.stop_waiting()
    with pytest.raises(Draining):
        await tomorrow.retry()
    assert tomorrow.handled == []
