"""Kafka as a test looks at it: what was put where, what is there, how far a group has come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.base import Record
from shared.contracts.codec import encode
from shared.publisher import key_of
from shared.settings import Settings
from shared.topics import SERVICES, dead_letters_of
from tests.patience import until as until  # noqa: PLC0414 - who looks at the log waits for it

MIB = 1024 * 1024


@dataclass(frozen=True)
class Put:
    """A record as somebody puts it into a topic, good or bad."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None


def put(record: Record, partition: int | None = None) -> Put:
    return Put(key_of(record.subject), encode(record), partition=partition)


class Log:
    """The topics of one namespace, by their names in the table."""

    def __init__(
        self, settings: Settings, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer
    ) -> None:
        self.settings = settings
        self.admin = admin
        self._producer = producer
        self._reader = reader

    async def put(self, topic: str, records: Sequence[Put]) -> list[tuple[int, int]]:
        """Partition and offset of each, in order."""
        sent = [
            await self._producer.send(
                self.settings.named(topic), one.value, key=one.key, partition=one.partition, headers=list(one.headers)
            )
            for one in records
        ]
        return [(metadata.partition, metadata.offset) for metadata in await asyncio.gather(*sent)]

    async def read(self, topic: str) -> list[ConsumerRecord]:
        """All that is in the topic now."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=3 * MIB,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(self.settings.named(topic), n) for n in range(self.settings.partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            records: list[ConsumerRecord] = []
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    fetched = await consumer.getmany(*partitions, timeout_ms=100)
                    records += [record for batch in fetched.values() for record in batch]
            return records
        finally:
            await consumer.stop()

    async def dead_letters(self, service: str) -> list[ConsumerRecord]:
        return await self.read(dead_letters_of(service))

    async def all_dead_letters(self) -> list[ConsumerRecord]:
        return [letter for service in SERVICES for letter in await self.dead_letters(service)]

    async def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition that is not empty."""
        partitions = [TopicPartition(self.settings.named(topic), n) for n in range(self.settings.partitions)]
        ends = await self._reader.end_offsets(partitions)
        return {partition.partition: end for partition, end in ends.items() if end}

    async def committed(self, group: str) -> dict[str, dict[int, int]]:
        """Topic (by its name on the broker) to the committed offset of each of its partitions."""
        found: dict[str, dict[int, int]] = {}
        for partition, offset in (await self.admin.list_consumer_group_offsets(self.settings.named(group))).items():
            if offset.offset >= 0:
                found.setdefault(partition.topic, {})[partition.partition] = offset.offset
        return found

    async def done(self, group: str, topic: str) -> bool:
        """Whether the group has committed everything that is in the topic."""
        committed = (await self.committed(group)).get(self.settings.named(topic), {})
        return all(committed.get(partition) == end for partition, end in (await self.ends(topic)).items())


@asynccontextmanager
async def log_of(settings: Settings) -> AsyncIterator[Log]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_request_size=8 * MIB,
        compression_type="lz4",
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    reader = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    await admin.start()
    await reader.start()
    try:
        yield Log(settings, producer, admin, reader)
    finally:
        await reader.stop()
        await producer.stop()
        await admin.close()


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}
