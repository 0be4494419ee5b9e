"""Out to the topics. A record counts as said only when Kafka has acknowledged it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from shared.contracts.base import Record
from shared.contracts.codec import encode
from shared.failures import Wedged, is_transient
from shared.settings import Settings
from shared.topics import MIB

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

    async def start(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            client_id=self._client_id,
            **PRODUCER_SETTINGS,
        )
        await producer.start()
        self._producer = producer

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self._producer is None:
            raise ConnectionError("The producer has not started.")
        if self._producer._sender.sender_task.done():  # noqa: SLF001 - it would fail every record from now on
            raise Wedged("aiokafka's sender has ended.")
        try:
            # An idempotent producer waits for ever; who waits must know, to be told to stop waiting.
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._publish(self._producer, records)
        except Exception as error:
            if is_transient(error) or isinstance(error, MessageSizeTooLargeError):
                raise
            # Not the record's fault and not to be waited for (rights, sequence numbers): another process may do better.
            raise Wedged(f"{type(error).__name__}: {error}") from error

    async def _publish(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
        waiting = [
            await producer.send(
                self._settings.named(record.topic), record.value, key=record.key, headers=list(record.headers)
            )
            for record in records
        ]
        if waiting:
            await asyncio.gather(*waiting)

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
