"""Servers that are away are waited for: by a process that starts, and by one that runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from aiokafka.admin import NewPartitions
from starlette.applications import Starlette

from deploy.local.kafka import EmbeddedKafka
from deploy.local.mongodb import EmbeddedMongo
from deploy.local.parts import PartUnavailable, choose_port
from deploy.provision import provision
from services.jobs.main import build
from shared import process as process_module
from shared.clock import SystemClock
from shared.commands import Commander
from shared.failures import Wedged
from shared.http import application
from shared.metrics import Metrics
from shared.mongo import Mongo
from shared.process import Process
from shared.publisher import KafkaPublisher, outgoing
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, REPLIES, SERVICES
from tests.live.log import Log, log_of, put, until
from tests.live.process import ServiceProcess
from tests.live.test_draining import create_job
from tests.patience import patience
from tests.servers import environ_of


@dataclass
class OwnServers:
    """A Kafka and a MongoDB that may be killed, and services that were started before either of them."""

    kafka: EmbeddedKafka
    mongo: EmbeddedMongo
    settings: Settings
    services: list[ServiceProcess]


@pytest_asyncio.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnServers]:
    folder: Path = tmp_path_factory.mktemp("own")
    kafka = EmbeddedKafka(folder / "kafka", choose_port("Kafka", 0, ""))
    mongo = EmbeddedMongo(folder / "mongodb", choose_port("MongoDB", 0, ""))
    settings = Settings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        mongodb_uri=mongo.uri,
        smtp_url="smtp://127.0.0.1:1",
        partitions=3,
        secret_keys="the-key-of-the-tests",
    )
    services = [ServiceProcess(name, environ_of(settings), folder) for name in SERVICES]
    yield OwnServers(kafka, mongo, settings, services)
    await asyncio.gather(*(service.stop() for service in services))
    await asyncio.gather(kafka.stop(), mongo.stop())


@pytest.mark.live
async def test_a_service_that_starts_before_its_servers_waits_and_gets_ready_by_itself(own: OwnServers) -> None:
    await asyncio.gather(*(service.start() for service in own.services))
    for service in own.services:
        await until(lambda service=service: service.health("live"), what="the port answers")
        assert await service.health("live") == (200, {"live": True, "failures": []})
        assert await service.health("ready") == (503, {"ready": False, "service": service.process.name})

    try:
        await asyncio.gather(own.kafka.start(), own.mongo.start())
    except PartUnavailable as missing:
        pytest.skip(str(missing))
    await provision(own.settings)
    for service in own.services:
        await until(service.ready, 60, f"{service.process.name} is ready")
    assert all(service.process.running for service in own.services)


@pytest.mark.live
async def test_a_kafka_that_is_killed_and_comes_back_is_gone_on_with(own: OwnServers) -> None:
    if not await own.services[0].ready():
        pytest.skip("The services have not become ready.")
    await own.kafka.kill()
    for service in own.services:
        assert await service.health("live") == (200, {"live": True, "failures": []})
    await own.kafka.start()

    async with log_of(own.settings) as log:
        commands = [create_job(uuid4()) for _ in range(20)]
        await log.put(JOB_COMMANDS.name, [put(record) for record in commands])
        await until(lambda: _answered(log, len(commands)), 60, "the jobs are created")
        assert await log.all_dead_letters() == []
    for service in own.services:
        assert await service.health("live") == (200, {"live": True, "failures": []})
        assert service.process.running


async def test_a_consumer_whose_coordination_has_died_turns_liveness_red(
    topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka goes on without it and fetches nothing for ever; FastStream's own ping stays green."""
    monkeypatch.setattr(process_module, "WATCH_SECONDS", 0.05)
    left = asyncio.Event()
    async with _jobs_in_here(topics, left) as (process, client):
        assert (await client.get("/health/live")).status_code == 200
        subscription = process._subscriptions[0]
        subscription.subscriber.consumer._coordinator._coordination_task.cancel()
        await until(lambda: _status(client, 503), what="liveness is red")
        answer = (await client.get("/health/live")).json()
        assert "aiokafka's coordination has ended" in answer["failures"][0], answer
        await asyncio.wait_for(left.wait(), patience(5))  # and the process leaves, so that another is started


async def test_a_producer_that_is_wedged_behind_http_says_to_try_again_and_its_process_is_replaced(
    topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka never makes its sequence numbers good again. A share of all commands answered 500, for ever, with
    liveness and readiness green: only consumers had their process replaced.
    """
    monkeypatch.setattr(process_module, "WATCH_SECONDS", 0.05)
    left = asyncio.Event()
    async with _jobs_in_here(topics, left) as (process, client):
        commander = Commander("tests", process._publisher, SystemClock(), Metrics("tests"), timeout=patience(20))
        http = application("Commands")

        @http.post("/comments")
        async def comment() -> None:
            record = create_job(uuid4())
            await commander._publish(outgoing(JOB_COMMANDS.name, record))

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(http), base_url="http://desk") as desk:
            for _ in range(40):
                assert (await desk.post("/comments")).status_code == 200
            _lose_count(process._publisher, topics.named(JOB_COMMANDS.name))
            answers = [await desk.post("/comments") for _ in range(2)]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "try_again")] * 2
        failures = (await client.get("/health/live")).json()["failures"]
        assert any("OutOfOrderSequenceNumber" in failure for failure in failures), failures
        await asyncio.wait_for(left.wait(), patience(30))


def _lose_count(publisher: KafkaPublisher, topic: str) -> None:
    """What a lost answer at the wrong moment does: the broker has seen other sequence numbers than ours."""
    numbers = publisher._producer._txn_manager._sequence_numbers
    lost = [partition for partition in numbers if partition.topic == topic]
    assert len(lost) == publisher._settings.partitions, "each partition was written to"
    for partition in lost:
        numbers[partition] += 5


async def test_a_topic_whose_partitions_become_more_stops_whoever_uses_it(
    topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys move: an event lay in another partition than its predecessors, and was lost to whoever orders them."""
    monkeypatch.setattr(process_module, "WATCH_SECONDS", 0.05)
    left = asyncio.Event()
    async with _jobs_in_here(topics, left) as (process, client), log_of(topics) as log:
        await log.admin.create_partitions({topics.named(JOB_COMMANDS.name): NewPartitions(topics.partitions + 1)})

        async def noticed() -> bool:
            """Each looks at the cluster every few minutes; here, at once."""
            for subscription in process._subscriptions:
                await subscription.subscriber.consumer._client.force_metadata_update()
            return await _status(client, 503)

        await until(noticed, 60, "liveness is red")
        failures = (await client.get("/health/live")).json()["failures"]
        assert any("JOBWIRE_PARTITIONS says" in failure for failure in failures), failures
        await asyncio.wait_for(left.wait(), patience(30))

    late = KafkaPublisher(topics, "late")
    with pytest.raises(Wedged, match="JOBWIRE_PARTITIONS says"):
        await late.start()
    await late.stop()


@asynccontextmanager
async def _jobs_in_here(settings: Settings, left: asyncio.Event) -> AsyncIterator[tuple[Process, httpx2.AsyncClient]]:
    """The jobs service as `shared.process.run` wires it, in this process and without a port."""
    mongo = Mongo.connect(settings.mongodb_uri.get_secret_value())
    publisher = KafkaPublisher(settings, "jobwire-jobs")
    service = Service("jobs", settings, publisher=publisher, database=mongo.database(settings.database("jobs")))
    build(service)
    process = Process(service, mongo, publisher)
    process.on_failure = left.set
    app = Starlette(routes=process.routes())
    async with (
        process.lifespan(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://jobs") as client,
    ):
        await until(lambda: _status(client, 200, "ready"), what="it is ready")
        yield process, client


async def _status(client: httpx2.AsyncClient, wanted: int, which: str = "live") -> bool:
    return (await client.get(f"/health/{which}")).status_code == wanted


async def _answered(log: Log, count: int) -> bool:
    return sum((await log.ends(REPLIES.name)).values()) >= count
