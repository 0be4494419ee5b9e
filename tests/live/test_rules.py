"""Every cell of `tests/jobs/rules.md` once more, as a command through Kafka to the running loop of jobs.

All jobs take their ways at the same time, so thousands of cells cost seconds. Deadlines and undoing are short where a
cell needs that they have passed. What takes weeks (a grant, the time to edit a review) nobody waits for: such a job is
put back in time where it is stored.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import from_json

from shared.clock import SystemClock
from shared.commands import command
from shared.contracts.base import Message, Record
from shared.contracts.jobs import Job, job_id_of
from shared.contracts.requests import RequestKind
from shared.mongo import Mongo
from shared.settings import Settings
from shared.store import Change, MongoAggregateStore, Stored
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES
from tests.builders import PARTNER_ID
from tests.jobs.rules import (
    ACTORS,
    DEADLINE,
    HOLDS,
    REMINDER,
    WAYS,
    Cell,
    Make,
    Step,
    Times,
    Until,
    cells,
    creation_rows,
    seen,
)
from tests.live.jobs_alone import JobsAlone
from tests.live.log import Log, log_of, put, until
from tests.servers import environ_of

LONG = Times(72 * 3600, (24 * 3600, 6 * 3600), undo_seconds=60)
SHORT = Times(2, (1,), undo_seconds=1)
SOON = (DEADLINE, REMINDER, HOLDS)
"""Moments that a job with short times is waited for to reach; the others are days away."""
PATIENCE = timedelta(seconds=10)
NOW = SystemClock().now


@dataclass
class Way:
    """One job on its way to a cell, and the command that the cell is about."""

    name: str
    creation: Message | None
    steps: Sequence[Step]
    make: Make
    expected: tuple[str, tuple[str, ...]]
    job_id: UUID
    times: Times
    of_access: bool = False
    before: Job | None = None
    sent: Record | None = None
    walked: int = 0
    history: list[Record] = field(default_factory=list)

    @property
    def waits_for(self) -> Until | None:
        step = self.steps[self.walked] if self.walked < len(self.steps) else None
        return step if isinstance(step, Until) else None

    def next_commands(self) -> Iterator[Message]:
        """Those up to the next moment that has to be waited for."""
        if self.creation and not self.history:
            yield self.creation
        while self.walked < len(self.steps) and not self.waits_for:
            yield self.steps[self.walked](self.before, self.times)
            self.walked += 1


def ways() -> list[Way]:
    return [*(_way_to(cell) for cell in cells()), *_ways_of_creation()]


def _way_to(cell: Cell) -> Way:
    request_id, times = uuid4(), SHORT if any(step in SOON for step in cell.steps) else LONG
    return Way(
        str(cell),
        cell.creation(request_id, times),
        cell.steps,
        cell.command,
        cell.expected,
        job_id_of(request_id, PARTNER_ID),
        times,
        of_access=cell.of_access,
    )


def _ways_of_creation() -> Iterator[Way]:
    for row in creation_rows():
        for where in list(row)[3:]:
            sample = Cell("CreateJob", row["command"], row["by"], where, RequestKind.MATCH, row[where], ())
            request_id, steps = uuid4(), WAYS.get(where, ())
            times = SHORT if DEADLINE in steps else LONG
            named = uuid4() if row["command"].endswith("(of another request)") else request_id
            again = sample.creation(named, times).model_copy(update={"actor": ACTORS[row["by"]]})
            yield Way(
                str(sample),
                None if where == "no job yet" else sample.creation(request_id, times),
                steps,
                lambda _job, _times, again=again: again,
                (row[where], (row["says"],) if row[where].startswith("→") else ()),
                job_id_of(request_id, PARTNER_ID),
                times,
            )


async def test_every_cell_of_the_rules_is_the_same_over_kafka(topics: Settings, tmp_path: Path) -> None:
    jobs, mongo = JobsAlone(environ_of(topics), tmp_path), Mongo.connect(topics.mongodb_uri.get_secret_value())
    store = MongoAggregateStore(mongo.database(topics.database("jobs"))["jobs"], Job)
    try:
        async with log_of(topics) as log:
            await jobs.start_and_be_ready()
            all_ways = ways()
            await _walk(all_ways, log, store)
            await _hold(all_ways, store)
            await _send_what_the_cells_are_about(all_ways, log)
            after = await store.load([way.job_id for way in all_ways])
            await _compare(all_ways, log, after)
    finally:
        status = await jobs.stop()
        await mongo.close()
    assert status == 0


async def _walk(all_ways: Sequence[Way], log: Log, store: MongoAggregateStore[Job]) -> None:
    """Take every job to the situation of its cell, all of them one stretch at a time."""
    while True:
        stretch = []
        for way in all_ways:
            records = [_record(way, data) for data in way.next_commands()]
            way.history += records
            stretch += records
        await _handled(stretch, log)
        found = await _look(all_ways, store)
        waiting = [way for way in all_ways if way.waits_for]
        if not waiting:
            return
        await _wait(waiting, found, store)
        await _look(all_ways, store)


async def _look(all_ways: Sequence[Way], store: MongoAggregateStore[Job]) -> dict[UUID, Stored[Job]]:
    found = await store.load([way.job_id for way in all_ways])
    for way in all_ways:
        way.before = found[way.job_id].state if way.job_id in found else None
    return found


async def _wait(waiting: Sequence[Way], found: dict[UUID, Stored[Job]], store: MongoAggregateStore[Job]) -> None:
    latest, now = NOW(), NOW()
    for way in waiting:
        assert way.waits_for, "It waits."
        moment = way.waits_for.moment(way.before)
        if moment - now < PATIENCE:
            latest = max(latest, moment)
        else:
            assert await store.save([_put_back(found[way.job_id], moment - now)])
        way.walked += 1
    await until(lambda: _past(latest), what="the moments have come")


async def _past(moment: datetime) -> bool:
    return NOW() > moment


def _put_back(stored: Stored[Job], by: timedelta) -> Change[Job]:
    """The same job, as if everything had happened so much earlier."""
    return _changed(stored, Job.model_validate(_earlier(stored.state.model_dump(), by)))


async def _hold(all_ways: Sequence[Way], store: MongoAggregateStore[Job]) -> None:
    """What can still be undone stays so however long the others take: a minute is the most that a command may ask for,
    and a slow machine needs longer.
    """
    found, held = await _look(all_ways, store), []
    for way in all_ways:
        if way.times is LONG and way.before and way.before.pending:
            pending = way.before.pending
            later = pending.model_copy(update={"due_at": pending.due_at + timedelta(hours=1)})
            state = way.before.model_copy(update={"pending": later})
            held.append(_changed(found[way.job_id], state))
    assert await store.save(held)
    await _look(all_ways, store)


def _changed(stored: Stored[Job], state: Job) -> Change[Job]:
    return Change(stored.id, stored.revision, True, state, stored.version, (), stored.outbox, {})


def _earlier(value: Any, by: timedelta) -> Any:
    match value:
        case datetime():
            return value - by
        case dict():
            return {name: _earlier(one, by) for name, one in value.items()}
        case list() | tuple():
            return tuple(_earlier(one, by) for one in value)
        case _:
            return value


async def _send_what_the_cells_are_about(all_ways: Sequence[Way], log: Log) -> None:
    for way in all_ways:
        way.sent = _record(way, way.make(way.before, way.times))
    await _handled([way.sent for way in all_ways], log)


def _record(way: Way, data: Message) -> Record:
    return command(data, way.job_id, source="tests", time=NOW())


async def _handled(records: Sequence[Record], log: Log) -> None:
    await log.put(JOB_COMMANDS.name, [put(record) for record in records])
    await until(lambda: log.done("jobs", JOB_COMMANDS.name), 60, "all are handled")


async def _compare(all_ways: Sequence[Way], log: Log, after: dict[UUID, Stored[Job]]) -> None:
    answers = {record.key.decode(): from_json(record.value) for record in await log.read(REPLIES.name)}
    facts = defaultdict(list)
    for record in await log.read(JOB_EVENTS.name):
        event = from_json(record.value)
        facts[event["causationid"]].append(event["type"])
    differences = []
    for way in all_ways:
        refused = [answers[str(record.id)]["data"] for record in way.history if "code" in _said(answers, record)]
        assert not refused, f"On the way to {way.name}: {refused}"
        state = after[way.job_id].state
        found = seen(
            way.before,
            state,
            facts[str(way.sent.id)],
            _said(answers, way.sent).get("code", ""),
            of_access=way.of_access,
        )
        if found != way.expected:
            differences.append(f"{way.name}: the file says {way.expected}, Kafka {found}")
        if not found[1] and state != way.before:
            differences.append(f"{way.name}: {found[0]}, and all the same it changed")
    assert differences == []
    assert await log.all_dead_letters() == []


def _said(answers: dict[str, Any], record: Record) -> dict[str, Any]:
    return answers[str(record.id)]["data"]
