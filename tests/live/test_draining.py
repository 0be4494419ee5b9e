"""Stopping a service is an everyday thing: it finishes what it has in hand, and nobody misses an answer."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord

from shared.commands import command
from shared.contracts.base import Record
from shared.contracts.jobs import AddComment, job_id_of
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES
from tests.builders import BY_PARTNER, NOW, PARTNER_ID, a_creation
from tests.live.log import Log, log_of, put, until
from tests.live.process import ServiceProcess
from tests.patience import patience
from tests.servers import environ_of

JOBS = 30
IN_FLIGHT = 600
"""Commands that wait for their answer at any time: enough to be busy, few enough to end soon."""
GRACE = patience(25)
"""The drain (20 s by default) and something for the rest; compose and Kubernetes get more."""


class Load:
    """Commands at a steady pace until it is told to stop: jobs, and comments on them."""

    def __init__(self, log: Log) -> None:
        self.sent: list[Record] = []
        self._log = log
        self._enough = asyncio.Event()

    async def run(self) -> None:
        await self._send([create_job(request_id) for request_id in (uuid4() for _ in range(JOBS))])
        jobs = [record.subject for record in self.sent]
        while not self._enough.is_set():
            await self._send([_comment(job_id) for job_id in jobs])
            await until(self._wants_more, 60, "the answers come")

    async def _send(self, records: list[Record]) -> None:
        await self._log.put(JOB_COMMANDS.name, [put(record) for record in records])
        self.sent += records

    async def _wants_more(self) -> bool:
        return self._enough.is_set() or await _answers(self._log, len(self.sent) - IN_FLIGHT)

    def stop(self) -> None:
        self._enough.set()


@asynccontextmanager
async def load_on(log: Log) -> AsyncIterator[Load]:
    load = Load(log)
    running = asyncio.create_task(load.run())
    try:
        yield load
    finally:
        load.stop()
        await running


async def test_sigterm_under_load_loses_nothing_and_ends_with_status_0_within_the_grace(
    topics: Settings, tmp_path: Path
) -> None:
    jobs = ServiceProcess("jobs", environ_of(topics), tmp_path)
    async with log_of(topics) as log:
        try:
            async with load_on(log) as load:
                await jobs.start_and_be_ready()
                await until(lambda: _answers(log, at_least=JOBS), what="it is busy")
                assert await jobs.stop(GRACE) == 0
                await until(lambda: _some_wait(log, load), what="commands wait for the one that comes back")
            await jobs.start_and_be_ready()
            await _everything_is_answered_once(log, load)
        finally:
            await jobs.stop()


async def test_a_rolling_restart_of_two_replicas_answers_every_command(topics: Settings, tmp_path: Path) -> None:
    replicas = [ServiceProcess("jobs", environ_of(topics), tmp_path, name=f"jobs-{n}") for n in (1, 2)]
    async with log_of(topics) as log:
        try:
            await asyncio.gather(*(replica.start_and_be_ready() for replica in replicas))
            async with load_on(log) as load:
                for replica in replicas:
                    assert await replica.stop(GRACE) == 0
                    sent = len(load.sent)
                    await until(lambda sent=sent: _answers(log, at_least=sent), what="the other has taken over")
                    await replica.start_and_be_ready()
            await _everything_is_answered_once(log, load)
        finally:
            await asyncio.gather(*(replica.stop() for replica in replicas))


async def _some_wait(log: Log, load: Load) -> bool:
    return not await _answers(log, at_least=len(load.sent))


async def _answers(log: Log, at_least: int) -> bool:
    return sum((await log.ends(REPLIES.name)).values()) >= at_least


async def _everything_is_answered_once(log: Log, load: Load) -> None:
    """Each command has an outcome and one only; each job's events are numbered without a gap; nothing was put aside."""
    await until(lambda: log.done("jobs", JOB_COMMANDS.name), 60, "all commands are handled")
    outcomes: dict[UUID, set[str]] = {}
    for reply in map(_json, await log.read(REPLIES.name)):
        outcomes.setdefault(UUID(reply["subject"]), set()).add(reply["type"])
    assert outcomes == {record.id: {"CommandApplied"} for record in load.sent}

    versions: dict[str, set[int]] = {}
    for event in map(_json, await log.read(JOB_EVENTS.name)):
        versions.setdefault(event["subject"], set()).add(event["version"])
    commands = Counter(str(record.subject) for record in load.sent)
    assert versions == {job_id: set(range(1, count + 1)) for job_id, count in commands.items()}
    assert await log.all_dead_letters() == []


def _json(record: ConsumerRecord) -> dict:
    return json.loads(record.value)


def create_job(request_id: UUID) -> Record:
    return command(a_creation(request_id), job_id_of(request_id, PARTNER_ID), source="tests", time=NOW)


def _comment(job_id: UUID) -> Record:
    return command(AddComment(text="Noted.", actor=BY_PARTNER), job_id, source="tests", time=NOW)
