"""Out to the topics. A record counts as said only when Kafka has acknowledged it."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from aiokafka import AIOKafkaProducer

from shared.contracts.base import Record
from shared.contracts.codec import encode
from shared.failures import Wedged, is_transient
from shared.logs import get_logger
from shared.progress import progressed
from shared.server_errors import is_about_the_record
from shared.settings import Settings
from shared.topics import MIB, TOPICS, WrongPartitions

log = get_logger(__name__)

STOP_SECONDS = 10.0
PUBLISH_SECONDS = 30.0

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record on its way: the topic by its name in `shared.topics`, the key as it will stand in the log."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def outgoing(topic: str, record: Record, headers: Headers = ()) -> Outgoing:
    """The record under the key that routes it: the id it is about."""
    return Outgoing(topic, key_of(record.subject), encode(record), headers)


def key_of(subject: UUID) -> bytes:
    return str(subject).encode()


class Publisher(Protocol):
    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish all and return when every one is acknowledged by all in-sync replicas. Records of one key keep
        their order.

        Raises what `is_transient` knows when some may not have arrived (any of them may have), `Wedged` when this
        process can never publish again.
        """


class KafkaPublisher:
    """aiokafka's producer with the settings that lose nothing.

    Each record is sent by itself (aiokafka batches on the way): `send_batch`, which FastStream's `publish_batch`
    uses, puts a whole batch in one partition whatever the keys say.
    """

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self.failure: str | None = None
        """Why this process can never publish again, if so. Liveness shows it, and the process is replaced, whoever met
        it first."""

    async def start(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            client_id=self._client_id,
            **PRODUCER_SETTINGS,
        )
        await producer.start()
        # Of topics that nobody has made yet it learns when it publishes to them.
        await producer.client.set_topics([self._settings.named(topic.name) for topic in TOPICS])
        self._producer = producer
        self._count_partitions(producer, [topic.name for topic in TOPICS])

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self._producer is None:
            raise ConnectionError("The producer has not started.")
        if self.failure:
            raise Wedged(self.failure)
        if self._producer._sender.sender_task.done():  # noqa: SLF001 - it would fail every record from now on
            raise self._wedged("aiokafka's sender has ended.")
        self._count_partitions(self._producer, {record.topic for record in records})
        try:
            # An idempotent producer waits for ever; who waits must know, to be told to stop waiting.
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._publish(self._producer, records)
        except Exception as error:
            if is_transient(error) or is_about_the_record(error):
                raise
            # Not the record's fault and not to be waited for (sequence numbers): another process will do better.
            raise self._wedged(f"{type(error).__name__}: {error}") from error

    def _count_partitions(self, producer: AIOKafkaProducer, topics: Iterable[str]) -> None:
        """Kafka lets anybody add partitions; a producer that has heard of them puts keys elsewhere than before, beside
        the records whose order they depend on.
        """
        for topic in topics:
            partitions = producer.client.cluster.partitions_for_topic(self._settings.named(topic))
            if partitions is not None and len(partitions) != self._settings.partitions:
                raise self._wedged(str(WrongPartitions(topic, len(partitions), self._settings.partitions)))

    def _wedged(self, reason: str) -> Wedged:
        self.failure = reason
        log.critical("producer_wedged", reason=reason)
        return Wedged(reason)

    async def _publish(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
        waiting = [
            await producer.send(
                self._settings.named(record.topic), record.value, key=record.key, headers=list(record.headers)
            )
            for record in records
        ]
        if waiting:
            await asyncio.gather(*waiting)
            progressed()

    async def stop(self) -> None:
        """Flush and close. Without a broker an idempotent producer would wait for ever, so this gives up after
        `STOP_SECONDS`.
        """
        if self._producer is not None:
            with suppress(TimeoutError):  # whatever was not acknowledged was not counted as said
                await asyncio.wait_for(self._producer.stop(), STOP_SECONDS)
            self._producer = None


PRODUCER_SETTINGS = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 0,
    "request_timeout_ms": 15_000,
    "max_request_size": 2 * MIB,
}
