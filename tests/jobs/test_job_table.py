"""DESIGN §5 and what belongs to it, cell by cell. `rules.md` is the specification; hold it beside the design."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import pytest

from services.jobs.job import decide, evolve
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import EVENTS, Job, Status
from shared.decisions import Rejection
from tests.builders import JOB_ID, NOW, REQUEST_ID, UNDO, WINDOW, a_creation, a_job
from tests.jobs.rules import (
    ACTORS,
    HEADINGS,
    NAMES,
    OF_JOBS,
    SENT,
    WAYS,
    Cell,
    Times,
    Until,
    cells,
    code_of,
    command_of,
    creation_rows,
    name_of,
    seen,
    tables,
)

TIMES = Times(int(WINDOW.total_seconds()), (24 * 3600, 6 * 3600), int(UNDO.total_seconds()))
CELLS = cells()


def walk(cell: Cell) -> tuple[Job, datetime]:
    """The job in the cell's situation, and what time it is there."""
    job, at = _told(None, cell.creation(REQUEST_ID, TIMES), NOW), NOW
    for step in cell.steps:
        if isinstance(step, Until):
            at = max(at, step.moment(job))
        else:
            job = _told(job, step(job, TIMES), at)
    return job, at


def _told(job: Job | None, command: Message, at: datetime) -> Job:
    """The job after a command that belongs to the way, so that it must do something."""
    facts = decide(job, command, JOB_ID, at)
    assert not isinstance(facts, Rejection), f"{command!r} is refused: {facts}"
    assert facts, f"{command!r} does nothing."
    return _evolved(job, facts, at)


def _evolved(job: Job | None, facts: Sequence[Message], at: datetime) -> Job:
    for fact in facts:
        job = evolve(job, fact, JOB_ID, at)
    return job


@pytest.mark.parametrize("table", list(dict.fromkeys(cell.table for cell in CELLS)))
def test_every_cell_is_as_the_file_says(table: str) -> None:
    differences = []
    for cell in (cell for cell in CELLS if cell.table == table):
        before, at = walk(cell)
        decision = decide(before, cell.command(before, TIMES), JOB_ID, at)
        code = code_of(decision)
        facts = [] if code else decision
        after = _evolved(before, facts, at)
        found = seen(before, after, [type(fact).__name__ for fact in facts], code, of_access=cell.of_access)
        if found != cell.expected:
            differences.append(f"{cell}: the file says {cell.text} {cell.facts}, the rules {found}")
        if not facts:
            assert after is before
        elif after == before:
            differences.append(f"{cell}: {cell.facts} changed nothing")
        if isinstance(decision, Rejection) and not decision.reason.endswith("."):
            differences.append(f"{cell}: {decision.reason!r} is no sentence")
    assert differences == []


@pytest.mark.parametrize("row", creation_rows(), ids=lambda row: f"{row['command']} by {row['by']}")
def test_a_job_is_created_once_and_by_matching_alone(row: dict[str, str]) -> None:
    request_id = derived_id("another request") if row["command"].endswith("(of another request)") else REQUEST_ID
    command = a_creation(request_id, actor=ACTORS[row["by"]])
    for where in list(row)[3:]:
        job = None if where == "no job yet" else a_job(Status(where.lower()))
        decision = decide(job, command, JOB_ID, NOW)
        if row[where] == "→ New":
            assert [type(fact).__name__ for fact in decision] == [row["says"]]
            assert _evolved(None, decision, NOW).status is Status.NEW
        else:
            assert (code_of(decision) or "nothing") == row[where]


def test_no_command_actor_or_status_is_without_its_cell() -> None:
    """A new command fails here until somebody has thought about it for each actor, kind of request and status."""
    rows = defaultdict(set)
    for cell in CELLS:
        if cell.table in HEADINGS:
            rows[cell.who, cell.kind, cell.where].add(command_of(cell.sent))
    places = [*tables()["The partner"][0]][2:]
    assert {place.removesuffix(" after a reply") for place in places} == {name_of(status) for status in Status}
    assert set(rows) == {(who, kind, place) for who in ACTORS for kind in OF_JOBS for place in places}
    assert {place: NAMES - named for place, named in rows.items() if named != NAMES} == {}
    assert {command_of(sent) for sent in SENT} == NAMES


def test_every_way_and_every_form_of_a_command_is_used_and_no_cell_is_said_twice() -> None:
    assert {cell.where for cell in CELLS} == set(WAYS)
    assert {cell.sent for cell in CELLS} == set(SENT)
    keys = [(cell.table, cell.sent, cell.who, cell.where, cell.kind) for cell in CELLS]
    assert len(keys) == len(set(keys))


def test_every_fact_of_a_job_comes_from_some_cell() -> None:
    said = {fact for cell in CELLS for fact in cell.facts} | {row["says"] for row in creation_rows()}
    assert said - {"–"} == {kind.__name__ for kind in EVENTS}


def test_a_way_ends_where_it_says() -> None:
    for cell in CELLS:
        if cell.table in HEADINGS:
            assert name_of(walk(cell)[0].status) == cell.where.removesuffix(" after a reply")
