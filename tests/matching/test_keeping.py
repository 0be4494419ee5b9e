"""A log that ends with an old standing, because somebody was paused before publishing it, is nobody's truth."""

from collections.abc import Sequence
from typing import Any

import pytest

from services.matching.index import Index
from services.matching.keeping import KeepsStandings
from services.matching.outcomes import MongoOutcomes
from services.matching.standings import Standings
from shared.contracts.jobs import Status
from shared.publisher import Outgoing
from shared.records import Received
from shared.topics import STANDINGS
from tests.builders import PARTNER_ID, a_job, an_event, derived_id, received, replied
from tests.memory_mongo import MemoryDatabase


class Replica:
    """One process of matching over a database that all share. `published` is what it has said."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.index = Index()
        self.published: list[Outgoing] = []
        outcomes: Any = MongoOutcomes(database)  # type: ignore[arg-type]  # as much of a database as it needs
        self.standings = Standings(outcomes, self, self.index.heard, answers_share=0.1)
        self.keeps = KeepsStandings(self.index, outcomes, self.standings)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.published += records

    async def hears_job(self, number: int, version: int, status: Status = Status.REPLIED) -> list[Received]:
        """What it says because of that."""
        job_id = derived_id("job", number)
        job = a_job(status).model_copy(update={"version": version, "partner_id": PARTNER_ID})
        before = len(self.published)
        await self.standings([received(an_event(replied(), job, subject=job_id), topic="jobs.events")])
        return [from_the_log(one) for one in self.published[before:]]

    @property
    def knows(self) -> int:
        return self.index.heard(PARTNER_ID)


def from_the_log(said: Outgoing) -> Received:
    return received(STANDINGS.codec.decode(said.value), topic=STANDINGS.name)


def versions(said: Sequence[Outgoing]) -> list[int]:
    return [from_the_log(one).record.data.version for one in said]


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


async def test_a_fresh_replica_takes_the_standing_that_the_log_has_lost_from_the_database(
    database: MemoryDatabase,
) -> None:
    before = Replica(database)
    (old,), (new,) = [await before.hears_job(number, version=1) for number in (1, 2)]
    fresh = Replica(database)
    await fresh.keeps.prepare()
    await fresh.keeps([old])  # compaction has left nothing else
    newest = new.record.data.version
    assert fresh.knows == newest > old.record.data.version
    assert versions(fresh.published) == [newest], "Said again, the log ends with it, for whoever else reads it."


async def test_an_old_standing_behind_a_newer_one_is_followed_by_the_newest(database: MemoryDatabase) -> None:
    replica = Replica(database)
    (old,), (new,) = [await replica.hears_job(number, version=1) for number in (1, 2)]
    await replica.keeps([old, new])
    replica.published.clear()
    await replica.keeps([old])
    assert versions(replica.published) == [new.record.data.version]


async def test_a_log_in_order_needs_nothing_said_again(database: MemoryDatabase) -> None:
    before = Replica(database)
    (old,), (new,) = [await before.hears_job(number, version=1) for number in (1, 2)]
    fresh = Replica(database)
    await fresh.keeps.prepare()
    await fresh.keeps([old, new])
    await fresh.keeps([new])
    assert fresh.published == []


async def test_an_event_that_changes_nothing_says_nothing(database: MemoryDatabase) -> None:
    replica = Replica(database)
    assert len(await replica.hears_job(1, version=1)) == 1
    assert await replica.hears_job(1, version=2) == [], "A message more, say."
    assert await replica.hears_job(1, version=2) == [], "The same again."
    (declined,) = await replica.hears_job(1, version=3, status=Status.DECLINED)
    assert declined.record.data.version == 4


async def test_what_a_crash_kept_from_being_said_is_said_when_its_record_comes_again(
    database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = Replica(database)

    async def dies(_records: Sequence[Outgoing]) -> None:
        raise ConnectionError

    monkeypatch.setattr(dying, "publish", dies)
    with pytest.raises(ConnectionError):
        await dying.hears_job(1, version=1)
    another = Replica(database)
    assert await another.hears_job(1, version=2) != [], "Nothing new in it, but nobody has said what was."
    third = Replica(database)
    assert len(await third.hears_job(1, version=1)) == 1, "It cannot know that somebody else was faster."
