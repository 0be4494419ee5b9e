"""The edges in memory: a log with topics and partitions, a store of aggregates, a clock that a test moves."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from zlib import crc32

from shared.clock import Clock
from shared.consumer import Consumer
from shared.failures import Draining
from shared.publisher import Outgoing
from tests.builders import NOW, Raw, milliseconds


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


class MemoryLog:
    """Kafka as far as Jobwire relies on it: a record goes to the partition of its key, gets the next offset and the
    log's time, and stays."""

    def __init__(self, clock: Clock | None = None, partitions: int = 3) -> None:
        self._clock = clock or ManualClock()
        self.partitions = partitions
        self.topics: dict[str, list[list[Raw]]] = defaultdict(lambda: [[] for _ in range(partitions)])

    def append(self, record: Outgoing) -> Raw:
        partition = crc32(record.key or b"") % self.partitions
        place = self.topics[record.topic][partition]
        time = milliseconds(self._clock.now())
        raw = Raw(record.topic, partition, len(place), time, record.key, record.value, tuple(record.headers))
        place.append(raw)
        return raw

    def records(self, topic: str) -> list[Raw]:
        return [record for partition in self.topics[topic] for record in partition]


class MemoryPublisher:
    """A `shared.publisher.Publisher` onto a log. `before` is called with each record; what it raises stops there."""

    def __init__(self, log: MemoryLog, before: Callable[[Outgoing], Awaitable[None]] | None = None) -> None:
        self._log = log
        self._before = before
        self.said: set[str] = set()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            if self._before:
                await self._before(record)
            self.said.add(record.topic)
            self._log.append(record)


class Group:
    """A consumer group's place in a log: fetches for one `Consumer` and commits what it has handled."""

    def __init__(self, log: MemoryLog, consumer: Consumer) -> None:
        self._log = log
        self.consumer = consumer
        self._committed: dict[tuple[str, int], int] = defaultdict(int)

    def forgets(self) -> None:
        """Its offsets are lost: it reads everything again."""
        self._committed.clear()

    def behind(self) -> list[tuple[str, int]]:
        """The partitions with records that are not committed yet."""
        topics = [(topic, number) for topic in self.consumer.topics for number in range(self._log.partitions)]
        return [place for place in topics if self._committed[place] < len(self._log.topics[place[0]][place[1]])]

    async def feed(
        self, place: tuple[str, int], at_most: int = 256, *, commit: bool = True, twice: bool = False
    ) -> bool:
        """Hand over the next batch of one partition. True when it was handled; it comes again unless `commit`."""
        topic, number = place
        start = self._committed[place]
        batch = self._log.topics[topic][number][start : start + at_most]
        try:
            await self.consumer.process([record for record in batch for _ in range(2 if twice else 1)])
        except Draining:
            self.consumer.resume()
            return False
        if commit:
            self._committed[place] = start + len(batch)
        return True
