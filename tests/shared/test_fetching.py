"""FastStream's and aiokafka's side of a consumer, as far as it can be seen without a broker."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaConnectionError

from shared import fetching
from shared.fetching import PatientConsumer, Subscription
from shared.settings import Settings
from tests.shared.test_consumer import Desk, records


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> PatientConsumer:
    async def getmany(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)
    return object.__new__(PatientConsumer)


@pytest.mark.parametrize("error", [ValueError("no such codec"), CorruptRecordException("bad checksum")], ids=repr)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_fetch_that_could_not_be_unpacked_is_never_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    consumer = failing(monkeypatch, error)
    fetching = asyncio.create_task(PatientConsumer.getmany(consumer))
    while consumer.broken is None:
        await asyncio.sleep(0)
    assert type(error).__name__ in consumer.broken
    await asyncio.sleep(0)
    assert not fetching.done()
    fetching.cancel()


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), ConsumerStoppedError()], ids=repr)
async def test_kafka_that_is_away_breaks_no_consumer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    consumer = failing(monkeypatch, error)
    with pytest.raises(type(error)):
        await PatientConsumer.getmany(consumer)
    assert consumer.broken is None


async def test_nothing_is_begun_after_the_end() -> None:
    desk = Desk()
    subscription = Subscription(desk.consumer, Settings(), everyone=False)
    subscription.subscriber = SimpleNamespace(consumer=None)
    await subscription.on_batch(tuple(records(1)))
    assert desk.handled == [0]
    subscription.end()
    await subscription.on_batch(tuple(records(1, 1)))
    assert desk.handled == [0]


PARTITION = TopicPartition("jobs.commands", 0)


class Client:
    """An aiokafka consumer that fetches nothing, and the log as it really is."""

    def __init__(self, *, committed: int, end: int, partitions: int = 12) -> None:
        self._coordinator = SimpleNamespace()
        self.committed_offset, self.end, self.partitions = committed, end, partitions

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    def highwater(self, _partition: TopicPartition) -> None:
        """Known with the first fetch only."""

    async def end_offsets(self, _partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {PARTITION: self.end}

    async def beginning_offsets(self, _partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {PARTITION: 0}

    async def committed(self, _partition: TopicPartition) -> int:
        return self.committed_offset

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(range(self.partitions))


def over(client: Client, monkeypatch: pytest.MonkeyPatch) -> tuple[Subscription, list[float]]:
    """A subscription over this client, and the time, which the test moves."""
    now = [1000.0]
    monkeypatch.setattr(fetching, "monotonic", lambda: now[0])
    monkeypatch.setattr("shared.consumer.monotonic", lambda: now[0])
    subscription = Subscription(Desk().consumer, Settings(), everyone=False)
    subscription.subscriber = SimpleNamespace(consumer=client)
    return subscription, now


async def watched(subscription: Subscription, now: list[float], seconds: int) -> str | None:
    """What the process that looks every five seconds has seen by then. Nobody asks for /metrics."""
    for _ in range(seconds // 5):
        now[0] += 5
        await subscription.learn_ends()
        if dead := subscription.dead():
            return dead
    return None


async def test_a_consumer_that_fetches_nothing_is_noticed_though_nobody_asks_for_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscription, now = over(Client(committed=3, end=5), monkeypatch)
    assert "none was handled" in await watched(subscription, now, 180)


async def test_a_consumer_with_nothing_to_fetch_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(committed=5, end=5)
    subscription, now = over(client, monkeypatch)
    assert await watched(subscription, now, 3600) is None
    client.end = 6
    assert "none was handled" in await watched(subscription, now, 180)


async def test_progress_inside_a_batch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long batch that gets on, part by part, was taken for a dead one, started again, and so for ever."""
    subscription, now = over(Client(committed=3, end=5), monkeypatch)
    for _ in range(20):
        assert await watched(subscription, now, 50) is None
        subscription.consumer.progressed()


async def test_partitions_that_somebody_adds_stop_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(committed=5, end=5)
    subscription, now = over(client, monkeypatch)
    assert await watched(subscription, now, 10) is None
    client.partitions = 13
    assert "13 partitions, and JOBWIRE_PARTITIONS says 12" in await watched(subscription, now, 10)
    assert subscription.consumer.failure
