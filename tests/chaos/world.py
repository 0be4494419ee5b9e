"""A Kafka, a MongoDB and two processes of the jobs service, each of which can be killed and comes back at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random
from typing import Self

import httpx2
from pydantic import SecretStr

from deploy.local.parts import HOST, Part, choose_port
from deploy.local.processes import ManagedProcess, ProcessFailed
from deploy.local.stack import ANY_PORTS, LocalStack
from deploy.provision import provision
from shared.settings import Settings

PARTITIONS = 6
REPLICAS = 2
_ROOT = Path(__file__).parents[2]
_KILLED = -9
_FROZEN_SECONDS = 4.0
"""Longer than the group's patience of 2 s (`impatient_jobs`)."""

WHAT = {
    "consumer": "kill -9 of a consumer",
    "zombie": "consumer frozen until its partitions were another's",
    "kafka": "kill -9 of Kafka",
    "mongodb": "kill -9 of mongod",
}
"""What can happen, by its name in a `Kill`."""
_PHASES = {"consumer": 0.5, "zombie": 0.5, "kafka": 0.3, "mongodb": 0.7}


class Replica:
    """One process of the jobs service. Whatever ends it, it is started again at once."""

    def __init__(self, name: str, folder: Path, environ: dict[str, str]) -> None:
        self.port = choose_port(name, 0, "")
        self.ends: list[int] = []
        """How it ended, when nobody had killed it. A replica that gives up on a producer it can't use leaves with 1,
        which is what it should do."""
        self._process = ManagedProcess(
            name,
            [sys.executable, "-m", "tests.chaos.impatient_jobs"],
            log_file=folder / f"{name}.log",
            cwd=_ROOT,
            env={**environ, "JOBWIRE_PORT": str(self.port)},
        )
        self._keeper: asyncio.Task[None] | None = None
        self.consuming = False
        """Killing one that has not begun would prove nothing."""

    async def start(self) -> None:
        await self._begin()
        self._keeper = asyncio.create_task(self._keep())

    async def kill(self) -> None:
        self.consuming = False
        await self._process.kill()

    async def freeze(self, seconds: float) -> None:
        """Stand still in the middle of whatever it does, be taken for dead, and then go on with it."""
        pid = self._process.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        with suppress(ProcessLookupError):  # killed meanwhile
            os.kill(pid, signal.SIGCONT)

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
        await self._process.stop(grace=30)

    async def _keep(self) -> None:
        while True:
            code = await self._process.wait()
            if code != _KILLED:
                self.ends.append(code)
                await asyncio.sleep(0.5)
            with suppress(ProcessFailed):  # it ended while it started: begin again
                await self._begin()

    async def _begin(self) -> None:
        await self._process.start()
        await self._process.wait_ready(self._ready, within=60)
        self.consuming = True

    async def _ready(self) -> bool:
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"http://{HOST}:{self.port}/health/ready", timeout=2)).status_code == 200
        except httpx2.HTTPError:
            return False


@dataclass
class World:
    """`async with World(folder) as world:`"""

    folder: Path
    sabotage: str | None = None
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WHAT, 0))
    replicas: list[Replica] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        # `environ={}`: whatever servers the environment names, they are not ours to kill.
        self._servers = LocalStack(self.folder / "stack", ports=ANY_PORTS, environ={}, mail=False)
        endpoints = await self._stack.enter_async_context(self._servers)
        self.settings = Settings(
            kafka_bootstrap_servers=endpoints.kafka_bootstrap_servers,
            mongodb_uri=SecretStr(endpoints.mongodb_uri),
            partitions=PARTITIONS,
        )
        await provision(self.settings)
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("JOBWIRE_", "KAFKA_"))},
            **endpoints.environ(),
            "JOBWIRE_PARTITIONS": str(PARTITIONS),
            "JOBWIRE_LOG_LEVEL": "WARNING",
            "CHAOS_SABOTAGE": self.sabotage or "",
        }
        self.replicas = [Replica(f"jobs-{number}", self.folder / "logs", environ) for number in range(REPLICAS)]
        self._stack.push_async_callback(self.stop_replicas)
        await asyncio.gather(*(replica.start() for replica in self.replicas))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def stop_replicas(self) -> None:
        """SIGTERM to both; each finishes what it has in hand."""
        await asyncio.gather(*(replica.stop() for replica in self.replicas))

    async def kill(self, what: str, random: Random) -> None:
        """Whatever dies is started again at once."""
        self.kills[what] += 1
        match what:
            case "consumer":
                await random.choice(await self._consuming()).kill()  # its keeper starts it again
            case "zombie":
                await random.choice(await self._consuming()).freeze(_FROZEN_SECONDS)
            case "kafka":
                await _kill_and_start(self._servers.kafka)
            case "mongodb":
                await _kill_and_start(self._servers.mongo)

    async def _consuming(self) -> list[Replica]:
        while not (consuming := [replica for replica in self.replicas if replica.consuming]):
            await asyncio.sleep(0.01)
        return consuming


async def _kill_and_start(part: Part | None) -> None:
    assert part is not None
    await part.kill()
    await part.start()


@dataclass(frozen=True)
class Kill:
    """What dies when this many commands have been answered."""

    at: int
    what: str


def schedule(random: Random, commands: int, counts: Mapping[str, int]) -> list[Kill]:
    """Each kind evenly over the run, with some chance in it; Kafka and mongod not at once, or mongod would die idle."""
    kills = [
        Kill(int(commands * (number + _PHASES[what] + random.uniform(-0.15, 0.15)) / count), what)
        for what, count in counts.items()
        for number in range(count)
    ]
    return sorted(kills, key=lambda kill: kill.at)


class Killer:
    """Carries a schedule out, by the number of commands that have been answered."""

    def __init__(self, world: World, kills: list[Kill], random: Random) -> None:
        self._world = world
        self._kills = kills
        self._random = random

    @property
    def next_at(self) -> float:
        """Whoever sends does not run far ahead of this, or there would be nothing left to disturb."""
        return self._kills[0].at if self._kills else inf

    async def run(self, answered: Callable[[], int], said: Callable[[str], None]) -> None:
        frozen = []
        while self._kills:
            while answered() < self._kills[0].at:
                await asyncio.sleep(0.01)
            await asyncio.sleep(self._random.uniform(0, 0.1))  # not always at the same step of the loop
            what = self._kills[0].what
            said(f"{WHAT[what]} ({answered():,} answered)")
            killing = asyncio.create_task(self._world.kill(what, self._random))
            if what == "zombie":  # the others go on meanwhile
                frozen.append(killing)
            else:
                await killing
            self._kills.pop(0)
        await asyncio.gather(*frozen)
