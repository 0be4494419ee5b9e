"""A Kafka, a MongoDB, two processes of the jobs service and a door to them, each of which can be killed and comes back
at once; and worse things that can happen to them.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random
from typing import Self

import httpx2
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from deploy.groups import Groups
from deploy.local.parts import HOST, Part, choose_port
from deploy.local.processes import ManagedProcess, ProcessFailed
from deploy.local.stack import ANY_PORTS, LocalStack
from deploy.provision import provision
from shared.mongo import Mongo
from shared.settings import Settings
from shared.topics import JOB_COMMANDS
from tests.chaos.door import PATH
from tests.patience import patience

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
    "door": "the door's producer wedged for good",
    "password": "mongod's password wrong for a while",
    "poison": "a document that only a newer release can read, for a while",
    "offsets": "the group's offsets lost, and all read again",
}
"""What can happen, by its name in a `Kill`."""
_PHASES = {
    "consumer": 0.5,
    "zombie": 0.5,
    "kafka": 0.3,
    "mongodb": 0.7,
    "door": 0.2,
    "poison": 0.4,
    "password": 0.55,
    "offsets": 0.85,
}
_POISON_SECONDS = 3.0
_USER = "jobs"


class Replica:
    """One process of the jobs service. Whatever ends it, it is started again at once."""

    def __init__(self, name: str, module: str, folder: Path, environ: dict[str, str]) -> None:
        self.port, self._ops_port = choose_port(name, 0, ""), choose_port(name, 0, "")
        self.ends: list[int] = []
        """How it ended, when nobody had killed it. A replica that gives up on a producer it can't use leaves with 1,
        which is what it should do."""
        self._process = ManagedProcess(
            name,
            [sys.executable, "-m", module],
            log_file=folder / f"{name}.log",
            cwd=_ROOT,
            env={**environ, "JOBWIRE_PORT": str(self.port), "JOBWIRE_OPS_PORT": str(self._ops_port)},
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

    async def stay_down(self) -> None:
        """Dead, and not started again before `start`."""
        if self._keeper:
            self._keeper.cancel()
        await self.kill()

    def signal(self, number: int) -> None:
        if self._process.pid is not None:
            os.kill(self._process.pid, number)

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
        await self._process.stop(grace=patience(30))

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
        await self._process.wait_ready(self._ready, within=patience(60))
        self.consuming = True

    async def _ready(self) -> bool:
        try:
            async with httpx2.AsyncClient() as client:
                return (
                    await client.get(f"http://{HOST}:{self._ops_port}/health/ready", timeout=patience(2))
                ).status_code == 200
        except httpx2.HTTPError:
            return False


@dataclass
class World:
    """`async with World(folder) as world:`"""

    folder: Path
    sabotage: str | None = None
    trouble_seconds: float = 60.0
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
        await self._set_password("createUser", "right", roles=["root"])
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("JOBWIRE_", "KAFKA_"))},
            **endpoints.environ(),
            "MONGODB_URI": endpoints.mongodb_uri.replace("://", f"://{_USER}:right@") + "&authSource=admin",
            "JOBWIRE_SECRET_KEYS": "only-for-the-chaos-of-tests",
            "JOBWIRE_PARTITIONS": str(PARTITIONS),
            "JOBWIRE_LOG_LEVEL": "WARNING",
            "CHAOS_SABOTAGE": self.sabotage or "",
        }
        logs = self.folder / "logs"
        self.replicas = [
            Replica(f"jobs-{number}", "tests.chaos.impatient_jobs", logs, environ) for number in range(REPLICAS)
        ]
        self.door = Replica("door", "tests.chaos.door", logs, environ)
        self._stack.push_async_callback(self.stop_replicas)
        await asyncio.gather(*(process.start() for process in (*self.replicas, self.door)))
        return self

    @property
    def door_url(self) -> str:
        return f"http://{HOST}:{self.door.port}{PATH}"

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def stop_replicas(self) -> None:
        """SIGTERM to all; each finishes what it has in hand."""
        await asyncio.gather(*(process.stop() for process in (*self.replicas, self.door)))

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
            case "door":
                self.door.signal(signal.SIGUSR1)
            case "password":
                await self._wrong_password()
            case "poison":
                await self._poison(random)
            case "offsets":
                await self._lose_offsets()

    async def _wrong_password(self) -> None:
        """Rotated at the server, and not where it is used. Whoever is connected stays so until mongod is gone."""
        await self._set_password("updateUser", "wrong")
        await _kill_and_start(self._servers.mongo)
        await asyncio.sleep(self.trouble_seconds)
        await self._set_password("updateUser", "right")

    async def _set_password(self, command: str, password: str, **more: object) -> None:
        async with self._database() as mongo:
            await mongo.client.admin.command(command, _USER, pwd=password, **more)

    async def _poison(self, random: Random) -> None:
        """A job of many whose document is beyond this release, in the middle of the traffic."""
        async with self._database() as mongo:
            jobs = mongo.database(self.settings.database("jobs"))["jobs"]
            known = [job["_id"] async for job in jobs.find({"state": {"$ne": None}}, {"_id": 1})]
            job_id = random.choice(known)
            before = await jobs.find_one_and_update(
                {"_id": job_id}, {"$set": {"state.status": "teleported"}, "$inc": {"revision": 1}}
            )
            await asyncio.sleep(_POISON_SECONDS)
            await jobs.update_one(
                {"_id": job_id}, {"$set": {"state.status": before["state"]["status"]}, "$inc": {"revision": 1}}
            )

    async def _lose_offsets(self) -> None:
        """As after `offsets.retention.minutes`, or by a slip of the hand. Commands keep coming meanwhile."""
        await asyncio.gather(*(replica.stay_down() for replica in self.replicas))
        async with Groups(self.settings) as groups:
            while True:
                with suppress(KafkaError):  # the dead are members until their session is over
                    await groups.to_start(JOB_COMMANDS.heard_by[0], [JOB_COMMANDS.name])
                    break
                await asyncio.sleep(0.2)
        await asyncio.gather(*(replica.start() for replica in self.replicas))

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[Mongo]:
        mongo = Mongo.connect(self.settings.mongodb_uri.get_secret_value())
        try:
            yield mongo
        finally:
            await mongo.close()

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
