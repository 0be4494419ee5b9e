"""`python -m deploy.bench.memory`: how large each service gets under a backlog.

All commands are in the log before any service starts. `jobs` works them off, and what it says becomes the backlog of
the others. Memory must follow the batch, not the backlog.
"""

import asyncio
import re
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated
from uuid import UUID

import typer

from deploy.bench.backlog import backlog, publish
from deploy.local.fleet import FREE_OPS_PORTS, FREE_PORTS, Fleet
from deploy.local.stack import ANY_PORTS, LocalStack
from deploy.market import load_partners
from deploy.provision import provision
from deploy.seed import seed
from shared.settings import Settings
from shared.topics import TOPICS

GROWTH_MIB = 120.0
"""How much larger than after its start a service may become."""
_PARTITIONS = 3
_LOOK_SECONDS = 2.0


def main(
    commands: Annotated[int, typer.Option(help="Commands in the log before anybody starts.")] = 200_000,
    jobs: Annotated[int, typer.Option(help="Jobs that they are about.")] = 10_000,
) -> None:
    """Measure each service's memory after its start, and at its largest under a backlog."""
    with tempfile.TemporaryDirectory(prefix="jobwire-bench-") as folder:
        asyncio.run(_measure(Path(folder), commands, jobs))


async def _measure(folder: Path, commands: int, jobs: int) -> None:
    async with LocalStack(folder / "stack", ports=ANY_PORTS, environ={}) as endpoints:
        settings = Settings(
            kafka_bootstrap_servers=endpoints.kafka_bootstrap_servers, partitions=_PARTITIONS, mongodb_uri=""
        )
        await provision(settings)
        fleet = Fleet(
            {
                **endpoints.environ(),
                "JOBWIRE_SECRET_KEYS": "only-for-this-bench-of-memory",
                "JOBWIRE_PARTITIONS": str(_PARTITIONS),
                "JOBWIRE_LOG_LEVEL": "WARNING",
            },
            folder / "logs",
            ports=FREE_PORTS,
            ops_ports=FREE_OPS_PORTS,
        )
        names = list(fleet.ops_ports)
        await fleet.start()
        await seed(settings)
        await _until_quiet(fleet, settings)
        await fleet.stop()

        typer.echo(f"{commands:,} commands on {jobs:,} jobs go into the log")
        partner_ids = [UUID(partner["partner_id"]) for partner in load_partners()]
        await publish(settings, backlog(commands, jobs, partner_ids))
        began = perf_counter()
        await fleet.start()
        started = {name: _mib(fleet, name, "VmRSS") for name in names}
        await _until_quiet(fleet, settings)
        typer.echo(f"worked off by everybody in {perf_counter() - began:.0f} s")
        for name in names:
            largest = _mib(fleet, name, "VmHWM")
            grown = largest - started[name]
            verdict = "" if grown <= GROWTH_MIB else f"  (more than {GROWTH_MIB:g} MiB)"
            typer.echo(f"  {name:<16}{started[name]:>6.0f} MiB when ready{largest:>6.0f} MiB at most{verdict}")
        await fleet.stop()


async def _until_quiet(fleet: Fleet, settings: Settings) -> None:
    """Nobody is behind, twice in a row: what somebody has just handled may be news to another."""
    quiet = 0
    while quiet < 2:
        await asyncio.sleep(_LOOK_SECONDS)
        behind = [await fleet.lag(settings.named(topic.name)) for topic in TOPICS]
        quiet = 0 if any(behind) else quiet + 1


def _mib(fleet: Fleet, name: str, field: str) -> float:
    """`VmRSS` is what a process holds now, `VmHWM` the most that it ever held (proc(5))."""
    status = Path(f"/proc/{fleet.processes[name].pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    typer.run(main)
