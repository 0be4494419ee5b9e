"""A real Kafka on this machine: one node, broker and controller in one process, no Docker."""

import asyncio
import base64
import os
import shutil
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.local.java import find_java
from deploy.local.kafka_jars import class_path
from deploy.local.parts import HOST, READY_SECONDS, Part, Progress, choose_port, listens, say_nothing
from deploy.local.processes import ManagedProcess, ProcessFailed

_WHAT_TO_DO = "Stop it, or set KAFKA_BOOTSTRAP_SERVERS to use a Kafka that already runs."

# C1 only, the serial collector, little heap: ready in 1.5 s instead of 2.5 with 165 MB instead of 330,
# and one Python client produces as fast as against C2 (70,000 records/s of 400 bytes, on two cores).
_JVM = [
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
]

# A developer's own JVM options must not change how Kafka starts.
_FOREIGN_OPTIONS = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
# 2 MiB for a record and room for its batch's header.
message.max.bytes=2359296
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Lets a chaos test see a killed consumer's partitions move within a second or two.
group.min.session.timeout.ms=1000
# After a kill -9 the broker may register again only once its former session is over (default 9 s).
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# The default, 128 MiB of heap, is made for much larger logs than a laptop's.
log.cleaner.dedupe.buffer.size=8388608
"""


class EmbeddedKafka(Part):
    """Kafka with its data in `data_dir`; ports of 0 are chosen at the first start and then kept.

    The first start on a machine downloads Kafka (45 MB) and Java must be there, else PartUnavailable.
    Topics are never created by themselves. Records survive `kill` and a new start, also of another
    EmbeddedKafka on the same folder with other ports.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        controller_port: int = 0,
        *,
        progress: Progress = say_nothing,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.controller_port = controller_port
        self._progress = progress
        self._pass_fds = pass_fds
        self._java: list[str] = []

    @property
    def bootstrap_servers(self) -> str:
        """What KAFKA_BOOTSTRAP_SERVERS should say; final once `start` has returned."""
        return f"{HOST}:{self.port}"

    async def start(self) -> None:
        """Starts Kafka and waits until it serves; returns at once if it runs."""
        if self.process and self.process.running:
            return
        self.port = choose_port("Kafka", self.port, _WHAT_TO_DO)
        self.controller_port = choose_port("Kafka", self.controller_port, _WHAT_TO_DO)
        await self._prepare()
        self._progress("Kafka", "starting")
        self.process = self._java_process("Kafka", "kafka.Kafka", str(self._properties))
        await self.process.start()
        try:
            await self.process.wait_ready(self._serves, READY_SECONDS)
        except ProcessFailed:
            await self.process.kill()
            raise

    @property
    def _properties(self) -> Path:
        return self.data_dir / "server.properties"

    async def _prepare(self) -> None:
        if not self._java:
            self._java = [str(find_java()), *_JVM, "-cp", await self._class_path()]
        self.data_dir.mkdir(parents=True, exist_ok=True)
        settings = _PROPERTIES.format(
            host=HOST,
            port=self.port,
            controller_port=self.controller_port,
            log_dir=self.data_dir / "data",
        )
        self._properties.write_text(settings)
        formatted = self.data_dir / "formatted"
        if not formatted.exists():
            await self._format()
            formatted.touch()

    async def _class_path(self) -> str:
        loop = asyncio.get_running_loop()
        called_off = threading.Event()

        def say(sentence: str) -> None:
            # A thread cannot be cancelled: without this, Ctrl-C would wait for the whole download.
            if called_off.is_set():
                raise InterruptedError(sentence)
            loop.call_soon_threadsafe(self._progress, "Kafka", sentence)

        try:
            return await asyncio.to_thread(class_path, say)
        except asyncio.CancelledError:
            called_off.set()
            raise

    async def _format(self) -> None:
        """Writes the empty storage that KRaft wants. A format that broke off leaves nothing behind."""
        self._progress("Kafka", "preparing its data folder")
        shutil.rmtree(self.data_dir / "data", ignore_errors=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = self._java_process(
            "Kafka's StorageTool",
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster_id}",
            f"--config={self._properties}",
        )
        await tool.start()
        try:
            async with asyncio.timeout(READY_SECONDS):
                code = await tool.wait()
        finally:
            await tool.kill()
        if code != 0:
            raise ProcessFailed(f"Kafka's storage could not be formatted.\n{tool.tail()}")

    def _java_process(self, name: str, *arguments: str) -> ManagedProcess:
        return ManagedProcess(
            name,
            [*self._java, *arguments],
            log_file=self.data_dir / "kafka.log",
            env={name: value for name, value in os.environ.items() if name not in _FOREIGN_OPTIONS},
            cwd=self.data_dir,
            pass_fds=self._pass_fds,
        )

    async def _serves(self) -> bool:
        """True once the broker is registered and unfenced: only then does it appear in its own metadata."""
        if not await listens(self.port):
            return False
        connect: Any = AIOKafkaClient  # It has no types.
        client = connect(bootstrap_servers=self.bootstrap_servers)
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()
