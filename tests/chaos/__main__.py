"""`python -m tests.chaos`: the long form. Exits 1 on any difference, naming it."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from random import SystemRandom
from time import monotonic

import typer

from tests.chaos.run import Plan, Report, run
from tests.chaos.sabotage import NAMES


def main() -> int:
    options = _options()
    plan = Plan(**vars(options))
    typer.echo(f"seed {plan.seed}: {plan.commands:,} commands on {plan.jobs:,} jobs, {plan.kills} consumers to kill")
    folder = Path(tempfile.mkdtemp(prefix="jobwire-chaos-"))
    display = Display()
    report = asyncio.run(run(plan, folder, said=display.say, progress=display.progress))
    _print(report)
    if report.ok:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    typer.echo(f"\nFAILED. The same again: --seed {plan.seed}. The logs are in {folder}/logs.")
    return 1


class Display:
    """A line that counts on a terminal, one line every ten seconds elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._began = self._shown = monotonic()

    def say(self, sentence: str) -> None:
        clear = "\r\x1b[K" if self._live else ""
        typer.echo(f"{clear}{monotonic() - self._began:6.1f} s  {sentence}")

    def progress(self, answered: int, acked: int) -> None:
        if self._live:
            typer.echo(f"\r\x1b[K{answered:,} of {acked:,} answered", nl=False)
        elif monotonic() - self._shown > 10:
            self._shown = monotonic()
            self.say(f"{answered:,} of {acked:,} answered")


def _print(report: Report) -> None:
    typer.echo()
    for name, count in report.counts.items():
        typer.echo(f"{count:>10,}  {name}")
    typer.echo("\nNo difference." if report.ok else "\nDIFFERENCES")
    for difference in report.differences:
        typer.echo(f"- {difference}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--commands", type=int, default=30_000)
    parser.add_argument("--jobs", type=int, default=1_500)
    parser.add_argument("--kills", type=int, default=20, help="of consumers")
    parser.add_argument("--zombies", type=int, default=4, help="consumers frozen until others have their partitions")
    parser.add_argument("--server-kills", type=int, default=1, help="of Kafka and of mongod, each")
    parser.add_argument("--troubles", type=int, default=1, help="of each other kind: see WHAT in tests/chaos/world.py")
    parser.add_argument("--trouble-seconds", type=float, default=60.0, help="how long a password is wrong")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--sabotage", choices=NAMES, help="break the loop in this way; the run must then fail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
