"""Sends the story, remembers what Kafka acknowledged, and watches the answers."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.failures import Wedged, is_transient
from shared.publisher import KafkaPublisher, Outgoing
from shared.settings import Settings
from shared.topics import REPLIES
from tests.chaos.story import Sending

AT_ONCE = 100


class Driver:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher = KafkaPublisher(settings, "chaos")
        self.acked: set[UUID] = set()
        """What Kafka took: the client's own record, and the oracle for "nothing is lost"."""
        self.repeats = 0
        self.resent = 0
        """Commands sent again because nobody could say whether Kafka had taken them."""
        self.answered: set[bytes] = set()

    async def send(self, story: Iterable[Sending], ahead: int, pause_at: Callable[[], float]) -> None:
        """Keep `ahead` commands waiting for an answer, so that whoever is killed is in the middle of full batches.
        `pause_at` gives the number of answers at which something is due to happen.
        """
        await self._publisher.start()
        try:
            sendings = iter(story)
            while chunk := list(islice(sendings, AT_ONCE)):
                while len(self.acked) > min(len(self.answered), pause_at()) + ahead:
                    await asyncio.sleep(0.01)
                await self._publish([sending.record for sending in chunk])
                self.acked.update(sending.command_id for sending in chunk)
                self.repeats += sum(sending.repeated for sending in chunk)
        finally:
            await self._publisher.stop()

    async def _publish(self, records: list[Outgoing]) -> None:
        while True:
            try:
                await self._publisher.publish(records)
            except Wedged:
                await self._publisher.stop(timeout=1)
                await self._publisher.start()
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(0.2)
            else:
                return
            self.resent += len(records)

    async def watch(self) -> None:
        """Count answered commands until cancelled. Begins again from the start when its connection is beyond use."""
        while True:
            with suppress(KafkaError, ConnectionError):
                await self._watch()
            await asyncio.sleep(0.2)

    async def _watch(self) -> None:
        topic = self._settings.named(REPLIES.name)
        partitions = [TopicPartition(topic, number) for number in range(self._settings.partitions)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            consumer.assign(partitions)
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    self.answered.update(record.key for record in records)
        finally:
            await consumer.stop()
