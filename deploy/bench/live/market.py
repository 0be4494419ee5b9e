"""Listeners in teams of five, and a log in which each event is one team's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from deploy.bench.backlog import Parties
from services.gateway.live.news import Listener
from services.gateway.read.tenants import MemberTenant
from services.jobs.job import evolve
from shared.contracts.base import SYSTEM, Event, EventData, derived_id
from shared.contracts.jobs import CreateJob, JobCreated, JobOpened
from shared.records import RawRecord, Received
from shared.topics import JOB_EVENTS

TEAM = 5
PARTITIONS = 12
_NOW = datetime(2026, 3, 2, tzinfo=UTC)
_OPENED = JobOpened(actor=SYSTEM)


def listener(number: int) -> Listener:
    return Listener(tenants=((MemberTenant(_team(number // TEAM)), 1),))


def events(count: int, listeners: int) -> Iterator[Received]:
    """One after the other for each team, each in its own partition; the version is the event's number."""
    teams = max(listeners // TEAM, 1)
    jobs = [_job(number) for number in range(min(teams, count))]
    for number in range(count):
        job = jobs[number % len(jobs)].model_copy(update={"version": number})
        event = Event[Any, Any].model_construct(
            id=derived_id("live bench", number),
            type=JobOpened.__name__,
            source="/bench",
            subject=job.job_id,
            time=_NOW,
            correlationid=job.job_id,
            causationid=job.job_id,
            version=number,
            data=EventData[Any, Any].model_construct(fact=_OPENED, snapshot=job),
        )
        raw = SimpleNamespace(topic=JOB_EVENTS.name, partition=number % PARTITIONS, offset=number // PARTITIONS)
        yield Received(event, _NOW, cast("RawRecord", raw))


def _team(number: int) -> UUID:
    return derived_id("live bench team", number)


def _job(number: int) -> Any:
    created = cast("CreateJob", Parties(_team(number)).creation())
    fact = JobCreated.model_validate(created.model_dump())
    return evolve(None, fact, derived_id("live bench job", number), _NOW)
