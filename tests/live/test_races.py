"""A reply and the expiry of its job meet at the deadline, thousands of times: the log's order decides, everybody is
told what the log says, and nobody is told "sent" who was too late.

Each job has a person who writes at a random moment around its deadline and waits for the answer as gateway does, and
the scanner that tells the job its time. Some jobs are told it twice under the scanner's own id, some by a stranger's
command that may come too early. What must come of it is computed from the order and the times of `jobs.commands` alone.

The races come in waves at the pace that this machine carries (`tests/live/races.py`), so a slow machine sees fewer.
`JOBWIRE_RACES=10000 pytest tests/live/test_races.py` goes on until it has seen so many.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pydantic_core import from_json

from deploy.local.stack import Endpoints
from shared.clock import from_timestamp
from shared.commands import Applied, Rejected
from shared.mongo import Collection, Mongo
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES
from tests.live.jobs_alone import JobsAlone
from tests.live.log import Log, log_of
from tests.live.races import Course, Race, course
from tests.patience import patience, until
from tests.servers import environ_of, settings_for

AT_LEAST = int(os.environ.get("JOBWIRE_RACES", "0"))
AT_MOST = 10_000
RACING_SECONDS = 40.0
"""No further wave begins after this, unless there are not `ENOUGH` yet."""
ENOUGH = 100
"""So many people who were in time, and so many who were too late, or they were no races."""
TICK = 0.02
"""Far more often than the service looks, so that the two commands really meet."""
CLOSE = timedelta(milliseconds=20)
PARTITIONS = 12
"""As in production: with few, one producer is the narrow place of a busy machine."""


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


async def test_a_reply_and_an_expiry_race_for_every_job_and_the_logs_order_decides(
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
        async with log_of(topics) as log, course(topics, mongo, log, Random(seed)) as where:
            races = await _races(where)
            await until(lambda: log.done("jobs", JOB_COMMANDS.name), 60, "every command is handled")
            counts = await _judge(races, log, documents)
    finally:
        status = await jobs.stop()
        await mongo.close()
    with capsys.disabled():
        print(f"\n{len(races):,} races, seed {seed}: " + ", ".join(f"{many:,} {what}" for what, many in counts.items()))  # noqa: T201
    assert status == 0


async def _races(where: Course) -> list[Race]:
    """Wave after wave, until there are as many as this machine carries in the time."""
    in_good_time, races = await where.warm_up(), list[Race]()
    began = monotonic()
    while len(races) < AT_MOST:
        races += await where.wave()
        won = min(sum(isinstance(race.answer, kind) for race in races) for kind in (Applied, Rejected))
        if won >= ENOUGH and len(races) >= AT_LEAST and monotonic() > began + RACING_SECONDS:
            break
        assert won >= ENOUGH or monotonic() < began + patience(120), f"These are no races: {won} of {len(races)}."
    return [*in_good_time, *races]


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
    assert counts["replied"] + counts["expired"] == len(races) == len(stored)
    assert await log.all_dead_letters() == []
    counts["commands"], counts["events published twice"] = len(commands), events - 2 * len(races)
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
    counts["senders told nothing in time"] += not race.told
    counts["expiries that came too early"] += "not_due" in verdict.codes.values()
    counts["expiries that met a reply"] += "already_answered" in verdict.codes.values()
