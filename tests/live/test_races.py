"""A reply and the expiry of its job meet at the deadline, ten thousand times: the log's order decides, everybody is
told what the log says, and nobody is told "sent" who was too late.

Each job has a person who writes at a random moment around its deadline and waits for the answer as gateway does, and
the scanner that tells the job its time. Some jobs are told it twice under the scanner's own id, some by a stranger's
command that may come too early. What must come of it is computed from the order and the times of `jobs.commands` alone.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaTimeoutError
from pydantic_core import from_json

from deploy.local.stack import Endpoints
from services.jobs.timers import told
from shared.clock import SystemClock, from_timestamp
from shared.commands import Answer, Applied, Commander, NotTaken, Rejected
from shared.commands import command as a_command
from shared.contracts.base import SYSTEM
from shared.contracts.jobs import ExpireJob, SendMessage, job_id_of
from shared.decisions import Timer
from shared.fetching import Broker
from shared.metrics import Metrics
from shared.mongo import Collection, Mongo
from shared.publisher import KafkaPublisher, outgoing
from shared.service import Service
from shared.settings import Settings
from shared.timers import command_id_of
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES
from tests.builders import BY_PARTNER, PARTNER_ID, a_creation
from tests.live.jobs_alone import JobsAlone
from tests.live.log import Log, log_of, put, until
from tests.servers import environ_of, settings_for

RACES = 10_000
FIRST, LAST = 8, 33
"""Seconds after its creation that a job's deadline passes: the first when all are created, the others spread."""
TICK = 0.02
"""Far more often than the service looks, so that the two commands really meet."""
AROUND = 0.15
"""The person writes at most so many seconds before or after the deadline."""
CLOSE = timedelta(milliseconds=20)
PARTITIONS = 12
"""As in production: with few, one producer is the narrow place of a busy machine."""
NOW = SystemClock().now


@dataclass
class Race:
    """One job. `answer` is what the person was told; None where Kafka did not take the reply in time, as on a machine
    that is very busy: then nobody was told anything.
    """

    job_id: UUID
    deadline: datetime
    answer: Answer | None = None


@dataclass
class Verdict:
    """What the log of commands alone says about one job: who was first, and what each command must be answered."""

    winner: str = ""
    codes: dict[str, str] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    """When the reply, and the first expiry that was due, came into the log."""


@pytest.fixture
def settings(servers: Endpoints, namespace: str) -> Settings:
    return settings_for(servers, namespace, partitions=PARTITIONS)


@pytest.fixture(autouse=True)
def _no_log_line_for_each_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.commands.log", SimpleNamespace(info=lambda *_, **__: None))


async def test_ten_thousand_races_of_a_reply_against_the_expiry(
    topics: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs, mongo = (
        JobsAlone(environ_of(topics), tmp_path, tick=TICK),
        Mongo.connect(topics.mongodb_uri.get_secret_value()),
    )
    documents = mongo.database(topics.database("jobs"))["jobs"]
    seed = Random().randrange(10**6)
    try:
        await jobs.start_and_be_ready()
        async with log_of(topics) as log, _desk(topics, mongo) as (desk, publisher):
            races = await _jobs(log, documents, Random(seed))
            async with asyncio.TaskGroup() as everybody:
                for race in races:
                    everybody.create_task(_reply(race, desk, Random(f"{seed} {race.job_id}")))
                    everybody.create_task(_tell_the_time_too(race, publisher, Random(f"{race.job_id} {seed}")))
            await until(lambda: _all_ended(documents), 60, "every job has ended")
            await until(lambda: log.done("jobs", JOB_COMMANDS.name), 60, "every command is handled")
            counts = await _judge(races, log, documents)
    finally:
        status = await jobs.stop()
        await mongo.close()
    with capsys.disabled():
        print(f"\n{len(races):,} races, seed {seed}: " + ", ".join(f"{many:,} {what}" for what, many in counts.items()))  # noqa: T201
    assert status == 0
    assert counts["senders told nothing in time"] < len(races) / 20, "Too busy a machine to show anything."
    assert min(counts["replied"], counts["expired"]) > len(races) / 20, "These were no races."


@asynccontextmanager
async def _desk(settings: Settings, mongo: Mongo) -> AsyncIterator[tuple[Commander, KafkaPublisher]]:
    """The asking side of gateway, as `shared.process` would run it."""
    publisher = KafkaPublisher(settings, "desk")
    patient = settings.model_copy(update={"reply_timeout_seconds": 30.0})
    service = Service("gateway", patient, publisher=publisher, database=mongo.database("none"), metrics=Metrics("desk"))
    commander, broker = service.asks(), Broker("gateway", settings, service.metrics)
    for hearing in service.hearings:
        broker.subscribe(hearing.consumer, everyone=hearing.everyone, from_start=hearing.from_start)
    await publisher.start()
    await broker.start()
    try:
        yield commander, publisher
    finally:
        await broker.stop()
        await publisher.stop()


async def _jobs(log: Log, documents: Collection, random: Random) -> list[Race]:
    """All jobs at once. Their windows spread the deadlines over the seconds, their creation over the milliseconds."""
    creations = [
        a_creation(UUID(int=random.getrandbits(128), version=4), reply_window_seconds=random.randint(FIRST, LAST))
        for _ in range(RACES)
    ]
    ids = [job_id_of(creation.request_id, PARTNER_ID) for creation in creations]
    records = [a_command(data, job_id, source="tests", time=NOW()) for data, job_id in zip(creations, ids, strict=True)]
    await log.put(JOB_COMMANDS.name, [put(record) for record in records])
    await until(lambda: log.done("jobs", JOB_COMMANDS.name), 60, "the jobs are there")
    found = documents.find({}, {"state.deadline": 1})
    return [Race(one["_id"], datetime.fromisoformat(one["state"]["deadline"])) async for one in found]


async def _reply(race: Race, desk: Commander, random: Random) -> None:
    await _moment(race, random.uniform(-AROUND, AROUND))
    with suppress(NotTaken):
        race.answer = await desk.ask(JOB_COMMANDS, SendMessage(text="Just in time?", actor=BY_PARTNER), race.job_id)


async def _tell_the_time_too(race: Race, publisher: KafkaPublisher, random: Random) -> None:
    """The scanner does it for every job; here it is done again for some."""
    which = random.random()
    if which < 0.2:  # as a second scanner, or the first one after a crash: the same id
        await _moment(race, random.uniform(0.002, 0.06))
        expiry, again = Timer("expire", race.deadline), race.deadline
        data, command_id = told(expiry), command_id_of(race.job_id, expiry, again)
        record = outgoing(
            JOB_COMMANDS.name, a_command(data, race.job_id, source="jobs", time=again, command_id=command_id)
        )
    elif which < 0.4:  # under an id of its own, and perhaps too early
        await _moment(race, random.uniform(-0.03, 0.03))
        expiry = ExpireJob(deadline=race.deadline, actor=SYSTEM)
        record = outgoing(JOB_COMMANDS.name, a_command(expiry, race.job_id, source="tests", time=NOW()))
    else:
        return
    with suppress(KafkaTimeoutError):  # on a very busy machine; it may arrive all the same
        await publisher.publish([record])


async def _moment(race: Race, offset: float) -> None:
    """The spread of the races is what this waits for, and no condition."""
    await asyncio.sleep((race.deadline - NOW()).total_seconds() + offset)


async def _all_ended(documents: Collection) -> bool:
    return await documents.find_one({"state.status": "new"}, {"_id": 1}) is None


async def _judge(races: Sequence[Race], log: Log, documents: Collection) -> Mapping[str, int]:
    commands = await log.read(JOB_COMMANDS.name)
    verdicts = _verdicts(commands)
    answers = await _answers(log)
    endings, events = await _endings(log)
    stored = {str(one["_id"]): one async for one in documents.find({}, {"state": 1, "version": 1})}
    counts = Counter[str](replied=0, expired=0)
    for race in races:
        job_id = str(race.job_id)
        verdict, state = verdicts[job_id], stored[job_id]["state"]
        ending = {"replied": "JobReplied", "expired": "JobExpired"}[verdict.winner]
        assert endings[job_id] == ["JobCreated", ending], f"{job_id}: {endings[job_id]}, the log says {verdict}"
        assert (state["status"], stored[job_id]["version"]) == (verdict.winner, 2), f"{job_id}: {state}"
        assert (state["first_reply_at"] is None) == (verdict.winner == "expired")
        _is_what_the_log_says(race, verdict)
        for command_id, code in verdict.codes.items():
            assert answers[command_id] == {code}, (
                f"{job_id}: {command_id} is answered {answers[command_id]}, not {code!r}"
            )
        _count(counts, race, verdict)
    assert counts["replied"] + counts["expired"] == RACES
    assert await log.all_dead_letters() == []
    counts["commands"], counts["events published twice"] = len(commands), events - 2 * RACES
    return counts


def _is_what_the_log_says(race: Race, verdict: Verdict) -> None:
    """The sender is told "sent" exactly where the reply is in the log before any expiry that was due. Whoever was told
    nothing was not told that either.
    """
    match race.answer:
        case Applied():
            right = verdict.winner == "replied"
        case Rejected(code=code):
            right = verdict.winner == code == "expired"
        case _:
            right = True
    assert right, f"{race.job_id}: the sender was told {race.answer}, the log says {verdict}"


def _verdicts(commands: Sequence[ConsumerRecord]) -> dict[str, Verdict]:
    """By each partition's order and the broker's clock: the reply wins if it is first, an expiry if it is due then."""
    verdicts: dict[str, Verdict] = defaultdict(Verdict)
    deadlines: dict[str, datetime] = {}
    for record in sorted(commands, key=lambda one: (one.partition, one.offset)):
        assert record.timestamp_type == 1, "LogAppendTime"
        job_id, command, at = record.key.decode(), from_json(record.value), from_timestamp(record.timestamp)
        verdict = verdicts[job_id]
        match command["type"]:
            case "CreateJob":
                deadlines[job_id] = at + timedelta(seconds=command["data"]["reply_window_seconds"])
                code = ""
            case "SendMessage":
                code = "expired" if verdict.winner == "expired" else ""
                verdict.winner = verdict.winner or "replied"
                verdict.times["reply"] = at
            case "ExpireJob":
                due = at >= deadlines[job_id]
                code = "already_answered" if verdict.winner else "" if due else "not_due"
                if due:
                    verdict.winner = verdict.winner or "expired"
                    verdict.times.setdefault("expiry", at)
        verdict.codes.setdefault(command["id"], code)  # one that comes twice has its first answer
    return verdicts


async def _answers(log: Log) -> dict[str, set[str]]:
    """What was answered to each command: a code, or nothing where it was applied. One that came twice has two alike."""
    answers: dict[str, set[str]] = defaultdict(set)
    for record in await log.read(REPLIES.name):
        answers[record.key.decode()].add(from_json(record.value)["data"].get("code", ""))
    return answers


async def _endings(log: Log) -> tuple[dict[str, list[str]], int]:
    """The types of each job's events in the log's order, each event once; and how many records they were."""
    records = sorted(await log.read(JOB_EVENTS.name), key=lambda one: (one.partition, one.offset))
    events: dict[str, dict[str, Any]] = defaultdict(dict)
    for record in records:
        event = from_json(record.value)
        events[record.key.decode()].setdefault(event["id"], event["type"])
    return {job_id: list(types.values()) for job_id, types in events.items()}, len(records)


def _count(counts: Counter[str], race: Race, verdict: Verdict) -> None:
    counts[verdict.winner] += 1
    reply, expiry = verdict.times.get("reply"), verdict.times.get("expiry")
    if reply and expiry:
        counts["decided within 20 ms"] += abs(reply - expiry) <= CLOSE
        counts["decided within one millisecond"] += reply == expiry
    counts["replied after the deadline, before its expiry"] += (
        verdict.winner == "replied" and reply is not None and reply >= race.deadline
    )
    counts["senders told nothing in time"] += not isinstance(race.answer, Applied | Rejected)
    counts["expiries that came too early"] += "not_due" in verdict.codes.values()
    counts["expiries that met a reply"] += "already_answered" in verdict.codes.values()
