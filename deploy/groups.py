"""Consumer groups as an operator sees them: who is in them, how far they are, and back to the start."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from shared.settings import Settings


class Groups:
    """`async with Groups(settings) as groups:` – groups and topics by their names in `shared.topics`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = settings.kafka_bootstrap_servers
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()

    async def with_members(self, groups: Iterable[str]) -> list[str]:
        """Those of the groups that somebody is in."""
        return [group for group in groups if await self._members(group)]

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        """Records of the topics that the group has not committed yet."""
        committed = await self._admin.list_consumer_group_offsets(self._settings.named(group))
        starts, ends = await self._ranges(topics)
        done = {partition: max(place.offset, 0) for partition, place in committed.items()}
        return sum(end - max(done.get(partition, 0), starts[partition]) for partition, end in ends.items())

    async def to_start(self, group: str, topics: Sequence[str]) -> None:
        """Let the group begin with the first record of each topic. Raises KafkaError while somebody is in it."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers, group_id=self._settings.named(group), enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = self._partitions(topics)
            consumer.assign(partitions)
            await consumer.commit(await consumer.beginning_offsets(partitions))
        finally:
            await consumer.stop()

    async def _members(self, group: str) -> list[Any]:
        response: Any
        (response,) = await self._admin.describe_consumer_groups([self._settings.named(group)])
        ((error, _group, _state, _kind, _protocol, members, *_),) = response.groups
        if error:
            raise for_code(error)(group)
        return list(members)

    async def _ranges(self, topics: Sequence[str]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers)
        await consumer.start()
        try:
            partitions = self._partitions(topics)
            return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()

    def _partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        return [
            TopicPartition(self._settings.named(topic), number)
            for topic in topics
            for number in range(self._settings.partitions)
        ]
