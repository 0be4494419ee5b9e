"""The aggregates of oversight, and whenever somebody declines something as spam, then it is reported."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.gateway.oversight import report, suspension
from services.gateway.oversight.acts import ActLog
from services.gateway.read.queue import Queue
from shared.aggregate import Aggregate
from shared.commands import Order
from shared.contracts.base import Event
from shared.contracts.jobs import DeclineReason, Job, JobDeclined
from shared.contracts.reports import FileReport, Report, Reported, ReportReason, report_id_of
from shared.contracts.suspensions import RestorePerson, SuspendPerson, Suspension
from shared.service import Service
from shared.topics import JOB_EVENTS, PEOPLE_COMMANDS, REPORT_COMMANDS, REPORTS, SUSPENSIONS

REPORT = Aggregate(
    "report", REPORT_COMMANDS, REPORTS, Report, creates=(FileReport,), decide=report.decide, evolve=report.evolve
)
SUSPENSION = Aggregate(
    "suspension",
    PEOPLE_COMMANDS,
    SUSPENSIONS,
    Suspension,
    creates=(SuspendPerson, RestorePerson),
    decide=suspension.decide,
    evolve=suspension.evolve,
)


@dataclass(frozen=True)
class Oversight:
    """What the routes of reporters and operators are made of."""

    queue: Queue
    acts: ActLog


def oversees(service: Service) -> Oversight:
    service.owns(REPORT)
    service.owns(SUSPENSION)
    service.reacts("gateway.spam", [JOB_EVENTS], REPORT_COMMANDS, {JobDeclined: on_declined})
    return Oversight(Queue(service.database), ActLog(service.publisher, service.clock, service.security))


def on_declined(event: Event[JobDeclined, Job]) -> Iterable[Order]:
    """Once the decline holds: while it can be taken back nothing is reported."""
    job, decline, actor = event.snapshot, event.fact.decline, event.fact.actor
    if decline.reason is not DeclineReason.SPAM:
        return
    about = report.about(job, Reported.JOB)
    command = FileReport(about=about, reason=ReportReason.SPAM, text=decline.note, actor=actor)
    yield Order(report_id_of(about, actor), command)
