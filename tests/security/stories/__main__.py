"""`python -m tests.security.stories`: all of them, in their full size. Exits 1 if one does not hold."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import typer

from tests.security.stories.abuse import STORIES
from tests.security.stories.telling import Report, tell_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.security.stories", description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="of each attack, as a share of the whole")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in STORIES], default=[])
    options = parser.parse_args()
    wanted = [one for one in STORIES if not options.only or one.name in options.only]
    with tempfile.TemporaryDirectory(prefix="jobwire-stories-") as folder:
        reports = asyncio.run(tell_all(wanted, Path(folder), options.size, on_told=_print))
    failed = [report for report in reports if report.wrong]
    typer.echo(f"\n{len(reports) - len(failed)} of {len(reports)} stories hold.")
    return 1 if failed else 0


def _print(report: Report) -> None:
    attack = report.attack
    typer.echo(f"\n{report.sentence}.")
    typer.echo("  answers     " + ", ".join(f"{status}: {count:,}" for status, count in attack.statuses.most_common()))
    typer.echo("  came to     " + (", ".join(f"{name} {count:,}" for name, count in attack.facts.items()) or "nothing"))
    typer.echo("  processor   " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.processor.items()))
    typer.echo(f"  honest      {report.honest()}")
    for wrong in report.wrong:
        typer.echo(f"  WRONG       {wrong}")


if __name__ == "__main__":
    sys.exit(main())
