"""FastStream's and aiokafka's side of a consumer, as far as it can be seen without a broker."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaConnectionError

from shared.fetching import Gate, PatientConsumer, Subscription
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


async def test_nothing_is_handled_before_the_gate_opens_and_nothing_after_it_has_closed() -> None:
    desk, gate = Desk(), Gate()
    subscription = Subscription(desk.consumer, Settings(), everyone=False, gate=gate)
    subscription.subscriber = SimpleNamespace(consumer=None)
    waiting = asyncio.create_task(subscription.on_batch(tuple(records(1))))
    await asyncio.sleep(0)
    assert desk.handled == []
    gate.opened.set()
    await waiting
    assert desk.handled == [0]
    gate.close()
    await subscription.on_batch(tuple(records(1, 1)))
    assert desk.handled == [0]
