"""`python -m deploy.bench.live`: what a live event costs with many listeners, beside how it was done before."""

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
import uvloop

from deploy.bench.live import listening, sockets
from deploy.bench.live.listening import Cost
from deploy.bench.live.sockets import Served

WALKING_IS_ENOUGH = 11
"""Events of the old way in one process: each takes long, and all take the same."""
WALKING_BEARS = 500
"""Sockets of the old way: with more, waking all of them once a second leaves no time to take further ones."""


def main(  # noqa: PLR0913, PLR0917 - typer's options
    listeners: Annotated[int, typer.Option(help="Open streams, in teams of five.")] = 5_000,
    events: Annotated[int, typer.Option(help="Events in one process, without sockets.")] = 2_000,
    rate: Annotated[int, typer.Option(help="Events per second behind a real server.")] = 100,
    seconds: Annotated[int, typer.Option(help="How long it is told so many.")] = 10,
    old: Annotated[bool, typer.Option(help="Behind a real server, measure the old way, too.")] = True,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Measure live updates on this machine: walking wakes and asks everybody, indexed finds those who may know."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_measure(listeners, events, rate, seconds, old=old))
    typer.echo(json.dumps(result.as_dict(), indent=2) if as_json else result.told())


@dataclass(frozen=True)
class Result:
    listeners: int
    rate: int
    walking: Cost
    indexed: Cost
    served: dict[str, Served]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.walking.event_ms / self.indexed.event_ms}

    def told(self) -> str:
        ways = (("walking", self.walking), ("indexed", self.indexed))
        lines = [
            f"{self.listeners:,} listeners in one process     event      per reached      idle, of a core",
            *(f"  {name:<24}{c.event_ms:>14.3f} ms{c.reached_us:>13.1f} µs{c.idle_share:>14.1%}" for name, c in ways),
            f"  walking / indexed{self.walking.event_ms / self.indexed.event_ms:>19.0f}",
            f"Behind a real server, {self.rate} events/s",
            "            sockets       event  per reached   p50 to hear   p99 to hear  heard  memory each",
        ]
        for name, one in self.served.items():
            lines.append(
                f"  {name:<9}{one.sockets:>8,}{one.event_ms:>9.2f} ms{one.reached_us:>10.0f} µs{one.p50_ms:>11.1f} ms"
                f"{one.p99_ms:>11.1f} ms{one.reached / one.wanted:>7.0%}{one.kib_each:>9.1f} KiB"
            )
        return "\n".join(lines)


async def _measure(listeners: int, events: int, rate: int, seconds: int, *, old: bool) -> Result:
    walking = await listening.walking(listeners, min(events, WALKING_IS_ENOUGH))
    indexed = await listening.indexed(listeners, events)
    many = sockets.sockets_at_most(listeners)
    ways = ["walking", "indexed"] if old else ["indexed"]
    most = {"walking": min(many, WALKING_BEARS), "indexed": many}
    served = {way: await sockets.measure(way, most[way], rate, rate * seconds) for way in ways}
    return Result(listeners, rate, walking, indexed, served)


if __name__ == "__main__":
    typer.run(main)
