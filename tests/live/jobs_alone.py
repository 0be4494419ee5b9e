"""The jobs service with its one loop and nothing beside it, as a process of its own: what reacts to other services is
left out, and the clock too, unless `JOBS_TICK` says how often it looks.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.processes import ManagedProcess
from services.jobs.main import JOB
from services.jobs.timers import told
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from tests.live.process import ServiceProcess

TICK = "JOBS_TICK"


class JobsAlone(ServiceProcess):
    def __init__(self, environ: Mapping[str, str], folder: Path, *, tick: float = 0.0) -> None:
        super().__init__("jobs", environ, folder)
        self.process = ManagedProcess(
            "jobs",
            [sys.executable, "-m", "tests.live.jobs_alone"],
            log_file=folder / "jobs.log",
            cwd=Path(__file__).parents[2],
            env={**environ, "JOBWIRE_OPS_PORT": str(self.ops_port), "JOBWIRE_LOG_LEVEL": "WARNING", TICK: str(tick)},
        )


def build(service: Service) -> None:
    service.owns(JOB)
    if every := float(os.environ[TICK]):
        service.tells_time(JOB, told, every=every)


if __name__ == "__main__":
    run("jobs", build, Settings())
