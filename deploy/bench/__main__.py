"""`python -m deploy.bench`: everything measured, with the targets beside it."""

import asyncio
import json
import logging
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.bench import roundtrip, throughput
from deploy.bench.running import Running
from deploy.local.stack import ANY_PORTS, LocalStack

SERVICE_TO_BARE = 0.85
SERVICE_TO_BEGINNER = 25.0
MEMORY_MIB = 120.0
READY_SECONDS = 20.0

# aiokafka mentions that a topic's leader is known a moment after the topic.
logging.getLogger("aiokafka").setLevel(logging.ERROR)


def main(
    commands: Annotated[int, typer.Option(help="Commands in a turn; the beginner's loop gets a twentieth.")] = 20_000,
    rounds: Annotated[int, typer.Option(help="Turns of each loop.")] = 5,
    trips: Annotated[int, typer.Option(help="Messages whose round trip is timed.")] = 400,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Measure throughput, round trip, memory and start of Jobwire on this machine."""

    def say(sentence: str) -> None:
        if not as_json:
            typer.echo(sentence)

    with tempfile.TemporaryDirectory(prefix="jobwire-bench-") as folder:
        result = asyncio.run(_measure(Path(folder), commands, rounds, trips, say))
    typer.echo(json.dumps(result, indent=2) if as_json else _told(result))


async def _measure(folder: Path, commands: int, rounds: int, trips: int, say: Any) -> dict[str, Any]:
    async with Running(folder / "up") as running:
        say(f"jobwire up: all ready in {running.ready_seconds:.1f} s; now it idles")
        memory = await running.memory()
        say("one message at a time")
        round_trips = await roundtrip.measure(running.addresses, trips)
    async with LocalStack(folder / "stack", ports=ANY_PORTS, environ={}, mail=False) as endpoints:
        rates = await throughput.measure(endpoints.environ(), folder, commands=commands, rounds=rounds, said=say)
    return {
        "throughput": rates.as_dict(),
        "round_trip_ms": {name: vars(trip) for name, trip in round_trips.items()},
        "memory_mib": memory,
        "ready_seconds": round(running.ready_seconds, 1),
    }


def _told(result: dict[str, Any]) -> str:
    rates, ratios = result["throughput"]["commands_per_second"], result["throughput"]["ratios"]
    cpu, trips = result["throughput"]["cpu_ms_per_command"], result["round_trip_ms"]
    lines = ["", "Commands per second (median), and processor time for one"]
    lines += [f"  {name:<10}{rates[name]:>10,.0f}/s{cpu[name]:>10.3f} ms" for name in rates]
    lines += [
        f"  service / bare      {ratios['service/bare']:>6.2f}   (target: at least {SERVICE_TO_BARE:g})",
        f"  service / beginner  {ratios['service/beginner']:>6.1f} (the tutorial's handler: loses commands)",
        f"  service / careful   {ratios['service/careful']:>6.1f} (acknowledges after; target {SERVICE_TO_BEGINNER:g})",
        "Round trip, one at a time                    p50       p99",
        *(f"  {_TRIPS[name]:<38}{trip['p50']:>6.1f} ms {trip['p99']:>6.1f} ms" for name, trip in trips.items()),
        f"  message / hops                        {trips['message']['p50'] / trips['hops']['p50']:>6.2f}",
        f"Resident memory, idle (limit {MEMORY_MIB:g} MiB each)",
        *(f"  {name:<16}{size:>6.1f} MiB" for name, size in sorted(result["memory_mib"].items())),
        f"From `jobwire up` to all ready: {result['ready_seconds']:.1f} s (limit {READY_SECONDS:g} s)",
    ]
    return "\n".join(lines)


_TRIPS = {
    "message": "POST /api/v1/jobs/{id}/messages",
    "hop": "bare: produce to consume",
    "hops": "bare: record, read, write, record",
}

if __name__ == "__main__":
    typer.run(main)
