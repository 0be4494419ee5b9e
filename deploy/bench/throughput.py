"""Three loops work off the same commands, in turns, on one Kafka and one MongoDB.

What is timed is the work alone: from the moment a tenth of the commands is answered to the last answer, by the times
that the answers carry in the log. Starting a process, connecting and warming up lie before that.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr

from deploy.bench.backlog import backlog, lay_down
from deploy.local.parts import choose_port
from deploy.local.processes import ManagedProcess, ProcessFailed
from shared.mongo import Mongo
from shared.settings import Settings
from shared.topics import JOB_EVENTS, LOCAL_PARTITIONS, REPLIES

MODULES = {
    "service": "deploy.bench.service_loop",
    "bare": "deploy.bench.bare_loop",
    "beginner": "deploy.bench.beginner_loop",
    "careful": "deploy.bench.beginner_loop",
}
"""The careful beginner has read that the default loses commands, and acknowledges after the handler."""
WARM_UP = 0.1
_ROOT = Path(__file__).parents[2]
_LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Turn:
    """One loop's turn. `cpu_ms` is its processor time for one command; noise by others moves it less than the rate."""

    contender: str
    per_second: float
    cpu_ms: float
    said_bytes: int
    stored_bytes: int


@dataclass
class Throughput:
    turns: list[Turn] = field(default_factory=list)

    def per_second(self, contender: str) -> float:
        return median(turn.per_second for turn in self.turns if turn.contender == contender)

    def cpu_ms(self, contender: str) -> float:
        return median(turn.cpu_ms for turn in self.turns if turn.contender == contender)

    def ratio(self, other: str) -> float:
        """Of the service to the other loop: the median over pairs of neighbouring turns, which meet the same noise."""
        service = [turn.per_second for turn in self.turns if turn.contender == "service"]
        others = [turn.per_second for turn in self.turns if turn.contender == other]
        pairs = (
            zip(service, others, strict=True) if len(others) == len(service) else [(median(service), median(others))]
        )
        return median(ours / theirs for ours, theirs in pairs)

    def as_dict(self) -> dict[str, Any]:
        rates = {name: round(self.per_second(name), 1) for name in MODULES}
        cpu = {name: round(self.cpu_ms(name), 3) for name in MODULES}
        ratios = {f"service/{other}": round(self.ratio(other), 3) for other in ("bare", "beginner", "careful")}
        return {
            "commands_per_second": rates,
            "cpu_ms_per_command": cpu,
            "ratios": ratios,
            "turns": [vars(t) for t in self.turns],
        }


async def measure(
    servers: Mapping[str, str],
    folder: Path,
    *,
    commands: int,
    rounds: int,
    said: Callable[[str], None],
) -> Throughput:
    """`servers` are the variables that name Kafka and MongoDB."""
    records = backlog(commands, max(commands // 20, 1))
    few = backlog(max(commands // 20, 200), max(commands // 400, 10))
    result = Throughput()
    for number in range(rounds):
        # Whoever goes first changes, so that a machine that slows down or speeds up favours nobody.
        pair = ("service", "bare") if number % 2 == 0 else ("bare", "service")
        for contender in (*pair, "beginner", "careful"):
            settings = _settings(servers, f"bench-{number}-{contender}")
            work = records if contender in pair else few
            await lay_down(settings, work)
            turn = await _turn(contender, settings, servers, folder, len(work))
            result.turns.append(turn)
            said(f"round {number + 1}, {contender}: {turn.per_second:,.0f} commands/s")
    _check_same(result)
    return result


def _check_same(result: Throughput) -> None:
    """The comparison means nothing unless both said and stored the same."""
    sizes = {turn.contender: (turn.said_bytes, turn.stored_bytes) for turn in result.turns}
    for ours, theirs in zip(sizes["service"], sizes["bare"], strict=True):
        if abs(ours - theirs) > 0.01 * theirs:
            raise RuntimeError(f"The loops did different work: service {sizes['service']}, bare {sizes['bare']} bytes.")


async def _turn(contender: str, settings: Settings, servers: Mapping[str, str], folder: Path, commands: int) -> Turn:
    process = ManagedProcess(
        contender,
        [sys.executable, "-m", MODULES[contender]],
        log_file=folder / f"{settings.namespace}.log",
        cwd=_ROOT,
        env={
            **servers,
            "PATH": "/usr/bin:/bin",
            "JOBWIRE_NAMESPACE": settings.namespace,
            "JOBWIRE_PARTITIONS": str(settings.partitions),
            "JOBWIRE_OPS_PORT": str(choose_port(contender, 0, "")),
            "JOBWIRE_LOG_LEVEL": "WARNING",
            "BENCH_ACK": "ACK" if contender == "careful" else "ACK_FIRST",
        },
    )
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    await process.start()
    try:
        cpu = await _watch(consumer, settings, process, commands)
    finally:
        await process.stop()
        await consumer.stop()
    times, answers = await _topic(settings, REPLIES.name)
    _, events = await _topic(settings, JOB_EVENTS.name)
    first = int(len(times) * WARM_UP)
    return Turn(
        contender,
        per_second=(len(times) - first) / (times[-1] - times[first]) * 1000,
        cpu_ms=cpu * 1000,
        said_bytes=answers + events,
        stored_bytes=await _stored(settings),
    )


async def _watch(consumer: AIOKafkaConsumer, settings: Settings, process: ManagedProcess, commands: int) -> float:
    """Wait until everything is answered; gives the processor seconds per command after the warm-up."""
    partitions = _partitions(settings, REPLIES.name)
    warm: tuple[int, float] | None = None
    async with asyncio.timeout(_LIMIT_SECONDS):
        while True:
            answered: int = sum((await consumer.end_offsets(partitions)).values())
            if process.pid is None:
                raise ProcessFailed(f"{process.name} ended.\n{process.tail()}")
            times = psutil.Process(process.pid).cpu_times()
            used = float(times.user) + float(times.system)
            if warm is None and answered >= commands * WARM_UP:
                warm = (answered, used)
            if answered >= commands and warm is not None:
                return (used - warm[1]) / max(answered - warm[0], 1)
            await asyncio.sleep(0.05)


async def _topic(settings: Settings, name: str) -> tuple[list[int], int]:
    """The times of a topic's records in milliseconds, sorted, and the size of their values together."""
    partitions = _partitions(settings, name)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    times: list[int] = []
    size = 0
    try:
        consumer.assign(partitions)
        wanted = sum((await consumer.end_offsets(partitions)).values())
        while len(times) < wanted:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                times += [record.timestamp for record in records]
                size += sum(len(record.value or b"") for record in records)
    finally:
        await consumer.stop()
    return sorted(times), size


async def _stored(settings: Settings) -> int:
    """The size of what all jobs are and remember; then they go, so that the next turn finds the same empty database.

    Without the outbox, which holds the events of the last batch: where batches begin and end is chance.
    """
    mongo = Mongo.connect(settings.mongodb_uri.get_secret_value())
    try:
        database = mongo.database(settings.database("jobs"))
        parts = {"$bsonSize": {"state": "$state", "applied": "$applied", "timer": "$timer"}}
        cursor = await database["jobs"].aggregate([{"$group": {"_id": None, "size": {"$sum": parts}}}])
        size = int((await cursor.to_list())[0]["size"])
        await mongo.client.drop_database(database.name)
    finally:
        await mongo.close()
    return size


def _partitions(settings: Settings, name: str) -> list[TopicPartition]:
    return [TopicPartition(settings.named(name), number) for number in range(settings.partitions)]


def _settings(servers: Mapping[str, str], namespace: str) -> Settings:
    return Settings(
        kafka_bootstrap_servers=servers["KAFKA_BOOTSTRAP_SERVERS"],
        mongodb_uri=SecretStr(servers["MONGODB_URI"]),
        namespace=namespace,
        partitions=LOCAL_PARTITIONS,
    )
