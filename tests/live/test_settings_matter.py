"""Why each setting of `shared.fetching` and `shared.publisher` is there: what happens with the default, and with ours.

"The default" is a FastStream broker as its tutorial makes one, on the same Kafka, with nothing set but the group (and
`auto_offset_reset`, where another setting is what the test is about).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from shared.consumer import Consumer
from shared.contracts.base import SYSTEM
from shared.contracts.jobs import OpenJob
from shared.fetching import BROKER_SETTINGS, SUBSCRIBER_SETTINGS, Broker, PatientConsumer, Subscription
from shared.metrics import Metrics
from shared.publisher import PRODUCER_SETTINGS, KafkaPublisher, Outgoing
from shared.records import Received
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, MAILS
from tests.builders import a_command
from tests.live.log import Put, headers_of, log_of, put, until
from tests.patience import patience

GROUP = "jobs"
Handle = Callable[[Sequence[Received]], Awaitable[None]]


@pytest.fixture
def topic(topics: Settings) -> str:
    """The commands' topic by its name on the broker."""
    return topics.named(JOB_COMMANDS.name)


@asynccontextmanager
async def ours(settings: Settings, handle: Handle, *, name: str = "jobs") -> AsyncIterator[Subscription]:
    """A consumer as every service has it. Kafka shares partitions out in the order of the names."""
    async with AsyncExitStack() as stack:
        producer, metrics = KafkaPublisher(settings, "ours"), Metrics("jobs")
        await producer.start()
        stack.push_async_callback(producer.stop)
        broker = Broker(name, settings, metrics)
        consumer = Consumer("jobs", GROUP, [JOB_COMMANDS], handle, publisher=producer, metrics=metrics)
        subscription = broker.subscribe(consumer)
        stack.push_async_callback(broker.stop)
        await broker.start()
        await until(lambda: _assigned(subscription.subscriber.consumer), what="partitions are assigned")
        yield subscription


@asynccontextmanager
async def default(
    settings: Settings,
    handle: Callable[..., Awaitable[Any]],
    *,
    name: str = "default",
    graceful_timeout: float = 15.0,
    **more: Any,
) -> AsyncIterator[Any]:
    """A consumer as FastStream makes it; gives its subscriber."""
    broker = KafkaBroker(
        settings.kafka_bootstrap_servers, client_id=name, graceful_timeout=graceful_timeout, logger=None
    )
    subscriber = broker.subscriber(settings.named(JOB_COMMANDS.name), group_id=settings.named(GROUP), **more)
    subscriber(handle)
    async with broker:
        await broker.start()
        await until(lambda: _assigned(subscriber.consumer), what="partitions are assigned")
        yield subscriber


def commands(count: int) -> list[Put]:
    return [put(a_command(OpenJob(actor=SYSTEM)), partition=0) for _ in range(count)]


class Starts:
    """Remembers which records a handler was started with."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    async def ours(self, batch: Sequence[Received]) -> None:
        self.offsets += [received.raw.offset for received in batch]

    async def default(self, body: Any, message: KafkaMessage) -> None:
        self.offsets.append(message.raw_message.offset)  # type: ignore[union-attr]  # no batch

    async def are(self, *offsets: int) -> None:
        await until(lambda: _true(self.offsets == list(offsets)), what=f"{offsets} are handled, not {self.offsets}")


class TestAckPolicyManual:
    """The default commits a record that no handler has finished; then the process ends, and the record is lost."""

    async def test_default_loses_the_record_whose_handler_was_cut_off(self, topics: Settings) -> None:
        begun, again = asyncio.Event(), Starts()

        async def dies(body: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, commands(1))
            async with default(topics, dies, graceful_timeout=0.1, auto_offset_reset="earliest"):
                await begun.wait()
            await log.put(JOB_COMMANDS.name, commands(1))
        async with default(topics, again.default, auto_offset_reset="earliest"):
            await again.are(1)

    async def test_ours_gets_it_again(self, topics: Settings) -> None:
        begun, again = asyncio.Event(), Starts()

        async def dies(batch: Sequence[Received]) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, commands(1))
            async with ours(topics.model_copy(update={"drain_seconds": 0.1}), dies):
                await begun.wait()
            await log.put(JOB_COMMANDS.name, commands(1))
        async with ours(topics, again.ours):
            await again.are(0, 1)

    async def test_default_loses_the_record_whose_handler_raises(self, topics: Settings) -> None:
        seen = Starts()

        async def raises(body: Any, message: KafkaMessage) -> None:
            await seen.default(body, message)
            if len(seen.offsets) == 1:
                raise RuntimeError("a bug")

        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, commands(2))
            async with default(topics, raises, auto_offset_reset="earliest"):
                await seen.are(0, 1)
            assert await log.done(GROUP, JOB_COMMANDS.name)
            assert await log.all_dead_letters() == []

    async def test_ours_puts_it_aside(self, topics: Settings) -> None:
        async def raises(batch: Sequence[Received]) -> None:
            if any(received.raw.offset == 0 for received in batch):
                raise RuntimeError("a bug")

        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, commands(2))
            async with ours(topics, raises):
                await until(lambda: log.done(GROUP, JOB_COMMANDS.name), what="both are handled")
            letters = [headers_of(letter) for letter in await log.dead_letters("jobs")]
        assert [(letter["x-original-offset"], letter["x-reason"]) for letter in letters] == [("0", "bug")]


class TestAutoOffsetResetEarliest:
    """With the default, `latest`, a new group never hears what was said before it came."""

    async def test_default_misses_what_came_before(self, topics: Settings) -> None:
        seen = Starts()
        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, commands(1))
            async with default(topics, seen.default) as subscriber:
                await subscriber.consumer.position(TopicPartition(topics.named(JOB_COMMANDS.name), 0))
                await log.put(JOB_COMMANDS.name, commands(1))
                await seen.are(1)

    async def test_ours_hears_it(self, topics: Settings) -> None:
        seen = Starts()
        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, commands(2))
            async with ours(topics, seen.ours):
                await seen.are(0, 1)


class TestListener:
    """A rebalance does not wait for a handler: without our listener the next owner starts on what the first holds."""

    @pytest.fixture(autouse=True)
    def _quick_heartbeats(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A heartbeat brings the news of a rebalance; every three seconds is long for a test."""
        monkeypatch.setitem(SUBSCRIBER_SETTINGS, "heartbeat_interval_ms", 100)

    async def test_default_runs_one_record_in_two_consumers_at_once(self, topics: Settings) -> None:
        running, together = 0, asyncio.Event()

        async def slow(body: Any) -> None:
            nonlocal running
            running += 1
            if running == 2:
                together.set()
            await together.wait()

        options = {
            "auto_offset_reset": "earliest",
            "ack_policy": AckPolicy.NACK_ON_ERROR,
            "heartbeat_interval_ms": 100,
        }
        async with log_of(topics) as log, default(topics, slow, name="b", **options):
            await log.put(JOB_COMMANDS.name, commands(1))
            await until(lambda: _true(running == 1), what="the first has it")
            async with default(topics, slow, name="a", **options):
                await asyncio.wait_for(together.wait(), patience(15))

    async def test_ours_lets_the_first_finish(self, topics: Settings) -> None:
        seen, done = Starts(), asyncio.Event()

        async def slow(batch: Sequence[Received]) -> None:
            await seen.ours(batch)
            await done.wait()

        async with AsyncExitStack() as stack:
            log = await stack.enter_async_context(log_of(topics))
            first = await stack.enter_async_context(ours(topics, slow, name="b"))
            await log.put(JOB_COMMANDS.name, commands(1))
            await until(lambda: _true(seen.offsets == [0]), what="the first has it")
            second = asyncio.create_task(stack.enter_async_context(ours(topics, seen.ours, name="a")))
            await until(lambda: _true(first.consumer._patience._draining.is_set()), what="the rebalance has begun")
            done.set()
            assert await _gets_what_the_first_had(await second)
            await log.put(JOB_COMMANDS.name, commands(1))
            await seen.are(0, 1)


class TestParser:
    """FastStream decodes headers before anybody can object: a record whose header is no UTF-8 vanishes."""

    BAD_HEADER = (("greeting", b"\xff"),)

    async def test_default_drops_the_record_without_a_word(self, topics: Settings) -> None:
        seen = Starts()
        [good, bad] = commands(2)
        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, [Put(bad.key, bad.value, self.BAD_HEADER, 0), good])
            async with default(topics, seen.default, auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR):
                await seen.are(1)
                await until(lambda: log.done(GROUP, JOB_COMMANDS.name), what="it is committed")

    async def test_ours_puts_it_aside(self, topics: Settings) -> None:
        seen = Starts()
        [good, bad] = commands(2)
        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, [Put(bad.key, bad.value, self.BAD_HEADER, 0), good])
            async with ours(topics, seen.ours):
                await seen.are(1)
            assert [headers_of(letter)["x-reason"] for letter in await log.dead_letters("jobs")] == ["bad-header"]


class TestNoReply:
    """Whoever can write a `reply_to` header would make us publish to any topic."""

    async def test_default_publishes_where_a_header_says(self, topics: Settings) -> None:
        async def answers(body: Any) -> str:
            return "something of ours"

        async with log_of(topics) as log:
            await log.put(JOB_COMMANDS.name, [_with_reply_to(topics)])
            async with default(topics, answers, auto_offset_reset="earliest"):
                await until(lambda: log.ends(MAILS.name), what="it has published")
            assert [record.value for record in await log.read(MAILS.name)] == [b"something of ours"]

    async def test_ours_does_not(self, topics: Settings) -> None:
        async def answers(batch: Sequence[Received]) -> Any:
            return ()

        async with log_of(topics) as log:
            async with ours(topics, answers) as subscription:
                await log.put(JOB_COMMANDS.name, [_with_reply_to(topics)])
                await until(lambda: log.done(GROUP, JOB_COMMANDS.name), what="it is handled")
                assert subscription.subscriber.calls
            assert await log.read(MAILS.name) == []


class TestAutoCreation:
    """FastStream makes a missing topic, with one partition; when it is made properly, the keys lie elsewhere."""

    MISSING = "a.topic.that.nobody.made"

    async def test_default_makes_a_topic_with_one_partition(self, topics: Settings) -> None:
        broker = KafkaBroker(topics.kafka_bootstrap_servers, logger=None)
        broker.subscriber(topics.named(self.MISSING), group_id=topics.named(GROUP))(Starts().default)
        async with broker, log_of(topics) as log:
            await broker.start()
            [described] = await log.admin.describe_topics([topics.named(self.MISSING)])
            assert len(described["partitions"]) == 1

    async def test_ours_makes_none(self, topics: Settings) -> None:
        broker = KafkaBroker(topics.kafka_bootstrap_servers, logger=None, **BROKER_SETTINGS)
        broker.subscriber(topics.named(self.MISSING), group_id=topics.named(GROUP))(Starts().default)
        async with broker, log_of(topics) as log:
            with suppress(TimeoutError):  # it waits for somebody to make it
                await asyncio.wait_for(broker.start(), 1)
            assert topics.named(self.MISSING) not in await log.admin.list_topics()


class TestPatientConsumer:
    """FastStream sleeps as long again after each poll that found nothing; whoever writes then waits for it to wake."""

    async def test_default_comes_back_from_an_idle_poll_with_nothing(
        self, topics: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        polls = _watch_polls(monkeypatch, AIOKafkaConsumer)
        async with default(topics, Starts().default, batch=True):
            await until(lambda: _true(polls.count(0) >= 2), what="it has polled in vain")

    async def test_ours_comes_back_with_records_only(self, topics: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        polls, seen = _watch_polls(monkeypatch, PatientConsumer), Starts()
        inner = _watch_polls(monkeypatch, AIOKafkaConsumer)
        async with log_of(topics) as log, ours(topics, seen.ours):
            await until(lambda: _true(inner.count(0) >= 2), what="it has been idle")
            await log.put(JOB_COMMANDS.name, commands(1))
            await seen.are(0)
        assert set(polls) == {1}


class TestEachRecordByItself:
    """`publish_batch` puts a whole batch in one partition, whatever the keys say."""

    async def test_default_puts_all_keys_in_one_partition(self, topics: Settings) -> None:
        async with KafkaBroker(topics.kafka_bootstrap_servers, logger=None) as broker, log_of(topics) as log:
            from faststream.kafka import KafkaPublishMessage  # noqa: PLC0415 - wanted here alone

            batch = [KafkaPublishMessage(b"", key=b"key-%d" % number) for number in range(20)]
            await broker.publish_batch(*batch, topic=topics.named(MAILS.name))
            assert len(await log.ends(MAILS.name)) == 1

    async def test_ours_lets_each_key_choose_and_keeps_a_key_in_its_partition(self, topics: Settings) -> None:
        records = [Outgoing(MAILS.name, b"key-%d" % (number % 20), b"") for number in range(40)]
        async with log_of(topics) as log:
            await _publish(topics, records)
            there = await log.read(MAILS.name)
        assert {record.partition for record in there} == {0, 1, 2}
        assert len({(record.key, record.partition) for record in there}) == 20


class TestTheyReachTheClient:
    """A setting that FastStream or aiokafka does not pass on would be a wish.

    Those whose default does its harm only with several brokers or after minutes are held here alone: `acks` and
    `enable_idempotence` (1 and False: records are lost or come twice when a leader fails), the session and rebalance
    timeouts (10 s each: the group goes on without a consumer that drains for longer), `max_poll_interval_ms`.
    """

    async def test_every_subscriber_setting(self, topics: Settings) -> None:
        async with ours(topics, Starts().ours) as subscription:
            client = subscription.subscriber.consumer
            assert isinstance(client, PatientConsumer)
            passed_on = {name for name in SUBSCRIBER_SETTINGS if hasattr(client, f"_{name}")}
            assert {name: getattr(client, f"_{name}") for name in passed_on} == {
                name: SUBSCRIBER_SETTINGS[name] for name in passed_on
            }
            assert SUBSCRIBER_SETTINGS.keys() - passed_on == {"batch", "batch_timeout_ms", "ack_policy", "no_reply"}
            assert subscription.subscriber.batch_timeout_ms == SUBSCRIBER_SETTINGS["batch_timeout_ms"]
            assert subscription.subscriber.max_records == topics.batch_size
            assert subscription.subscriber._no_reply is True
            assert subscription.subscriber.ack_policy is AckPolicy.MANUAL
            assert client._enable_auto_commit is False
            assert client._auto_offset_reset == "earliest"
            assert client._request_timeout_ms == BROKER_SETTINGS["request_timeout_ms"]
            assert client._subscription.listener is subscription
            coordinator = client._coordinator
            assert coordinator._session_timeout_ms == SUBSCRIBER_SETTINGS["session_timeout_ms"]
            assert coordinator._rebalance_timeout_ms == SUBSCRIBER_SETTINGS["rebalance_timeout_ms"]

    async def test_every_producer_setting(self, topics: Settings) -> None:
        ours_ = KafkaPublisher(topics, "ours")
        await ours_.start()
        producer = ours_._producer
        assert producer is not None
        try:
            there = {
                "acks": {-1: "all"}[producer._sender._acks],
                "enable_idempotence": producer._txn_manager is not None,
                "compression_type": producer._compression_type,
                "linger_ms": producer._message_accumulator._linger_time * 1000,
                "request_timeout_ms": producer._request_timeout_ms,
                "max_request_size": producer._max_request_size,
            }
        finally:
            await ours_.stop()
        assert there == PRODUCER_SETTINGS

    async def test_every_broker_setting(self, topics: Settings) -> None:
        async with ours(topics, Starts().ours) as subscription:
            config = subscription.subscriber._outer_config
            assert config.ack_policy is AckPolicy.MANUAL
            assert config.builder.func is PatientConsumer

    def test_a_drain_is_over_before_the_group_goes_on_without_us(self) -> None:
        drain = Settings.model_fields["drain_seconds"].default
        assert drain * 1000 < SUBSCRIBER_SETTINGS["session_timeout_ms"] < SUBSCRIBER_SETTINGS["rebalance_timeout_ms"]
        assert SUBSCRIBER_SETTINGS["heartbeat_interval_ms"] * 3 <= SUBSCRIBER_SETTINGS["session_timeout_ms"]


def _with_reply_to(settings: Settings) -> Put:
    [record] = commands(1)
    return Put(record.key, record.value, (("reply_to", settings.named(MAILS.name).encode()),))


def _watch_polls(monkeypatch: pytest.MonkeyPatch, kind: type[AIOKafkaConsumer]) -> list[int]:
    """How many records each poll of this class came back with."""
    found: list[int] = []
    getmany = kind.getmany

    async def watched(self: AIOKafkaConsumer, *partitions: Any, **options: Any) -> Any:
        records = await getmany(self, *partitions, **options)
        found.append(sum(map(len, records.values())))
        return records

    monkeypatch.setattr(kind, "getmany", watched)
    return found


async def _publish(settings: Settings, records: Sequence[Outgoing]) -> None:
    producer = KafkaPublisher(settings, "tests")
    await producer.start()
    try:
        await producer.publish(records)
    finally:
        await producer.stop()


async def _gets_what_the_first_had(subscription: Subscription) -> bool:
    return 0 in {partition.partition for partition in subscription.subscriber.consumer.assignment()}


async def _assigned(client: AIOKafkaConsumer) -> bool:
    return bool(client.assignment())


async def _true(holds: bool) -> bool:  # noqa: FBT001 - `until` asks for something awaitable
    return holds
