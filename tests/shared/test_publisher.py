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
        self._on_send, self._on_ack, self._acks = on_send, on_ack, acks
        self.topics: list[str] = []

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
@pytest.mark.parametrize(
    "error", [TopicAuthorizationFailedError("jobs.commands"), OutOfOrderSequenceNumber(), AssertionError()], ids=repr
)
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
@pytest.mark.parametrize("error", [KafkaTimeoutError(), KafkaConnectionError("no"), RequestTimedOutError()], ids=repr)
async def test_kafka_that_is_away_is_waited_for(failing: Failing, error: Exception) -> None:
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
