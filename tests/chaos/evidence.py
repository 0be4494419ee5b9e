"""What a run left behind, read afresh from Kafka and MongoDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.clock import from_timestamp
from shared.contracts.codec import Codec
from shared.mongo import Mongo
from shared.records import Received
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES, Topic, dead_letters_of

_AT_ONCE = 100


@dataclass(frozen=True)
class Evidence:
    commands: list[Received]
    """In the log's order within each job: all of a job lies in one partition."""
    events: list[Received]
    replies: list[Received]
    dead_letters: int
    parked: int
    documents: dict[UUID, dict[str, Any]]


async def gather(settings: Settings) -> Evidence:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return Evidence(
            commands=await _parsed(consumer, settings, JOB_COMMANDS),
            events=await _parsed(consumer, settings, JOB_EVENTS),
            replies=await _parsed(consumer, settings, REPLIES),
            dead_letters=len(await _raw(consumer, settings, dead_letters_of("jobs"))),
            documents=await _documents(settings, "jobs"),
            parked=len(await _documents(settings, "parked")),
        )
    finally:
        await consumer.stop()


async def behind(settings: Settings) -> int:
    """Commands that the group has not committed yet."""
    topic, group = settings.named(JOB_COMMANDS.name), settings.named(JOB_COMMANDS.heard_by[0])
    partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await consumer.start()
    await admin.start()
    try:
        ends = await consumer.end_offsets(partitions)
        done = await admin.list_consumer_group_offsets(group)
        return sum(ends[one] - (max(done[one].offset, 0) if one in done else 0) for one in partitions)
    finally:
        await admin.close()
        await consumer.stop()


async def _parsed(consumer: AIOKafkaConsumer, settings: Settings, topic: Topic) -> list[Received]:
    raws = await _raw(consumer, settings, topic.name)
    received: list[Received] = []
    for start in range(0, len(raws), _AT_ONCE):
        received += _decoded(topic.codec, raws[start : start + _AT_ONCE])
    return received


def _decoded(codec: Codec, raws: Sequence[ConsumerRecord]) -> list[Received]:
    records = codec.decode_all([raw.value for raw in raws])
    return [Received(record, from_timestamp(raw.timestamp), raw) for raw, record in zip(raws, records, strict=True)]


async def _raw(consumer: AIOKafkaConsumer, settings: Settings, name: str) -> list[ConsumerRecord]:
    """The whole topic, partition by partition, in order."""
    topic = settings.named(name)
    partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    await consumer.seek_to_beginning(*partitions)
    found: dict[TopicPartition, list[ConsumerRecord]] = {partition: [] for partition in partitions}
    while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
        for partition, records in (await consumer.getmany(timeout_ms=500)).items():
            found[partition] += records
    return [record for partition in partitions for record in found[partition]]


async def _documents(settings: Settings, collection: str) -> dict[Any, dict[str, Any]]:
    mongo = Mongo.connect(settings.mongodb_uri.get_secret_value())
    try:
        return {
            document["_id"]: document async for document in mongo.database(settings.database("jobs"))[collection].find()
        }
    finally:
        await mongo.close()
