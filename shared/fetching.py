"""FastStream's side of a consumer: how batches are fetched, committed, drained and watched.

Each default that loses or repeats records is set here (`SUBSCRIBER_SETTINGS`); `tests/live/test_settings_matter.py`
shows what each is for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    CorruptRecordException,
    IllegalStateError,
    KafkaError,
)
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage as BatchMessage
from faststream.kafka.prometheus import KafkaPrometheusMiddleware

from shared.catching_up import reading, without_collecting
from shared.consumer import Consumer
from shared.failures import Draining
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.records import RawRecord
from shared.settings import Settings
from shared.tail import TailConsumer
from shared.topics import MAX_MESSAGE_BYTES, WrongPartitions

log = get_logger(__name__)

Record = ConsumerRecord[bytes, bytes]

STUCK_SECONDS = 60.0
WATCH_TIMEOUT_SECONDS = 4.0

BROKER_SETTINGS: dict[str, Any] = {
    "consumer_only": True,  # `shared.publisher` produces; FastStream would create missing topics with one partition
    "allow_auto_create_topics": False,
    "ack_policy": AckPolicy.MANUAL,  # the default commits before the handler has run
    "request_timeout_ms": 15_000,
    "apply_types": False,  # there is nothing to inject, and injecting costs more than parsing
}

SUBSCRIBER_SETTINGS: dict[str, Any] = {
    "batch": True,
    "batch_timeout_ms": 20,
    "ack_policy": AckPolicy.MANUAL,
    "no_reply": True,  # else whoever can write a `reply_to` header makes us publish to any topic
    "session_timeout_ms": 30_000,
    "heartbeat_interval_ms": 3_000,
    "rebalance_timeout_ms": 60_000,  # above the longest drain, or the group goes on without us while we drain
    "max_poll_interval_ms": 300_000,
    "max_partition_fetch_bytes": MAX_MESSAGE_BYTES,
    "fetch_max_wait_ms": 500,
}


class PatientConsumer(AIOKafkaConsumer):
    """Waits for records instead of returning none: FastStream sleeps after each empty poll, which would add that to
    every answer.
    """

    broken: str | None = None

    async def getmany(self, *partitions: Any, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        while True:
            try:
                records = await super().getmany(*partitions, timeout_ms=max(timeout_ms, 1_000), max_records=max_records)
            except Exception as error:
                if isinstance(error, ConsumerStoppedError) or (
                    isinstance(error, KafkaError) and not isinstance(error, CorruptRecordException)
                ):
                    raise
                # aiokafka has dropped what it had unpacked so far and moved on. Whoever fetched again would commit past
                # records that nobody has seen; so this consumer stays where it is, and its process is replaced.
                self.broken = f"A fetch could not be unpacked: {type(error).__name__}: {error}"
                await asyncio.Event().wait()
            if records:
                return records


class Broker:
    """One process's FastStream broker and its subscriptions."""

    def __init__(self, service: str, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._broker = KafkaBroker(
            settings.kafka_bootstrap_servers,
            client_id=f"jobwire-{service}",
            graceful_timeout=settings.drain_seconds,
            logger=None,
            middlewares=[KafkaPrometheusMiddleware(registry=metrics.registry, app_name=service)],
            **BROKER_SETTINGS,
        )
        self._metrics = metrics
        self.subscriptions: list[Subscription] = []

    def subscribe(self, consumer: Consumer, *, everyone: bool = False, from_start: bool = True) -> "Subscription":
        """Feed `consumer`. With `everyone` each process gets every record (no group, nothing committed)."""
        subscription = Subscription(consumer, self._settings, everyone=everyone)
        subscriber = self._broker.subscriber(
            *[self._settings.named(topic) for topic in consumer.topics],
            group_id=None if everyone else self._settings.named(consumer.group),
            auto_offset_reset="earliest" if from_start else "latest",
            max_records=self._settings.batch_size,
            listener=None if everyone else subscription,
            parser=_parse,
            decoder=_decode,
            **SUBSCRIBER_SETTINGS,
        )
        subscriber(subscription.on_batch)
        subscription.subscriber = subscriber
        self.subscriptions.append(subscription)
        return subscription

    async def start(self) -> None:
        """Connect, catch up, and begin to consume; once. Raises KafkaConnectionError when Kafka is away.

        Groups are joined last: while this process reads what every replica keeps in memory (indexes), its partitions
        stay with those who can handle them; and whoever waits for answers hears them before anybody here answers.
        """
        await self._broker.connect()
        config = self._broker.config.broker_config
        config.builder = partial(PatientConsumer, **config.builder.keywords)  # type: ignore[attr-defined]  # a partial by now
        for everyone in (True, False):
            starting = [one for one in self.subscriptions if one.everyone is everyone]
            for subscription in starting:
                await subscription.start(self._metrics)
            for subscription in starting:
                if everyone:
                    await subscription.caught_up()
        for subscription in self.subscriptions:
            subscription.begin()

    async def stop(self) -> None:
        """Let what is in hand come to its end, commit it, and leave the groups."""
        for subscription in self.subscriptions:
            subscription.end()
        await self._broker.stop()

    async def observe_lag(self) -> None:
        self._metrics.lag.clear()
        await asyncio.gather(*(subscription.learn_position() for subscription in self.subscriptions))
        for subscription in self.subscriptions:
            for partition, behind in subscription.behind().items():
                self._metrics.lag.labels(subscription.consumer.group, partition.topic, partition.partition).set(behind)


class Subscription(ConsumerRebalanceListener):
    """One consumer's place in its group."""

    def __init__(self, consumer: Consumer, settings: Settings, *, everyone: bool) -> None:
        self.consumer = consumer
        self.everyone = everyone
        self._ended = False
        self.subscriber: Any = None
        self._settings = settings
        self._idle = asyncio.Event()
        self._idle.set()
        self._progress_at = monotonic()
        self._done: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._looked_at = monotonic()

    async def on_batch(self, records: tuple[Record, ...]) -> None:
        if self._ended:
            return  # not handled, so not committed
        self._idle.clear()
        try:
            await self.consumer.process(cast("Sequence[RawRecord]", records), self._settings.named)
        except Draining as draining:
            log.info("batch_given_back", group=self.consumer.group, reason=str(draining))
            self._rewind(records)
        else:
            await self._commit(records)
        finally:
            self._progress_at = monotonic()
            self._idle.set()

    async def start(self, metrics: Metrics) -> None:
        """Begin to fetch. What every replica reads of compacted topics from their beginning is caught up before."""
        whole = self.everyone and all(topic.compacted for topic in self.consumer.topics.values())
        with without_collecting():
            ends = await self._catch_up(metrics) if whole else {}
        await self.subscriber.start()
        for partition, end in ends.items():
            self._client.seek(partition, end)  # type: ignore[union-attr]  # it has started
        self._done.update(ends)

    async def _catch_up(self, metrics: Metrics) -> dict[TopicPartition, int]:
        """Handle the newest record of each key; gives where that ended."""
        names = {self._settings.named(name): name for name in self.consumer.topics}
        async with reading(self._settings, names) as log:
            ends = await log.ends(names)
            for partition, end in ends.items():
                newest = await log.newest(partition, end)
                records, size = newest.records(), self._settings.batch_size
                for first in range(0, len(records), size):
                    batch = cast("Sequence[RawRecord]", records[first : first + size])
                    await self.consumer.process(batch, self._settings.named)
                    await asyncio.sleep(0)  # whoever asks for this process's health is answered
                outdated = newest.seen - len(records)
                metrics.records.labels(self.consumer.group, partition.topic).inc(outdated)
        return ends

    def begin(self) -> None:
        """All have started: from now on standing still is a fault."""
        self._progress_at = monotonic()

    async def retry_parked(self) -> None:
        """Try again what is parked in our partitions. Whatever gets in the way is met again at the next try."""
        client = self._client
        if client is None:
            return
        mine = {(partition.topic, partition.partition) for partition in client.assignment()}
        with suppress(Draining):
            await self.consumer.retry_parked(lambda topic, number: (topic, number) in mine, self._settings.named)

    def end(self) -> None:
        """Nothing more is begun."""
        self._ended = True
        self.consumer.stop_waiting()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """A rebalance does not wait for handlers by itself: the next owner would start on records that we still
        hold.
        """
        if revoked:
            self.consumer.stop_waiting()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self._settings.drain_seconds)

    async def on_partitions_assigned(self, _assigned: Sequence[TopicPartition]) -> None:
        self.consumer.failure = self.consumer.failure or self._wrong_partitions()
        self.consumer.resume()
        self._progress_at = monotonic()
        self._done.clear()

    async def caught_up(self) -> None:
        """Return when everything that was in the log at the time of the call has been handled."""
        client = self._client
        if client is None:
            raise RuntimeError("A subscription catches up after it has started.")
        partitions = list(client.assignment())
        ends = await client.end_offsets(partitions)
        starts = {partition: await client.position(partition) for partition in partitions}
        self._say_where_it_begins(starts)
        while any(max(self._done.get(partition, 0), starts[partition]) < ends[partition] for partition in partitions):
            if self.consumer.failure:
                raise RuntimeError(self.consumer.failure)
            await asyncio.sleep(0.02)

    def _say_where_it_begins(self, starts: Mapping[TopicPartition, int]) -> None:
        if isinstance(self.consumer, TailConsumer):
            names = {self._settings.named(topic): topic for topic in self.consumer.topics}
            self.consumer.begun({(names[one.topic], one.partition): offset for one, offset in starts.items()})

    def dead(self) -> str | None:
        """Why this subscription will never move again, if so. FastStream's own ping stays green with a dead
        consumer.
        """
        if wrong := self._wrong_partitions():
            self.consumer.failure = wrong
            self.consumer.stop_waiting()
        if self.consumer.failure or self._client is None or self.consumer.waiting_since is not None:
            return self.consumer.failure
        return self._broken(self._client) or self._stuck()

    def _broken(self, client: AIOKafkaConsumer) -> str | None:
        if isinstance(client, PatientConsumer) and client.broken:
            return client.broken
        task = getattr(client._coordinator, "_coordination_task", None)  # noqa: SLF001 - aiokafka has no public sign of it
        if task is not None and task.done():
            return "aiokafka's coordination has ended; this consumer would fetch nothing for ever."
        return None

    def _stuck(self) -> str | None:
        behind = any(self.behind().values())
        if not behind:
            self._progress_at = monotonic()
        elif monotonic() - self._last_progress > STUCK_SECONDS:
            return f"Records are waiting and none was handled for {STUCK_SECONDS:.0f} s."
        return None

    @property
    def _last_progress(self) -> float:
        """A long batch makes progress too."""
        return max(self._progress_at, self.consumer.progress_at)

    def _wrong_partitions(self) -> str | None:
        """Whether somebody has added partitions, by the last look at the cluster: what we hear then is out of order."""
        for topic in self.consumer.topics:
            partitions = self._client.partitions_for_topic(self._settings.named(topic)) if self._client else None
            if partitions and len(partitions) != self._settings.partitions:
                return str(WrongPartitions(topic, len(partitions), self._settings.partitions))
        return None

    async def learn_ends(self) -> None:
        """Ask the log for its ends, unless something has been handled lately: a consumer that fetches nothing at all
        does not know that it is behind.
        """
        client = self._client
        quiet = monotonic() - max(self._looked_at, self.consumer.progress_at) > STUCK_SECONDS / 2
        if client is None or self.everyone or not quiet or self.consumer.waiting_since is not None:
            return
        self._looked_at = monotonic()
        with suppress(KafkaError, TimeoutError, IllegalStateError):  # away: then nobody can say
            async with asyncio.timeout(WATCH_TIMEOUT_SECONDS):
                await self.learn_position()
                self._ends = dict(await client.end_offsets(list(client.assignment())))

    async def learn_position(self) -> None:
        """Ask the group where it left off, for partitions of which nothing has been handled since they were
        assigned.
        """
        client = self._client
        if client is None or self.everyone:
            return
        unknown = list(client.assignment() - self._done.keys())
        if not unknown:
            return
        oldest = await client.beginning_offsets(unknown)
        committed = await asyncio.gather(*(client.committed(partition) for partition in unknown))
        for partition, offset in zip(unknown, committed, strict=True):
            self._done.setdefault(partition, max(offset or 0, oldest[partition]))  # a batch may have ended meanwhile

    def behind(self) -> dict[TopicPartition, int]:
        """Records in the log after the last handled one, by partition, as of the last fetch or look."""
        client = self._client
        if client is None:
            return {}
        behind = {}
        for partition in client.assignment():
            end = max(client.highwater(partition) or 0, self._ends.get(partition, 0))
            done = self._done.get(partition)
            if done is not None:
                behind[partition] = max(end - done, 0)
        return behind

    @property
    def _client(self) -> AIOKafkaConsumer | None:
        client: AIOKafkaConsumer | None = self.subscriber.consumer
        return client

    async def _commit(self, records: Sequence[Record]) -> None:
        ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        if self.everyone:  # what was fetched before it was told where to go on is behind what has been caught up
            ends = {partition: max(end, self._done.get(partition, 0)) for partition, end in ends.items()}
        self._done.update(ends)
        if self.everyone or self._client is None:
            return
        try:
            await self._client.commit(ends)
        except (CommitFailedError, IllegalStateError) as error:
            # The partition has a new owner. It meets these records again and finds them done.
            log.info("commit_too_late", group=self.consumer.group, error=str(error))
        except KafkaError as error:
            log.warning("commit_failed", group=self.consumer.group, error=str(error))
            self._rewind(records)

    def _rewind(self, records: Sequence[Record]) -> None:
        starts: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            starts[partition] = min(record.offset, starts.get(partition, record.offset))
        for partition, offset in starts.items():
            with suppress(IllegalStateError):  # already somebody else's
                if self._client is not None:
                    self._client.seek(partition, offset)


async def _parse(message: tuple[Record, ...]) -> BatchMessage:
    """Pass the records on untouched. FastStream's parser decodes headers, and one that is not UTF-8 would drop its
    whole batch.
    """
    return BatchMessage(
        body=[record.value or b"" for record in message],
        raw_message=message,
        message_id=f"{message[0].topic}-{message[0].partition}-{message[0].offset}",
        consumer=_NO_CONSUMER,
    )


async def _decode(message: BatchMessage) -> Any:
    """The handler gets the records themselves."""
    return message.raw_message


class _NoConsumer:
    """FastStream must not commit: `Subscription` does, with the offsets of what was handled."""

    async def commit(self) -> None:
        raise AssertionError("Only Subscription commits.")

    def seek(self, partition: TopicPartition, offset: int) -> None:  # noqa: ARG002 - FastStream names them
        raise AssertionError("Only Subscription seeks.")


_NO_CONSUMER = _NoConsumer()
