"""From nothing to a gateway with a year of jobs, through the topics: nothing is written behind anybody's back."""

import asyncio
import os
import random
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx2
from pymongo import AsyncMongoClient

from deploy.bench.inbox.lives import a_year
from deploy.bench.inbox.market import Team, make_market, middle, shares, teams_of
from deploy.groups import Groups
from deploy.local.mongodb import EmbeddedMongo
from deploy.local.parts import HOST, choose_port
from deploy.local.processes import ManagedProcess
from deploy.local.stack import ANY_PORTS, LocalStack
from deploy.mailpit import Mailpit
from deploy.provision import provision
from deploy.seed import seed
from services.gateway.read import search_index
from services.gateway.read.models import READ_MODELS
from shared.publisher import KafkaPublisher, Outgoing
from shared.settings import Settings
from shared.topics import JOB_EVENTS, LOCAL_PARTITIONS, PARTNER_COMMANDS, PARTNERS

CACHE_GB = 2.0
"""What MongoDB may keep in memory: room for all of it, as a server has whose inboxes are in use. The local stack's
quarter of a gigabyte would measure the disk."""
LOADERS = 2
_AT_ONCE = 2_000
_SEED = 20_260_301
_ROOT = Path(__file__).parents[3]

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it, and of how much."""


@dataclass(frozen=True)
class Reader:
    """Somebody who is signed in: the owner of a partner."""

    team: Team
    jobs: int
    token: str


@dataclass(frozen=True)
class Loaded:
    """A gateway that has read everything, and two who are signed in to it."""

    settings: Settings
    mongodb: str
    port: int
    big: Reader
    middle: Reader
    events: int
    sizes: Mapping[str, float]
    """Of each collection: MiB of documents and of indexes together."""


@asynccontextmanager
async def loaded(folder: Path, jobs: int, progress: Progress) -> AsyncIterator[Loaded]:
    """Everything runs inside the block, on ports and in a folder of its own."""
    mongo = EmbeddedMongo(folder / "mongodb", cache_gb=CACHE_GB)
    await mongo.start()
    try:
        async with LocalStack(folder / "stack", ports=ANY_PORTS, environ={"MONGODB_URI": mongo.uri}) as endpoints:
            environ = {
                **endpoints.environ(),
                "JOBWIRE_PARTITIONS": str(LOCAL_PARTITIONS),
                "JOBWIRE_SECRET_KEYS": secrets.token_urlsafe(32),
                "JOBWIRE_LOG_LEVEL": "WARNING",
            }
            settings = Settings(kafka_bootstrap_servers=endpoints.kafka_bootstrap_servers, partitions=LOCAL_PARTITIONS)
            assert endpoints.mail_api_url is not None
            await provision(settings)
            load = _Load(folder, environ, settings, mongo.uri, progress)
            await load.register_partners()
            shared = shares(random.Random(_SEED), load.teams, jobs)  # noqa: S311 - no secret
            wanted = [max(load.teams, key=lambda team: shared[team.partner_id]), middle(load.teams, shared)]
            tokens = await load.sign_in([team.owner_email for team in wanted], endpoints.mail_api_url)
            big, mid = [Reader(team, shared[team.partner_id], tokens[team.owner_email]) for team in wanted]
            events = await load.publish(shared)
            await load.read_all()
            await load.index()
            gateway = load.service("gateway")
            async with gateway:
                sizes = await load.sizes()
                await load.close()
                yield Loaded(settings, mongo.uri, gateway.port, big, mid, events, sizes)
    finally:
        await mongo.stop()


class _Load:
    def __init__(
        self, folder: Path, environ: Mapping[str, str], settings: Settings, mongodb: str, progress: Progress
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._settings = settings
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongodb)
        self._database = self._client.get_database(settings.database("gateway"))
        self._progress = progress
        self._market = make_market()
        self.teams = teams_of(self._market)

    def service(self, name: str, number: int = 0) -> "_Service":
        return _Service(name, self._environ, self._folder / f"{name}-{number}.log")

    async def register_partners(self) -> None:
        async with self.service("gateway"), Groups(self._settings) as groups:
            self._progress("partners registered", 0, len(self._market))
            await seed(self._settings, self._market)
            while await groups.lag("gateway", [PARTNER_COMMANDS.name]) or await groups.lag(
                "gateway.partners", [PARTNERS.name]
            ):
                await asyncio.sleep(0.2)
            self._progress("partners registered", len(self._market), len(self._market))

    async def sign_in(self, emails: list[str], mail_api: str) -> dict[str, str]:
        """By the mailed link, as everybody does; before there are jobs, or notifications would mail about each."""
        tokens = {}
        gateway = self.service("gateway")
        async with gateway, self.service("notifications"), httpx2.AsyncClient(timeout=30) as client:
            mails, url = Mailpit(client, mail_api), f"http://{HOST}:{gateway.port}/api/v1"
            for email in emails:
                (await client.post(f"{url}/sign-in", json={"email": email})).raise_for_status()
                mail = await mails.to(email, containing="/sign-in?token=", within=60)
                said = {"token": mail.token, "email": mail.to}
                session = (await client.post(f"{url}/sessions", json=said)).raise_for_status()
                tokens[email] = session.json()["token"]
        return tokens

    async def publish(self, jobs: Mapping[Any, int]) -> int:
        """Every event of every job, as the jobs service would say it; gives their number."""
        publisher = KafkaPublisher(self._settings, "jobwire-bench")
        await publisher.start()
        events, done, waiting, total = 0, 0, list[Outgoing](), sum(jobs.values())
        try:
            for life in a_year(random.Random(_SEED), self.teams, dict(jobs), datetime.now(UTC)):  # noqa: S311
                waiting += life
                done += 1
                if len(waiting) >= _AT_ONCE or done == total:
                    await publisher.publish(waiting)
                    events += len(waiting)
                    waiting.clear()
                    self._progress("jobs said on jobs.events", done, total)
        finally:
            await publisher.stop()
        return events

    async def read_all(self) -> None:
        """Two gateways read it all. The search is loaded first and indexed after, as `search_index` advises."""
        models = [model for model in READ_MODELS if model.topic is JOB_EVENTS]
        async with self.service("gateway", 1), self.service("gateway", 2), Groups(self._settings) as groups:
            await self._database[search_index.SEARCH].drop_indexes()
            ends = {model.group: await groups.lag(model.group, [JOB_EVENTS.name]) for model in models}
            while True:
                lags = {group: await groups.lag(group, [JOB_EVENTS.name]) for group in ends}
                for group, lag in lags.items():
                    self._progress(f"events read by {group}", ends[group] - lag, ends[group])
                if not any(lags.values()):
                    return
                await asyncio.sleep(1)

    async def index(self) -> None:
        """What the gateway's start would do, by a client with the patience for it."""
        self._progress("search indexed", 0, 1)
        await search_index.prepare(self._database)
        self._progress("search indexed", 1, 1)

    async def sizes(self) -> dict[str, float]:
        found = {}
        for model in READ_MODELS:
            for name in model.collections:
                stats = await self._database.command("collStats", name)
                found[name] = round((stats["size"] + stats["totalIndexSize"]) / 2**20, 1)
        return found

    async def close(self) -> None:
        await self._client.close()


def _foreign() -> dict[str, str]:
    """What belongs to the machine, without a developer's own Jobwire settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JOBWIRE_")}


class _Service:
    """`async with` one service as a process: ready inside the block."""

    def __init__(self, name: str, environ: Mapping[str, str], log_file: Path) -> None:
        self.port, self._ops_port = choose_port(name, 0, ""), choose_port(name, 0, "")
        self._process = ManagedProcess(
            name,
            [sys.executable, "-m", f"services.{name}.main"],
            log_file=log_file,
            cwd=_ROOT,
            env={**_foreign(), **environ, "JOBWIRE_PORT": str(self.port), "JOBWIRE_OPS_PORT": str(self._ops_port)},
        )

    async def __aenter__(self) -> Self:
        await self._process.start()
        await self._process.wait_ready(self._ready, within=180)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._process.stop(grace=45)

    async def _ready(self) -> bool:
        try:
            async with httpx2.AsyncClient(verify=False, timeout=2) as client:
                return (await client.get(f"http://{HOST}:{self._ops_port}/health/ready")).status_code == 200
        except httpx2.HTTPError:
            return False
