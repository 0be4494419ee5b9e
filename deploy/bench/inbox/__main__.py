"""`python -m deploy.bench.inbox`: lists, searches and one job, as ratios to the bare queries of the same run."""

import asyncio
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.bench.inbox.loading import CACHE_GB, loaded
from deploy.bench.inbox.measuring import TARGET, Times, measure

TARGETED = ("list", "search", "one job")
logging.getLogger("aiokafka").setLevel(logging.ERROR)  # It mentions that a topic's leader is known a moment later.


def main(
    jobs: Annotated[int, typer.Option(help="Jobs of all 300 partners together; a fifth are of the biggest.")] = 100_000,
    times: Annotated[int, typer.Option(help="How often each kind of question is asked, both ways.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Make a year of jobs through the topics and measure what a dashboard asks of them."""
    with tempfile.TemporaryDirectory(prefix="jobwire-bench-") as folder:
        result = _runner().run(_measure(Path(folder), jobs, times))
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
    else:
        result.show(Console(width=None if Console().is_terminal else 120))
    raise typer.Exit(0 if result.holds else 1)


@dataclass
class Result:
    events: int
    sizes: Mapping[str, float]
    readers: dict[str, list[Times]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return all(one.ratio < TARGET for measured in self.readers.values() for one in measured if _targeted(one))

    def as_dict(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "mib": self.sizes,
            "cache_gb": CACHE_GB,
            "holds": self.holds,
            "readers": {name: [one.as_dict() for one in measured] for name, measured in self.readers.items()},
        }

    def show(self, console: Console) -> None:
        for name, measured in self.readers.items():
            console.print(_table(name, measured))
        sizes = ", ".join(f"{name} {size:,.0f}" for name, size in self.sizes.items())
        console.print(f"{self.events:,} events. MiB with indexes: {sizes}; MongoDB's cache: {CACHE_GB:g} GB.")
        console.print(f"Every list, search and job below {TARGET:g} times its bare query: {_word(self.holds)}")


def _table(title: str, measured: Sequence[Times]) -> Table:
    table = Table(title=title, title_justify="left", caption="milliseconds; the ratio is of the medians")
    for heading in ("", "", "bare p50", "p95", "Jobwire p50", "p95", "ratio", f"< {TARGET:g}"):
        table.add_column(heading, justify="right" if heading else "left")
    for one in measured:
        told = one.as_dict()
        times = [f"{told[way][cut]:.2f}" for way in ("bare_ms", "jobwire_ms") for cut in ("p50", "p95")]
        table.add_row(told["kind"], told["name"], *times, f"{one.ratio:.2f}", _word(one.ratio < TARGET))
    return table


def _targeted(one: Times) -> bool:
    return one.asked.kind in TARGETED


def _word(holds: bool) -> str:  # noqa: FBT001 - what it is about
    return "yes" if holds else "no"


def _runner() -> asyncio.Runner:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _measure(folder: Path, jobs: int, times: int) -> Result:
    with _Bars() as bars:
        async with loaded(folder, jobs, bars.at) as ready:
            result = Result(ready.events, ready.sizes)
            for name, reader in (("big", ready.big), ("middle", ready.middle)):
                title = f"the {name} partner: {reader.jobs:,} jobs"
                result.readers[title] = await measure(ready, reader, times, partial(bars.at, title))
    return result


class _Bars:
    """One line for each thing that is under way; where nobody watches, a line for each tenth of it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console, refresh_per_second=2)
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def at(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)
        tenths = 10 * done // total if total else 10
        if not self._console.is_terminal and self._tenths.get(what) != tenths:
            self._tenths[what] = tenths
            self._console.print(f"{what}: {done:,} of {total:,}", markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
