"""The wiring of jobs."""

from typing import Any

from services.jobs import partners
from services.jobs.handlers import on_match_closed, on_request_matched
from services.jobs.job import decide, evolve, timer
from services.jobs.platform import HttpPlatform
from services.jobs.platform_calls import Calls, PlatformCalls
from services.jobs.timers import told
from shared.aggregate import Aggregate
from shared.commands import Reaction
from shared.contracts.base import Message
from shared.contracts.jobs import CreateJob, Job
from shared.contracts.matching import MatchClosed, RequestMatched
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, MATCHES, PARTNERS


def indexed(job: Job) -> dict[str, Any]:
    """What is stored beside the job because somebody looks for it: the two it is between."""
    return {"partner_id": job.partner_id, "merchant_id": job.details.merchant.merchant_id}


JOB = Aggregate(
    name="job",
    commands=JOB_COMMANDS,
    events=JOB_EVENTS,
    state=Job,
    creates=(CreateJob,),
    decide=decide,
    evolve=evolve,
    indexed=indexed,
    timer=timer,
)


class JobsSettings(Settings):
    ops_port: int = 9103


def build(service: Service) -> None:
    jobs = service.database["jobs"]
    service.prepares(lambda: partners.prepare(jobs))
    service.owns(JOB)
    service.tells_time(JOB, told)
    reactions: dict[type[Message], Reaction] = {
        RequestMatched: on_request_matched(service.settings),
        MatchClosed: on_match_closed,
    }
    service.reacts("jobs.matches", [MATCHES], JOB_COMMANDS, reactions)
    watch = partners.PartnerWatch(service.database, jobs, service.publisher)
    service.hears("jobs.partners", [PARTNERS, JOB_EVENTS], watch)

    calls, settings = Calls(service.database, service.clock), service.settings
    service.prepares(calls.prepare)
    service.hears("jobs.platform", [JOB_EVENTS], calls.on_job_events)
    platform = HttpPlatform(settings.platform_url, settings.platform_token)
    again = settings.platform_ask_again_seconds
    caller = PlatformCalls(calls, platform, service.publisher, service.clock, again, service.stopping)
    for number in range(1, settings.platform_workers + 1):
        service.repeats(f"platform-{number}", caller.tick, every=0.5)


def main() -> None:
    run("jobs", build, JobsSettings())


if __name__ == "__main__":
    main()
