"""`python -m deploy.bench.matching`: memory, speed, updates and the live service, with the targets beside them."""

import asyncio
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from deploy.bench.matching import database, live, memory, speed, updates
from deploy.bench.matching.database import Against
from deploy.bench.matching.live import Live
from deploy.bench.matching.market import TODAY, partners, requests
from deploy.bench.matching.memory import Memory
from deploy.bench.matching.speed import Speed
from deploy.bench.matching.updates import Updates
from deploy.local.stack import ANY_PORTS, LocalStack
from shared.mongo import Mongo

logging.getLogger("aiokafka").setLevel(logging.ERROR)  # It mentions that a topic's leader is known a moment later.

Say = Callable[[str], None]


def main(  # noqa: PLR0913, PLR0917 - typer's options
    size: Annotated[int, typer.Option("--partners", help="Partners in the index.")] = 100_000,
    asked: Annotated[int, typer.Option("--requests", help="Requests that are selected for, no two alike.")] = 300,
    batches: Annotated[int, typer.Option(help="Batches of 256 changes.")] = 80,
    market: Annotated[int, typer.Option(help="Partners of the live service.")] = 5_000,
    burst: Annotated[int, typer.Option(help="Requests that it gets at once.")] = 4_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Measure matching on this machine. Ends with status 1 when a target is missed."""
    wanted = Wanted(size, asked, batches, market, burst)
    say: Say = (lambda _: None) if as_json else typer.echo
    with tempfile.TemporaryDirectory(prefix="jobwire-bench-") as folder:
        result = asyncio.run(_measure(Path(folder), wanted, say))
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
    else:
        result.show(Console(width=None if Console().is_terminal else 120))
    raise typer.Exit(0 if result.holds else 1)


class Wanted(NamedTuple):
    partners: int
    requests: int
    batches: int
    live_partners: int
    live_requests: int


class Line(NamedTuple):
    what: str
    measured: str
    target: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Result:
    memory: Memory
    speed: Speed
    mongodb: Against
    updates: Updates
    live: Live

    @property
    def holds(self) -> bool:
        return all(one.holds for one in (self.memory, self.speed, self.mongodb, self.updates))

    def as_dict(self) -> dict[str, Any]:
        ratios = {"speed": self.speed.ratio, "mongodb": self.mongodb.ratio}
        return {"holds": self.holds, "ratios": ratios, **asdict(self)}

    def show(self, console: Console) -> None:
        table = Table(title="Matching", title_justify="left")
        for heading in ("", "measured", "target", "holds"):
            table.add_column(heading, justify="right" if heading == "measured" else "left")
        for line in self._lines():
            table.add_row(line.what, line.measured, line.target, "" if line.holds is None else _word(line.holds))
        console.print(table)

    def _lines(self) -> Iterator[Line]:
        yield from _memory(self.memory)
        yield from _speed(self.speed)
        yield from _mongodb(self.mongodb)
        yield from _updates(self.updates)
        yield from _live(self.live)


def _memory(told: Memory) -> Iterator[Line]:
    target = f"at most {memory.TARGET_MB:g} MB"
    yield Line(f"Memory of {told.partners:,} partners", f"{told.megabytes:.0f} MB", target, told.holds)


def _speed(told: Speed) -> Iterator[Line]:
    yield Line(f"Product and partition, {told.rows:,} rows, one thread", f"{told.bare:.0f} µs")
    yield Line(f"Selection, {told.eligible:,} eligible", f"{told.select:.0f} µs")
    yield Line("  ratio", f"{told.ratio:.2f}", f"at most {speed.TARGET:g}", told.holds)


def _mongodb(told: Against) -> Iterator[Line]:
    yield Line(f"MongoDB, {told.documents:,} documents, without texts", f"{told.mongodb:.1f} ms")
    yield Line("Selection, in turns with it", f"{told.select:.2f} ms")
    yield Line("  MongoDB / selection", f"{told.ratio:.0f}", f"at least {database.TARGET:g}", told.holds)


def _updates(told: Updates) -> Iterator[Line]:
    target = f"at least {updates.TARGET:,.0f}/s"
    yield Line(f"{told.changes:,} changes, 256 a batch", f"{told.per_second:,.0f}/s", target, told.holds)
    yield Line("  a batch, of which parsing", f"{told.batch_ms:.1f} ms, {told.parse_ms:.1f} ms")
    yield Line("  the selection after it", f"{told.selection_ms:.2f} ms")


def _live(told: Live) -> Iterator[Line]:
    yield Line(f"Live: from start to ready, {told.partners:,} partners", f"{told.ready_seconds:.1f} s")
    yield Line("Requests that come at once", f"{told.requests_per_second:,.0f}/s")
    yield Line("Partners changing beside 50 requests a second", f"{told.changes_per_second:,.0f}/s")
    yield Line("  from request to match meanwhile", f"{told.answer_ms:.0f} ms")
    yield Line("  lag at the end, and until it is gone", f"{told.lag:,}, {told.lag_seconds:.2f} s")
    yield Line("From a change's acknowledgement to a match that shows it", f"{told.offered_ms:.0f} ms")
    yield Line("  the same, of a partner that becomes unavailable", f"{told.unavailable_ms:.0f} ms")


def _word(holds: bool) -> str:  # noqa: FBT001 - what it is about
    return "yes" if holds else "no"


async def _measure(folder: Path, wanted: Wanted, say: Say) -> Result:
    say(f"weighing {wanted.partners:,} partners in a process of their own")
    weighed = await memory.measure(wanted.partners)
    say("the same partners here")
    index = speed.filled(partners(wanted.partners, TODAY))
    speed.steady()
    say(f"{wanted.requests:,} selections, and as many bare products")
    fast = speed.measure(index, requests(wanted.requests))
    async with LocalStack(folder / "stack", ports=ANY_PORTS, environ={}, mail=False) as endpoints:
        say("MongoDB beside it")
        mongo = Mongo.connect(endpoints.mongodb_uri)
        try:
            against = await database.measure(mongo.database("bench"), index, requests(wanted.requests // 5))
        finally:
            await mongo.close()
        say("partners that change")
        changed = await updates.measure(index, wanted.partners, wanted.batches)
        say("the service itself")
        lived = await live.measure(endpoints, folder, wanted.live_partners, wanted.live_requests)
    return Result(weighed, fast, against, changed, lived)


if __name__ == "__main__":
    typer.run(main)
