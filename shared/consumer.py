"""In from the topics: everything between a fetched batch and its commit.

A batch is handled to the end or not at all: what cannot be used goes to the dead letters one by one, what cannot be
reached is waited for, and only when everything that follows from the batch is acknowledged is it committed.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Protocol, TypeVar

from shared.clock import Clock, SystemClock, from_timestamp
from shared.contracts.base import Record
from shared.failures import Draining, Invalid, Wedged, is_transient
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.publisher import Outgoing, Publisher, key_of
from shared.topics import MAX_MESSAGE_BYTES, Topic, dead_letters_of

log = get_logger(__name__)

REPLAY_HEADER = "x-replay-id"
CUT_BYTES = 64 * 1024
"""How much is kept of a record that no dead letter can hold."""
PATIENCE_SECONDS = 60.0
"""Well below aiokafka's `max_poll_interval_ms` of five minutes."""


class RawRecord(Protocol):
    """What is needed of aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Received:
    """A parsed record and where it stood. `at` is the log's time, the only clock that rules may use."""

    record: Any
    at: datetime
    raw: RawRecord

    @property
    def replayed(self) -> bool:
        """Whether an operator sent it again: nobody outside is told of a replayed record."""
        return any(name == REPLAY_HEADER for name, _ in self.raw.headers)


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that goes to the dead letters, and why."""

    raw: RawRecord
    reason: str
    detail: str
    bug: bool = False


Handler = Callable[[Sequence[Received]], Awaitable[Iterable[Dead] | None]]
"""Handles a batch and returns when all that follows from it is acknowledged. May be called again with the same
records, and with any part of them in the same order. Returns those that name what does not exist; raises what
`is_transient` knows to be called again later; any other exception is a bug, and the batch is halved until the record
that causes it stands alone."""


class Consumer:
    """One consumer group's way of handling batches. Knows nothing of how they are fetched; `shared.fetching` does
    that.
    """

    def __init__(  # noqa: PLR0913 - the parts of an edge, named
        self,
        service: str,
        group: str,
        topics: Sequence[Topic],
        handler: Handler,
        *,
        publisher: Publisher,
        metrics: Metrics,
        clock: Clock | None = None,
        everyone: bool = False,
        backoff: Callable[[int], float] = lambda attempt: min(0.1 * 2**attempt, 10.0),
    ) -> None:
        self.service = service
        self.group = group
        self.topics = {topic.name: topic for topic in topics}
        self._everyone = everyone
        self._handler = handler
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._backoff = backoff
        self._breaker = Breaker()
        self._draining = asyncio.Event()
        self.failure: str | None = None
        """Why this consumer has stopped for good, if it has. Liveness shows it and the process is replaced."""
        self.waiting_since: float | None = None
        """Since when (monotonic seconds) it has been waiting for Kafka, MongoDB or SMTP to come back."""

    async def process(self, records: Sequence[RawRecord], named: Callable[[str], str] = lambda name: name) -> None:
        """Handle a batch to the end, waiting as long as it takes. Returns when it may be committed.

        `named` maps a topic of the table to its name on the broker. Raises `Draining` when it must not be committed:
        the partitions are leaving, or this consumer has failed for good and says so in `failure`.
        """
        if self.failure:
            raise Draining(self.failure)
        started = monotonic()
        try:
            received, dead = self._parse(records, {named(name): topic for name, topic in self.topics.items()})
            culprits = await self._settle(received)
            self._breaker.judge(received, culprits)
            await self._put_aside([*dead, *culprits])
        except Stopped as stopped:
            self.failure = str(stopped)
            log.critical("consumer_stopped", group=self.group, reason=self.failure)
            raise Draining(self.failure) from stopped
        except Draining:
            raise
        except Exception as failure:
            # Nothing may pass over this batch: FastStream would go on with the next one and commit it.
            self.failure = f"{type(failure).__name__}: {failure}"
            log.critical("consumer_broke", group=self.group, exc_info=failure)
            raise Draining(self.failure) from failure
        self._metrics.batch_seconds.labels(self.group).observe(monotonic() - started)
        for topic, count in Counter(record.topic for record in records).items():
            self._metrics.records.labels(self.group, topic).inc(count)

    def stop_waiting(self) -> None:
        """The partitions are leaving: give up whatever is being waited for, with `Draining`."""
        self._draining.set()

    def resume(self) -> None:
        """Partitions have been assigned: waiting is allowed again."""
        self._draining.clear()
        self.waiting_since = None

    def _parse(self, records: Sequence[RawRecord], topics: dict[str, Topic]) -> tuple[list[Received], list[Dead]]:
        received: list[Received] = []
        dead: list[Dead] = []
        for topic_name, same_topic in _by_topic(records):
            decoded = topics[topic_name].codec.decode_all([record.value for record in same_topic])
            for raw, record in zip(same_topic, decoded, strict=True):
                try:
                    received.append(Received(_checked(raw, record), _time_of(raw), raw))
                except Invalid as invalid:
                    dead.append(Dead(raw, invalid.reason, invalid.detail))
        return received, dead

    async def _settle(self, received: Sequence[Received]) -> list[Dead]:
        """Handle them, halving around bugs: the order of the rest is kept, and handled records may be handled again."""
        if not received:
            return []
        try:
            return list(await self._patiently(lambda: self._handler(received)) or ())
        except (Draining, Wedged):
            raise
        except Invalid as invalid:
            if len(received) == 1:
                return [Dead(received[0].raw, invalid.reason, invalid.detail)]
        except Exception as bug:  # noqa: BLE001 - whatever it is, the record that causes it is found and put aside
            if len(received) == 1:
                return [self._bug(received[0].raw, bug)]
        middle = len(received) // 2
        return [*await self._settle(received[:middle]), *await self._settle(received[middle:])]

    async def _patiently(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work, waiting out whatever is away. The order is kept by waiting right here; after a while the batch
        is given back and fetched again, so that the group never takes a patient consumer for a dead one.
        """
        attempt = 0
        gave_back_at = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                result = await work()
            except Exception as error:
                if not is_transient(error):
                    raise
                self.waiting_since = self.waiting_since or monotonic()
                self._metrics.retries.labels(self.group).inc()
                log.warning("waiting", group=self.group, attempt=attempt, error=f"{type(error).__name__}: {error}")
                await self._pause(self._backoff(attempt))
                attempt += 1
                if monotonic() > gave_back_at:
                    raise Draining("Still waiting; fetching the batch again.") from error
            else:
                self.waiting_since = None
                return result

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), seconds)
        if self._draining.is_set():
            raise Draining("The partitions are being taken away.")

    def _bug(self, raw: RawRecord, bug: Exception) -> Dead:
        self._metrics.bugs.labels(self.group).inc()
        log.error(
            "handler_bug", group=self.group, topic=raw.topic, partition=raw.partition, offset=raw.offset, exc_info=bug
        )
        return Dead(raw, "bug", f"{type(bug).__name__}: {bug}", bug=True)

    async def _put_aside(self, dead: Sequence[Dead]) -> None:
        """A group puts aside. What every replica hears for itself has no place in the log that would remember it: each
        replica would put the same record aside at each of its starts. There the log line is all.
        """
        if dead and not self._everyone:
            letters = [self._letter(one) for one in dead]
            await self._patiently(lambda: self._publisher.publish(letters))
        for one in dead:
            self._metrics.dead_letters.labels(self.group, one.reason).inc()
            log.warning(
                "record_skipped" if self._everyone else "dead_letter",
                group=self.group,
                topic=one.raw.topic,
                partition=one.raw.partition,
                offset=one.raw.offset,
                reason=one.reason,
                detail=one.detail[:500],
            )

    def _letter(self, dead: Dead) -> Outgoing:
        raw = dead.raw
        headers = {
            "x-reason": dead.reason,
            "x-detail": dead.detail[:2000],
            "x-group": self.group,
            "x-original-topic": raw.topic,
            "x-original-partition": str(raw.partition),
            "x-original-offset": str(raw.offset),
            "x-original-timestamp": str(raw.timestamp),
            "x-failed-at": self._clock.now().isoformat(),
        }
        theirs = [header for header in raw.headers if header[0] not in headers]
        key, value = raw.key, raw.value
        if _size(raw) > MAX_MESSAGE_BYTES:  # Kafka counts compressed bytes; where it was found it still stands whole
            headers["x-cut-from"] = str(len(value or b""))
            theirs, key, value = [], key and key[:CUT_BYTES], value and value[:CUT_BYTES]
        ours = [(name, text.encode()) for name, text in headers.items()]
        return Outgoing(dead_letters_of(self.service), key, value, [*theirs, *ours])


class Stopped(Exception):  # noqa: N818 - a state, not an error
    """A partition is mostly dying: it is our fault, not the data's."""


class Breaker:
    """Remembers how the last records of each partition ended, and stops before a bug of ours empties a topic into the
    dead letters.
    """

    WINDOW = 64
    AT_LEAST = 8

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], deque[bool]] = {}

    def judge(self, received: Sequence[Received], dead: Sequence[Dead]) -> None:
        """Count this batch. Raises `Stopped` when more than half of a partition's last records, and at least eight,
        were bugs.
        """
        buggy = {(one.raw.topic, one.raw.partition, one.raw.offset) for one in dead if one.bug}
        for one in received:
            ends = self._ends.setdefault((one.raw.topic, one.raw.partition), deque(maxlen=self.WINDOW))
            ends.append((one.raw.topic, one.raw.partition, one.raw.offset) in buggy)
        for (topic, partition), ends in self._ends.items():
            if sum(ends) >= self.AT_LEAST and sum(ends) * 2 > len(ends):
                raise Stopped(
                    f"{sum(ends)} of the last {len(ends)} records of {topic}[{partition}] broke their handler."
                )


def _by_topic(records: Sequence[RawRecord]) -> list[tuple[str, list[RawRecord]]]:
    groups: dict[str, list[RawRecord]] = {}
    for record in records:
        groups.setdefault(record.topic, []).append(record)
    return list(groups.items())


def _time_of(raw: RawRecord) -> datetime:
    try:
        return from_timestamp(raw.timestamp)
    except (ValueError, OverflowError):
        raise Invalid("bad-time", f"{raw.timestamp} ms is no time.") from None


def _size(raw: RawRecord) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in raw.headers)
    return len(raw.key or b"") + len(raw.value or b"") + headers


def _checked(raw: RawRecord, record: Any) -> Any:
    if isinstance(record, Invalid):
        raise record
    for name, value in raw.headers:
        try:
            (value or b"").decode()
        except UnicodeDecodeError:
            raise Invalid("bad-header", f"The header {name!r} is not UTF-8.") from None
    if raw.key != key_of(record.subject):
        raise Invalid("wrong-key", "The record's key is not the id it is about, so its order is not kept.")
    return record
