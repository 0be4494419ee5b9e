"""The service's loop as it is in jobs, in a process as it is, and nothing beside it: what jobs reacts to elsewhere (who
left a team, the store platform) is no part of what the bare loop does.
"""

from services.jobs.main import JOB
from shared.process import run
from shared.service import Service
from shared.settings import Settings


def build(service: Service) -> None:
    service.owns(JOB)


if __name__ == "__main__":
    run("jobs", build, Settings())
