"""Real servers for live tests: those that the environment names, else embedded ones, else containers if asked for."""

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.parts import HOST, PartUnavailable, choose_port
from deploy.local.stack import ANY_PORTS, Endpoints, LocalStack
from shared.mongo import Mongo
from shared.settings import Settings
from shared.topics import LOCAL_PARTITIONS
from tests.limits import UNLIMITED
from tests.patience import patience

KAFKA_IMAGE, MONGO_IMAGE = "apache/kafka:4.1.1", "mongo:7"


@asynccontextmanager
async def servers_in(folder: Path) -> AsyncIterator[Endpoints]:
    """Everything a live test needs, for as long as the block lasts. Raises PartUnavailable with what to do."""
    with _containers() as named:
        async with LocalStack(folder, ports=ANY_PORTS, environ={**os.environ, **named}) as endpoints:
            yield endpoints


def settings_for(servers: Endpoints, namespace: str, **more: object) -> Settings:
    """Settings for a Jobwire of its own on shared servers."""
    return Settings.model_validate(
        {
            "kafka_bootstrap_servers": servers.kafka_bootstrap_servers,
            "mongodb_uri": servers.mongodb_uri,
            "smtp_url": servers.smtp_url or "smtp://127.0.0.1:1",
            "namespace": namespace,
            "partitions": LOCAL_PARTITIONS,
            "secret_keys": "the-key-of-the-tests",
            "platform_url": servers.platform_url or "http://127.0.0.1:1",
            "reply_timeout_seconds": patience(30),
            "limits": UNLIMITED,
            **more,
        }
    )


def environ_of(settings: Settings, **more: str) -> dict[str, str]:
    """The same settings, as a service's process gets them."""
    ours = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "SMTP_URL": settings.smtp_url.get_secret_value(),
        "JOBWIRE_NAMESPACE": settings.namespace,
        "JOBWIRE_PARTITIONS": str(settings.partitions),
        "JOBWIRE_PLATFORM_URL": settings.platform_url,
        "JOBWIRE_STORE_CHECK_PRIVATE": "true",
        "JOBWIRE_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "JOBWIRE_REPLY_TIMEOUT_SECONDS": str(patience(30)),
        "JOBWIRE_LIMITS": json.dumps(settings.limits),
        "JOBWIRE_FORM_SECONDS": "[0, 86400]",  # nobody types in a test
        "PYTHONUNBUFFERED": "1",
    }
    return {**_foreign(), **ours, **more}


def new_namespace() -> str:
    return f"t{uuid4().hex[:10]}"


async def remove(settings: Settings) -> None:
    """Delete all topics and databases of a namespace, so that a broker that serves many tests stays small."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(settings.named(""))])
    finally:
        await admin.close()
    mongo = Mongo.connect(settings.mongodb_uri.get_secret_value())
    try:
        for name in await mongo.client.list_database_names():
            if name.startswith(f"{settings.namespace}_"):
                await mongo.client.drop_database(name)
    finally:
        await mongo.close()


def _foreign() -> dict[str, str]:
    """What belongs to the machine: a developer's own Jobwire settings must not change what a test sees."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JOBWIRE_")}


@contextmanager
def _containers() -> Iterator[Mapping[str, str]]:
    """Kafka and MongoDB as containers, when JOBWIRE_TEST_STACK says so."""
    if os.environ.get("JOBWIRE_TEST_STACK") != "containers":
        yield {}
        return
    what_to_do = "Start Docker, or unset JOBWIRE_TEST_STACK to use the embedded servers."
    try:
        from docker.errors import DockerException  # noqa: PLC0415 - wanted by this way alone
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - as above
        from testcontainers.core.waiting_utils import wait_for_logs  # noqa: PLC0415 - as above
    except ImportError:
        raise PartUnavailable("Containers", "testcontainers is not installed.", what_to_do) from None

    # Both tell their clients their own address, so each has the same port inside and outside.
    kafka_port, mongo_port = (choose_port(part, 0, "") for part in ("Kafka", "MongoDB"))
    kafka_environ = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{kafka_port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{kafka_port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_MESSAGE_MAX_BYTES": "2359296",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    try:
        kafka = DockerContainer(KAFKA_IMAGE, env=kafka_environ).with_bind_ports(kafka_port, kafka_port)
        mongo = DockerContainer(MONGO_IMAGE, command=f"--replSet rs0 --bind_ip_all --port {mongo_port}")
        mongo.with_bind_ports(mongo_port, mongo_port)
        with kafka, mongo:
            wait_for_logs(kafka, "Kafka Server started", timeout=patience(60))
            wait_for_logs(mongo, "Waiting for connections", timeout=patience(60))
            members = f"{{_id: 'rs0', members: [{{_id: 0, host: '{HOST}:{mongo_port}'}}]}}"
            mongo.exec(["mongosh", "--port", str(mongo_port), "--eval", f"rs.initiate({members})"])
            yield {
                "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{kafka_port}",
                "MONGODB_URI": f"mongodb://{HOST}:{mongo_port}/?replicaSet=rs0",
            }
    except DockerException as error:
        raise PartUnavailable("Containers", f"Docker does not answer ({type(error).__name__}).", what_to_do) from None
