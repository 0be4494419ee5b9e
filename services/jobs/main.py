"""The wiring of jobs."""

from services.jobs import timers
from services.jobs.handlers import on_request_matched
from services.jobs.job import decide, evolve
from shared.aggregate import Aggregate
from shared.contracts.jobs import CreateJob, Job
from shared.contracts.matching import RequestMatched
from shared.lease import Lease
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, MATCHES

JOB = Aggregate(
    name="job",
    commands=JOB_COMMANDS,
    events=JOB_EVENTS,
    state=Job,
    creates=(CreateJob,),
    decide=decide,
    evolve=evolve,
    indexed=timers.indexed,
)


def build(service: Service) -> None:
    jobs = service.database["jobs"]
    service.prepares(lambda: timers.prepare(jobs))
    service.owns(JOB)
    service.reacts("jobs.matches", [MATCHES], JOB_COMMANDS, {RequestMatched: on_request_matched(service.settings)})

    lease = Lease(service.database["leases"], "timers", seconds=10)
    scanner = timers.Timers(jobs, lease, service.publisher, service.clock, service.metrics)
    service.repeats("timers", scanner.tick, every=0.5)


def main() -> None:
    run("jobs", build, Settings())


if __name__ == "__main__":
    main()
