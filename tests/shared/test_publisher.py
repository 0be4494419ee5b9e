"""Out to the topics: whose fault it is when Kafka does not take a record."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownProducerId,
)

from shared import publisher as module
from shared.contracts.jobs import OpenJob
from shared.failures import Wedged, is_transient
from shared.publisher import KafkaPublisher, outgoing
from shared.settings import Settings
from shared.topics import JOB_COMMANDS
from tests.builders import BY_PARTNER, a_command

RECORD = outgoing(JOB_COMMANDS.name, a_command(OpenJob(actor=BY_PARTNER)))


class Producer:
    """An aiokafka producer with a broker that answers as the test says."""

    def __init__(self, *, on_send: Exception | None = None, on_ack: Exception | None = None, acks: bool = True) -> None:
        self._sender = SimpleNamespace(sender_task=asyncio.get_running_loop().create_future())
        self.partitions: dict[str, int] = {}
        self.client = SimpleNamespace(cluster=SimpleNamespace(partitions_for_topic=self._partitions_for))
        self._on_send, self._on_ack, self._acks = on_send, on_ack, acks
        self.topics: list[str] = []

    def _partitions_for(self, topic: str) -> set[int] | None:
        """What its last look at the cluster said; None for a topic that it has not asked about yet."""
        return set(range(self.partitions[topic])) if topic in self.partitions else None

    async def send(self, topic: str, *_: Any, **__: Any) -> asyncio.Future[None]:
        if self._on_send:
            raise self._on_send
        self.topics.append(topic)
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._on_ack:
            acknowledged.set_exception(self._on_ack)
        elif self._acks:
            acknowledged.set_result(None)
        return acknowledged


def over(producer: Producer | None) -> KafkaPublisher:
    publisher = KafkaPublisher(Settings(namespace="blue"), "tests")
    publisher._producer = producer
    return publisher


BOTH_WAYS = pytest.mark.parametrize(
    "failing",
    [lambda error: Producer(on_send=error), lambda error: Producer(on_ack=error)],
    ids=["when sent", "when acknowledged"],
)
Failing = Callable[[Exception], Producer]


async def test_all_records_are_acknowledged_when_it_returns() -> None:
    producer = Producer()
    await over(producer).publish([RECORD, RECORD])
    await over(producer).publish([])
    assert producer.topics == ["blue.jobs.commands"] * 2


@BOTH_WAYS
@pytest.mark.parametrize("error", [UnknownProducerId(), OutOfOrderSequenceNumber(), AssertionError()], ids=repr)
async def test_what_is_neither_the_records_fault_nor_healed_by_waiting_replaces_the_process(
    failing: Failing, error: Exception
) -> None:
    with pytest.raises(Wedged, match=type(error).__name__):
        await over(failing(error)).publish([RECORD])


@BOTH_WAYS
async def test_a_record_that_is_too_large_is_its_own_fault(failing: Failing) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await over(failing(MessageSizeTooLargeError("3 MiB"))).publish([RECORD])


@BOTH_WAYS
@pytest.mark.parametrize(
    "error",
    [KafkaTimeoutError(), KafkaConnectionError("no"), RequestTimedOutError(), TopicAuthorizationFailedError("no")],
    ids=repr,
)
async def test_kafka_that_is_away_or_shut_to_us_is_waited_for(failing: Failing, error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        await over(failing(error)).publish([RECORD])
    assert is_transient(raised.value)


async def test_an_acknowledgement_that_does_not_come_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PUBLISH_SECONDS", 0.0)
    with pytest.raises(TimeoutError) as raised:
        await over(Producer(acks=False)).publish([RECORD])
    assert is_transient(raised.value)


async def test_a_dead_sender_is_noticed_before_anything_is_handed_to_it() -> None:
    producer = Producer()
    producer._sender.sender_task.set_exception(ValueError("a bug of aiokafka's"))
    with pytest.raises(Wedged):
        await over(producer).publish([RECORD])
    assert producer._sender.sender_task.exception()
    assert producer.topics == []


async def test_before_the_start_it_is_as_if_kafka_were_away() -> None:
    with pytest.raises(ConnectionError):
        await over(None).publish([RECORD])


async def test_a_producer_that_is_wedged_stays_so_and_tells_everybody_at_once() -> None:
    producer = Producer(on_ack=OutOfOrderSequenceNumber())
    publisher = over(producer)
    assert publisher.failure is None
    with pytest.raises(Wedged):
        await publisher.publish([RECORD])
    assert "OutOfOrderSequenceNumber" in publisher.failure
    sent = len(producer.topics)
    with pytest.raises(Wedged, match="OutOfOrderSequenceNumber"):
        await publisher.publish([RECORD])
    assert len(producer.topics) == sent


async def test_nothing_is_published_to_a_topic_whose_partitions_have_become_more() -> None:
    """The record would lie in another partition than those that it follows, and nobody would keep their order."""
    producer = Producer()
    producer.partitions["blue.jobs.commands"] = Settings().partitions
    publisher = over(producer)
    await publisher.publish([RECORD])
    producer.partitions["blue.jobs.commands"] += 1
    with pytest.raises(Wedged, match="13 partitions, and JOBWIRE_PARTITIONS says 12"):
        await publisher.publish([RECORD])
    assert producer.topics == ["blue.jobs.commands"]
    assert publisher.failure
