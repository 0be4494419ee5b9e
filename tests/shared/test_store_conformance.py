"""What every store promises, checked over the one in memory and over real MongoDB with both drivers.

The fakes are allowed because they pass here.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.gateway.teams import Teams
from services.notifications.mail import Mail, mails_for_job
from services.notifications.outbox import Claim, Outbox
from shared.clock import SystemClock
from shared.contracts.base import derived_id
from shared.contracts.jobs import Job, Status
from shared.memory import MemoryAggregateStore
from shared.progress import reporting_to
from shared.projection import newer, once
from shared.shares import Share, Sharing
from shared.store import RING, AggregateStore, Change, Entry, LogPosition, MongoAggregateStore, Outcome, Stored
from tests.builders import JOB_ID, NOW, a_job, a_member, a_partner, an_event, replied
from tests.memory_mongo import MemoryDatabase


def outcome(number: int, version: int | None = None) -> Outcome:
    digest = f"digest {number}" if number % 2 else None
    return Outcome(derived_id("command", number), version, *(() if version else ("refused", "No.")), digest=digest)


def an_entry(version: int) -> Entry:
    return Entry(
        id=derived_id("event", version),
        type="JobReplied",
        version=version,
        time=NOW,
        fact=replied().model_dump(mode="json"),
        causationid=derived_id("command", version),
        correlationid=derived_id("correlation"),
    )


def a_change(
    revision: int = 0, job: Job | None = None, outcomes: tuple[Outcome, ...] | None = None, **fields
) -> Change:
    job = job or a_job(Status.COMPLETED)
    return Change(
        **{
            "id": job.job_id,
            "revision": revision,
            "had_state": revision > 0,
            "state": job,
            "version": job.version,
            "outcomes": (outcome(1, 1), outcome(2)) if outcomes is None else outcomes,
            "outbox": (an_entry(1), an_entry(2)),
            "indexed": {"timer": {"kind": "expire", "due_at": NOW}},
            "log": LogPosition(3, 7, 1_000),
            **fields,
        }
    )


def a_mail(number: int = 0) -> Mail:
    event = an_event(replied(), a_job(), event_id=derived_id("event of a mail", number))
    (mail,) = mails_for_job(event, a_partner())
    return mail


async def one_of(outbox: Outbox, now: datetime) -> Claim | None:
    """The next mail that is due, for a worker that takes one at a time."""
    return next(iter(await outbox.claim(now, 1)), None)


def as_wanted(claim: Claim) -> Mail:
    """The mail without the moment that it was queued at."""
    return claim.mail._replace(wanted_at=None)


class AStore:
    """The promises of `shared.store.AggregateStore`."""

    async def test_what_was_never_saved_is_not_there(self, store: AggregateStore[Job]) -> None:
        assert await store.load([JOB_ID]) == {}

    async def test_what_was_saved_is_there_whole(self, store: AggregateStore[Job]) -> None:
        change = a_change()
        assert await store.save([change])
        assert await store.load([JOB_ID, derived_id("another")]) == {
            JOB_ID: Stored(
                id=JOB_ID,
                state=change.state,
                version=change.version,
                revision=1,
                outcomes={one.command_id: one for one in change.outcomes},
                outbox=change.outbox,
                log=change.log,
                entries=2,
            )
        }

    async def test_a_refusal_is_remembered_before_there_is_anything_to_refuse(self, store: AggregateStore[Job]) -> None:
        refused = a_change(state=None, version=0, outcomes=(outcome(1),), outbox=(), indexed={})
        assert await store.save([refused])
        assert not await store.save([refused])
        stored = (await store.load([JOB_ID]))[JOB_ID]
        assert (stored.state, stored.version, stored.revision) == (None, 0, 1)
        assert list(stored.outcomes.values()) == [outcome(1)]
        assert await store.save([a_change(1, outcomes=(outcome(2, 1),), had_state=False)])
        assert list((await store.load([JOB_ID]))[JOB_ID].outcomes.values()) == [outcome(1), outcome(2, 1)]

    async def test_the_one_who_comes_second_with_the_same_revision_loses(self, store: AggregateStore[Job]) -> None:
        assert await store.save([a_change()])
        assert not await store.save([a_change(job=a_job(Status.DECLINED))])
        assert await store.save([a_change(1, outbox=())])
        assert not await store.save([a_change(1, job=a_job(Status.DECLINED))])
        stored = (await store.load([JOB_ID]))[JOB_ID]
        assert (stored.state.status, stored.revision, stored.outbox) == (Status.COMPLETED, 2, ())

    async def test_of_several_changes_each_stands_by_itself(self, store: AggregateStore[Job]) -> None:
        other = a_job(job_id=derived_id("other job"))
        assert await store.save([a_change()])
        assert not await store.save([a_change(), a_change(job=other)])
        assert set(await store.load([JOB_ID, other.job_id])) == {JOB_ID, other.job_id}

    async def test_many_that_race_have_one_winner(self, store: AggregateStore[Job]) -> None:
        results = await asyncio.gather(*[store.save([a_change()]) for _ in range(8)])
        assert sorted(results) == [False] * 7 + [True]

    async def test_the_last_commands_are_remembered_and_no_more(self, store: AggregateStore[Job]) -> None:
        for revision in range(3):
            outcomes = tuple(outcome(number, number + 1) for number in range(revision * 100, revision * 100 + 100))
            assert await store.save([a_change(revision, outcomes=outcomes)])
        remembered = list((await store.load([JOB_ID]))[JOB_ID].outcomes)
        assert remembered == [derived_id("command", number) for number in range(300 - RING, 300)]


class ADocumentStore(AStore):
    """What is promised besides by a store that keeps documents in a `collection`."""

    @pytest.fixture
    def store(self, collection: Any) -> AggregateStore[Job]:
        return MongoAggregateStore(collection, Job)

    async def test_an_older_release_does_not_erase_what_a_newer_one_knows(
        self, store: AggregateStore[Job], collection: Any
    ) -> None:
        newer_release = MongoAggregateStore(collection, TomorrowsJob)
        job = TomorrowsJob(**a_job().model_dump(), colour="green")
        assert await newer_release.save([a_change(job=job)])
        assert await store.save([a_change(1, a_job(Status.DECLINED))])
        state = (await newer_release.load([JOB_ID]))[JOB_ID].state
        assert (state.status, state.colour) == (Status.DECLINED, "green")

    async def test_a_document_that_only_a_newer_release_can_read_is_named_and_the_others_are_read(
        self, store: AggregateStore[Job], collection: Any
    ) -> None:
        other = a_job(job_id=derived_id("other job"))
        assert await store.save([a_change(), a_change(job=other)])
        await collection.update_one({"_id": JOB_ID}, {"$set": {"state.status": "teleported"}})
        stored = await store.load([JOB_ID, other.job_id])
        assert stored[JOB_ID].unreadable.startswith("status: Input should be 'new'")
        assert "teleported" not in stored[JOB_ID].unreadable, "what stands there is somebody's"
        assert (stored[other.job_id].state, stored[other.job_id].unreadable) == (other, "")

    async def test_an_outbox_in_which_a_newer_release_says_more_is_read(
        self, store: AggregateStore[Job], collection: Any
    ) -> None:
        change = a_change()
        assert await store.save([change])
        more = [{**entry.document(), "colour": "green"} for entry in change.outbox]
        await collection.update_one({"_id": JOB_ID}, {"$set": {"outbox": more}})
        assert (await store.load([JOB_ID]))[JOB_ID].outbox == change.outbox

    async def test_an_aggregate_that_an_older_release_wrote_stands_nowhere_in_the_log(
        self, store: AggregateStore[Job], collection: Any
    ) -> None:
        assert await store.save([a_change()])
        await collection.update_one({"_id": JOB_ID}, {"$set": {"log": None}})
        assert (await store.load([JOB_ID]))[JOB_ID].log == LogPosition()


class TomorrowsJob(Job):
    """The state of a release that knows more."""

    colour: str = "none"


class ADatabase:
    """What projections, leases, mails and pages rely on."""

    async def test_a_projection_keeps_the_newest_whatever_the_order(self, database: Any) -> None:
        versions = [2, 1, 3, 3, 2]
        for version in versions:
            write = newer("jobs", JOB_ID, version, {"at": version, "text": "$literally", "none": None})
            await database["jobs"].bulk_write([write.operation], ordered=False)
        assert await database["jobs"].find_one({"_id": JOB_ID}) == {
            "_id": JOB_ID,
            "at": 3,
            "text": "$literally",
            "none": None,
            "version": 3,
        }

    async def test_a_batch_of_a_projection_keeps_the_newest_too(self, database: Any) -> None:
        writes = [newer("jobs", JOB_ID, version, {"at": version}).operation for version in (1, 3, 2)]
        await database["jobs"].bulk_write(writes, ordered=False)
        assert (await database["jobs"].find_one({"_id": JOB_ID}))["at"] == 3

    async def test_what_is_written_once_stays_as_it_was(self, database: Any) -> None:
        for text in ("first", "second"):
            await database["facts"].bulk_write([once("facts", JOB_ID, {"text": text}).operation], ordered=False)
        assert await database["facts"].find_one({"_id": JOB_ID}) == {"_id": JOB_ID, "text": "first"}

    async def test_replicas_that_are_there_share_the_ids_among_them(self, database: Any) -> None:
        first, second = (Sharing(database["leases"], "work", seconds=60) for _ in range(2))
        assert await first.share() == Share(0, 1)
        shares = [await one.share() for one in (second, first)]
        assert sorted(shares) == [Share(0, 2), Share(1, 2)]

    async def test_a_replica_that_is_not_heard_of_any_more_has_no_share(self, database: Any) -> None:
        first, second = Sharing(database["leases"], "work", seconds=-1), Sharing(database["leases"], "work", seconds=60)
        await first.share()
        assert await second.share() == Share(0, 1)
        assert await first.share() in (Share(0, 2), Share(1, 2)), "It is back, and counts itself at least."
        assert await second.share() == Share(0, 1)

    async def test_a_mail_that_is_wanted_twice_is_one_mail_for_one_worker(self, database: Any) -> None:
        ours, theirs, now = Outbox(database), Outbox(database), SystemClock().now()
        await ours.queue([a_mail(), a_mail()], now)
        await theirs.queue([a_mail()], now + timedelta(hours=1))
        assert await one_of(ours, now - timedelta(seconds=1)) is None
        claim = await one_of(ours, now)
        assert (as_wanted(claim), claim.attempts) == (a_mail(), 0)
        assert await one_of(theirs, now) is None
        assert not await theirs.begin(claim._replace(owner=derived_id("somebody else")))
        assert await ours.begin(claim)
        assert not await ours.begin(claim)

    async def test_a_mails_end_is_told_once(self, database: Any) -> None:
        outbox, now = Outbox(database), SystemClock().now()
        await outbox.queue([a_mail()], now)
        await outbox.end(await one_of(outbox, now), "sent", now)
        (ended,) = await outbox.untold()
        assert (ended["state"], ended["attempts"], ended["ended_at"]) == ("sent", 1, now)
        await outbox.mark_told([ended])
        assert await outbox.untold() == []

    async def test_a_mail_that_could_not_be_sent_comes_again_later_and_the_longest_waiting_first(
        self, database: Any
    ) -> None:
        outbox, now = Outbox(database), SystemClock().now()
        await outbox.queue([a_mail(1)], now)
        await outbox.queue([a_mail(2)], now - timedelta(minutes=1))
        claim = await one_of(outbox, now)
        assert as_wanted(claim) == a_mail(2)
        await outbox.retry(claim, now + timedelta(minutes=5), "away")
        assert as_wanted(await one_of(outbox, now)) == a_mail(1)
        assert await one_of(outbox, now) is None
        again = await one_of(outbox, now + timedelta(minutes=5))
        assert (as_wanted(again), again.attempts) == (a_mail(2), 1)
        assert again.owner != claim.owner

    async def test_a_worker_that_dies_before_sending_gives_the_mail_back_and_one_that_dies_while_sending_does_not(
        self, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.notifications.outbox.LEASE_SECONDS", -1)
        dead, heir, now = Outbox(database), Outbox(database), SystemClock().now()
        await dead.queue([a_mail()], now)
        lost_claim, claim = await one_of(dead, now), await one_of(heir, now)
        assert (as_wanted(claim), claim.attempts) == (a_mail(), 0)
        assert not await dead.begin(lost_claim)
        await dead.end(lost_claim, "sent", now)
        await dead.retry(lost_claim, now, "away")
        monkeypatch.setattr("services.notifications.outbox.FINAL_DOT_SECONDS", -120)
        assert await heir.begin(claim)
        assert await one_of(dead, now) is None
        await dead.give_up_lost(now)
        (lost,) = await dead.untold()
        assert lost["state"] == "uncertain"

    async def test_what_the_timers_and_the_pages_ask_is_answered_in_order(self, database: Any) -> None:
        things = database["things"]
        for number in (2, 3, 1):
            timer = {"kind": "expire", "due_at": NOW + timedelta(hours=number)} if number < 3 else None
            await things.insert_one(
                {"_id": number, "timer": timer, "tags": ["a", f"b{number}"], "text": f"Tea {number}"}
            )
        due = (
            things.find({"timer.due_at": {"$lte": NOW + timedelta(hours=2)}}, {"timer": 1})
            .sort("timer.due_at", 1)
            .limit(5)
        )
        assert [document["_id"] async for document in due] == [1, 2]
        assert [document["_id"] async for document in things.find({"tags": "b3"})] == [3]
        either = {"$and": [{"$or": [{"_id": 1}, {"_id": 2}]}], "text": {"$regex": "ea\\ "}}
        found = things.find(either).sort([("text", -1), ("_id", -1)])
        assert [document["_id"] async for document in found] == [2, 1]
        assert await things.count_documents({"_id": {"$gt": 1}}) == 2

    async def test_a_member_is_found_however_the_address_is_spelt(self, database: Any) -> None:
        teams, members = Teams(database), (a_member(email="Aiko@hoshi.example"), a_member("Ken", "member"))
        await teams.prepare()
        for partner in (a_partner(members=members), a_partner("Another", members=members[1:])):
            await database["partners"].insert_one(
                {"_id": partner.partner_id, "state": partner.model_dump(mode="json"), "version": 1}
            )
        await database["partners"].insert_one({"_id": JOB_ID, "state": None})
        assert [one.profile.name for one in await teams.of("aiko@HOSHI.example")] == ["Studio Hoshi"]
        assert len(await teams.of("ken@hoshi.example")) == 2
        assert await teams.of("iko@hoshi.example") == []
        assert await teams.has_slug("another", besides=JOB_ID)
        assert not await teams.has_slug("studio-hoshi", besides=a_partner().partner_id)


class TestTheStoreInMemory(AStore):
    @pytest.fixture
    def store(self) -> AggregateStore[Job]:
        return MemoryAggregateStore()


class TestTheMongoStoreOverMemory(ADocumentStore):
    @pytest.fixture
    def collection(self) -> Any:
        return MemoryDatabase()["jobs"]


class TestTheMongoStore(ADocumentStore):
    @pytest.fixture
    def collection(self, mongo_database: Any) -> Any:
        return mongo_database["jobs"]


class TestTheDatabaseInMemory(ADatabase):
    @pytest.fixture
    def database(self) -> Any:
        return MemoryDatabase()


class TestTheRealDatabase(ADatabase):
    @pytest.fixture
    def database(self, mongo_database: Any) -> Any:
        return mongo_database

    async def test_each_answer_is_progress_of_whoever_asked(self, database: Any) -> None:
        answers: list[int] = []
        with reporting_to(lambda: answers.append(1)):
            await database["jobs"].find_one({"_id": JOB_ID})
            await database["jobs"].update_one({"_id": JOB_ID}, {"$set": {"at": 1}}, upsert=True)
        await database["jobs"].find_one({"_id": JOB_ID})
        assert len(answers) == 2
