"""Sends the story through an HTTP door, remembers what Kafka acknowledged, and watches the answers."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from uuid import UUID

import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.publisher import Outgoing
from shared.settings import Settings
from shared.topics import REPLIES
from tests.chaos.door import COMMANDS
from tests.chaos.story import Sending
from tests.patience import patience

AT_ONCE = 100


class Driver:
    def __init__(self, settings: Settings, door: str) -> None:
        self._settings = settings
        self._door = door
        self.unexpected: set[int] = set()
        """What HTTP said that is neither "taken" nor "try again"."""
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
        async with httpx2.AsyncClient(verify=False, timeout=patience(60)) as client:
            sendings = iter(story)
            while chunk := list(islice(sendings, AT_ONCE)):
                while len(self.acked) > min(len(self.answered), pause_at()) + ahead:
                    await asyncio.sleep(0.01)
                await self._publish(client, [sending.record for sending in chunk])
                self.acked.update(sending.command_id for sending in chunk)
                self.repeats += sum(sending.repeated for sending in chunk)

    async def _publish(self, client: httpx2.AsyncClient, records: list[Outgoing]) -> None:
        body = COMMANDS.dump_json([((one.key or b"").decode(), (one.value or b"").decode()) for one in records])
        while True:
            with suppress(httpx2.HTTPError):  # nobody there: it is being replaced
                response = await client.post(self._door, content=body)
                if response.status_code == 204:
                    return
                if response.status_code != 503:
                    self.unexpected.add(response.status_code)
            self.resent += len(records)
            await asyncio.sleep(0.2)

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
