"""In from the topics: everything between a fetched batch and its commit.

A batch is handled to the end or not at all: what cannot be used goes to the dead letters one by one, what cannot be
reached is waited for, and only when everything that follows from the batch is acknowledged is it committed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from shared.breaker import Breaker, Stopped
from shared.clock import Clock, SystemClock, from_timestamp
from shared.dead_letters import letter_of
from shared.failures import Draining, Invalid, Transient, Unreadable, Wedged
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.parking import MemoryParking, Parking
from shared.patience import Patience
from shared.progress import reporting_to
from shared.publisher import Publisher, key_of
from shared.records import FOR_GROUP_HEADER, Aside, Dead, Parked, Place, RawRecord, Received, header_of, place_of
from shared.topics import Topic

log = get_logger(__name__)

PARKED_AT_ONCE = 256


Handler = Callable[[Sequence[Received]], Awaitable[Iterable[Aside] | None]]
"""Handles a batch and returns when all that follows from it is acknowledged. May be called again with the same
records, and with any part of them in the same order.

Returns those that name what does not exist (`Dead`) and those of aggregates that this release cannot read (`Parked`,
all of the aggregate's). Raises what `is_transient` knows to be called again later, and `Unreadable` for a document that
a record needs; any other exception is a bug, and the batch is halved until the record that causes it stands alone."""


@dataclass
class Sorted:
    """A fetched batch by what becomes of it."""

    received: list[Received] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)


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
        parking: Parking | None = None,
        prove: Callable[[], Awaitable[None]] | None = None,
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
        self._parking = parking or MemoryParking()
        self._parked: dict[Place, int] | None = None
        self._prove = prove
        self._patience = Patience(group, metrics, backoff)
        self._breaker = Breaker()
        self._handling = asyncio.Lock()
        self.failure: str | None = None
        """Why this consumer has stopped for good, if it has. Liveness shows it and the process is replaced."""
        self.progress_at = monotonic()
        """When (monotonic seconds) a part of a batch was last done, be it only that a server answered."""

    async def process(self, records: Sequence[RawRecord], named: Callable[[str], str] = lambda name: name) -> None:
        """Handle a batch to the end, waiting as long as it takes. Returns when it may be committed.

        `named` maps a topic of the table to its name on the broker. Raises `Draining` when it must not be committed:
        the partitions are leaving, or this consumer has failed for good and says so in `failure`.
        """
        if self.failure:
            raise Draining(self.failure)
        started = monotonic()
        async with self._handling, self._unless_it_breaks():
            fetched = self._sorted(records, named, await self._parked_places())
            fetched.aside += await self._settle(fetched.received)
            self._breaker.judge(fetched.received, [one for one in fetched.aside if isinstance(one, Dead)])
            await self._put_aside(fetched.aside)
        self._metrics.batch_seconds.labels(self.group).observe(monotonic() - started)
        for topic, count in Counter(record.topic for record in records).items():
            self._metrics.records.labels(self.group, topic).inc(count)

    async def retry_parked(
        self, mine: Callable[[str, int], bool], named: Callable[[str], str] = lambda name: name
    ) -> None:
        """Handle what is parked, as far as this release can read it, aggregate by aggregate and in order.

        `mine` says whether a partition is this consumer's. Raises what `process` raises.
        """
        async with self._unless_it_breaks():
            places = list((await self._parked_places()).items())
        for place, partition in places:
            if self.failure is None and mine(place.topic, partition):
                async with self._handling, self._unless_it_breaks():
                    await self._retry(place, named)

    async def _retry(self, place: Place, named: Callable[[str], str]) -> None:
        while records := await self._patience.through(partial(self._parking.first, place, PARKED_AT_ONCE)):
            self._patience.check()
            retried = self._sorted(records, named, {})
            retried.aside += await self._settle(retried.received)
            waiting = {one.raw.offset for one in retried.aside if isinstance(one, Parked)}
            done = [raw for raw in records if raw.offset not in waiting]
            await self._put_aside([one for one in retried.aside if isinstance(one, Dead)])
            if done:
                await self._patience.through(partial(self._parking.release, done))
                log.info("parked_records_handled", group=self.group, topic=place.topic, count=len(done))
            if waiting:
                return
        places = await self._parked_places()
        places.pop(place, None)
        self._metrics.parked.labels(self.group).set(len(places))

    @asynccontextmanager
    async def _unless_it_breaks(self) -> AsyncIterator[None]:
        """Nothing may pass over a batch: FastStream would go on with the next one and commit it. Whatever leaves here
        is `Draining`, and `failure` says if it is for good.
        """
        try:
            yield
        except Stopped as stopped:
            self.failure = str(stopped)
            log.critical("consumer_stopped", group=self.group, reason=self.failure)
            raise Draining(self.failure) from stopped
        except Draining:
            raise
        except Exception as failure:
            self.failure = f"{type(failure).__name__}: {failure}"
            log.critical("consumer_broke", group=self.group, exc_info=failure)
            raise Draining(self.failure) from failure

    @property
    def waiting_since(self) -> float | None:
        """Since when (monotonic seconds) it has been waiting for Kafka, MongoDB or SMTP to come back."""
        return self._patience.waiting_since

    def progressed(self) -> None:
        self.progress_at = monotonic()

    def stop_waiting(self) -> None:
        """The partitions are leaving: give up whatever is being waited for, with `Draining`."""
        self._patience.end()

    def resume(self) -> None:
        """Partitions have been assigned: waiting is allowed again."""
        self._patience.begin()
        self._parked = None  # an earlier owner may have parked more

    async def _parked_places(self) -> dict[Place, int]:
        """The aggregates whose records wait, so that what follows for them waits behind."""
        if self._parked is None:
            self._parked = {} if self._everyone else await self._patience.through(self._parking.places)
            self._metrics.parked.labels(self.group).set(len(self._parked))
        return self._parked

    def _sorted(self, records: Sequence[RawRecord], named: Callable[[str], str], parked: Mapping[Place, int]) -> Sorted:
        """What can be handled, and what is put aside unread. What follows an unreadable record of its aggregate waits
        behind it.
        """
        topics = {named(name): topic for name, topic in self.topics.items()}
        waiting, result = set(parked), Sorted()
        fetched_from: dict[tuple[str, int], int] = {}
        for raw in records:
            fetched_from.setdefault((raw.topic, raw.partition), raw.offset)
        for topic_name, same_topic in _by_topic(records):
            decoded = topics[topic_name].codec.decode_all([record.value for record in same_topic])
            for raw, record in zip(same_topic, decoded, strict=True):
                if waiting and place_of(raw) in waiting:
                    result.aside.append(_behind(raw))
                    continue
                try:
                    received = Received(
                        _checked(raw, record), _time_of(raw), raw, fetched_from[raw.topic, raw.partition]
                    )
                except Unreadable as unreadable:
                    result.aside.append(Parked(raw, unreadable.reason, unreadable.detail))
                    if not self._everyone:
                        waiting.add(place_of(raw))
                except Invalid as invalid:
                    result.aside.append(Dead(raw, invalid.reason, invalid.detail))
                else:
                    if self._is_for_this_group(raw):
                        result.received.append(received)
        return result

    def _is_for_this_group(self, raw: RawRecord) -> bool:
        return not raw.headers or header_of(raw, FOR_GROUP_HEADER) in (None, self.group)

    async def _settle(self, received: Sequence[Received]) -> list[Aside]:
        """Handle them, halving around bugs: the order of the rest is kept, and handled records may be handled again."""
        if not received:
            return []
        try:
            with reporting_to(self.progressed):
                aside = await self._patience.through(partial(self._handler, received))
        except (Draining, Wedged):
            raise
        except Invalid as invalid:
            if len(received) == 1:
                aside_as = Parked if isinstance(invalid, Unreadable) else Dead
                return [aside_as(received[0].raw, invalid.reason, invalid.detail)]
        except Exception as bug:  # noqa: BLE001 - whatever it is, the record that causes it is found and put aside
            if len(received) == 1:
                to_blame = await self._others_go_through()
                return [self._bug(received[0].raw, bug)] if to_blame else await self._settle(received)
        else:
            self.progressed()
            return list(aside or ())
        middle = len(received) // 2
        first = await self._settle(received[:middle])
        waiting = {place_of(one.raw) for one in first if isinstance(one, Parked)}
        behind = [_behind(one.raw) for one in received[middle:] if place_of(one.raw) in waiting]
        return [*first, *behind, *await self._settle([o for o in received[middle:] if place_of(o.raw) not in waiting])]

    async def _others_go_through(self) -> bool:
        """Whether the servers took something else at once, so that the record is to blame. If not, it is waited until
        they do, and the record is judged again.
        """
        waited = False

        async def prove() -> None:
            nonlocal waited
            try:
                await self._prove() if self._prove else None
            except Exception as error:
                waited = True
                raise Transient(f"Nothing is written: {type(error).__name__}: {error}") from error

        await self._patience.through(prove)
        return not waited

    def _bug(self, raw: RawRecord, bug: Exception) -> Dead:
        self._metrics.bugs.labels(self.group).inc()
        log.error(
            "handler_bug", group=self.group, topic=raw.topic, partition=raw.partition, offset=raw.offset, exc_info=bug
        )
        return Dead(raw, "bug", f"{type(bug).__name__}: {bug}", bug=True)

    async def _put_aside(self, aside: Sequence[Aside]) -> None:
        """A group puts aside. What every replica hears for itself has no place in the log that would remember it: each
        replica would put the same record aside at each of its starts. There the log line is all.
        """
        parked = [one for one in aside if isinstance(one, Parked)]
        now = self._clock.now()
        letters = [letter_of(one, self.service, self.group, now) for one in aside if isinstance(one, Dead)]
        if parked and not self._everyone:
            await self._patience.through(lambda: self._parking.park(parked, now))
            places = await self._parked_places()
            places |= {place_of(one.raw): one.raw.partition for one in parked}
            self._metrics.parked.labels(self.group).set(len(places))
        if letters and not self._everyone:
            await self._patience.through(lambda: self._publisher.publish(letters))
        for one in aside:
            self._count(one)

    def _count(self, one: Aside) -> None:
        counter = self._metrics.dead_letters if isinstance(one, Dead) else self._metrics.parked_records
        counter.labels(self.group, one.reason).inc()
        log.warning(
            "record_skipped" if self._everyone else "dead_letter" if isinstance(one, Dead) else "record_parked",
            group=self.group,
            topic=one.raw.topic,
            partition=one.raw.partition,
            offset=one.raw.offset,
            reason=one.reason,
            detail=one.detail[:500],
        )


def _behind(raw: RawRecord) -> Parked:
    return Parked(raw, "behind", "An earlier record of its aggregate is parked.")


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


def _checked(raw: RawRecord, record: Any) -> Any:
    """The record. Raises `Invalid` for what the envelope around it lacks, also where its content is unreadable."""
    if isinstance(record, Invalid) and not isinstance(record, Unreadable):
        raise record
    for name, value in raw.headers:
        try:
            (value or b"").decode()
        except UnicodeDecodeError:
            raise Invalid("bad-header", f"The header {name!r} is not UTF-8.") from None
    if raw.key != key_of(record.subject):
        raise Invalid("wrong-key", "The record's key is not the id it is about, so its order is not kept.")
    if isinstance(record, Unreadable):
        raise record
    return record
