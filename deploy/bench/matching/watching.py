"""What the matching service says while it runs."""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.parts import HOST
from shared.settings import Settings
from shared.topics import MATCHES


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said about a request first, and when by the log (seconds since 1970)."""

    fact: Any
    at: float


class Matches:
    """`async with` an ear at `matches`."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=20
        )
        topic = settings.named(MATCHES.name)
        self._partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        self._raw: dict[UUID, tuple[bytes, int]] = {}
        self._heard = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        self._task = asyncio.create_task(self._hear())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    async def of(self, request_id: UUID, within: float) -> Answer:
        """Raises TimeoutError when nothing is said about it in so many seconds."""
        async with asyncio.timeout(within), self._heard:
            await self._heard.wait_for(lambda: request_id in self._raw)
        value, at = self._raw[request_id]
        return Answer(MATCHES.codec.decode(value).fact, at / 1000)

    async def _hear(self) -> None:
        """Nothing is parsed here: the service that is measured has the processor's other half."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                async with self._heard:
                    for record in records:
                        self._note(record.key, record.value, record.timestamp)
                    self._heard.notify_all()

    def _note(self, key: bytes | None, value: bytes | None, timestamp: int) -> None:
        assert key is not None
        assert value is not None
        self._raw.setdefault(UUID(key.decode()), (value, timestamp))


async def lag(port: int) -> int:
    """Records of `partners` that the service has not taken over yet, as it says itself."""
    async with httpx2.AsyncClient(verify=False, timeout=10) as client:
        text = (await client.get(f"http://{HOST}:{port}/metrics")).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return int(
        sum(
            sample.value
            for sample in samples
            if sample.name == "jobwire_consumer_lag_records" and sample.labels["group"] == "matching.partners"
        )
    )


async def ready(port: int) -> bool:
    try:
        async with httpx2.AsyncClient(verify=False, timeout=2) as client:
            return (await client.get(f"http://{HOST}:{port}/health/ready")).status_code == 200
    except httpx2.HTTPError:
        return False
