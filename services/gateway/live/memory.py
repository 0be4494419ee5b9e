"""The last events, so that a page that was cut off misses nothing, also when it comes from another replica."""

from collections import deque
from collections.abc import Mapping
from enum import Enum
from uuid import UUID

from services.gateway.live.news import News
from services.gateway.live.position import Newest, Position, check_of
from services.gateway.live.seals import Seals
from shared.records import Received

REMEMBERED = 10_000


class Met(Enum):
    """How a record stands to what was heard before. `ANOTHER_LOG`: its place was taken by another record, so the topic
    was made anew.
    """

    FIRST, AGAIN, ANOTHER_LOG = range(3)


class Memory:
    """What this replica has heard of `jobs.events` since its start, as far back as it remembers."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals
        self._news: dict[int, deque[News]] = {}
        self._order: deque[int] = deque()
        """The partitions of all that is remembered, the oldest first."""
        self._first: dict[int, int] = {}
        """By partition, the offset from which on nothing is missing."""
        self._next: dict[int, int] = {}
        self._newest: Newest | None = None
        self._count = 0

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Hearing begins here, or a little earlier: records may be under way. Without this, a partition is known from
        its first record on.
        """
        for partition, offset in offsets.items():
            self._first.setdefault(partition, offset)
            self._next.setdefault(partition, offset)

    def position(self) -> Position:
        """After all that was heard so far."""
        return Position(dict(self._next), self._newest)

    def cursor(self, position: Position) -> str:
        """What a page is given of it."""
        return self._seals.seal(position.cursor())

    def read(self, cursor: str) -> Position | None:
        """The place that a page has come back with. None: this is no cursor of ours."""
        opened = self._seals.open(cursor)
        return Position.read(opened) if opened else None

    def met(self, received: Received) -> Met:
        partition, offset = received.raw.partition, received.raw.offset
        if partition not in self._news or offset >= self._next[partition]:
            return Met.FIRST
        same = any(one.offset == offset and one.id == received.record.id for one in self._news[partition])
        return Met.AGAIN if same else Met.ANOTHER_LOG

    def forget(self) -> None:
        self._news.clear()
        self._order.clear()
        self._first.clear()
        self._next.clear()
        self._newest = None

    def add(self, received: Received) -> News:
        """What the record tells. Offsets in between may be missing: nobody could read those records."""
        partition, offset, event_id = received.raw.partition, received.raw.offset, received.record.id
        self._first[partition] = min(offset, self._first.get(partition, offset))
        self._next[partition] = offset + 1
        self._newest = Newest(partition, check_of(event_id))
        self._count += 1
        news = News.of(received.record, self._count, (partition, offset), self.cursor(self.position()))
        self._news.setdefault(partition, deque()).append(news)
        self._order.append(partition)
        if len(self._order) > REMEMBERED:
            oldest = self._news[self._order.popleft()].popleft()
            self._first[oldest.partition] = oldest.offset + 1
        return news

    def behind(self, position: Position) -> bool:
        """Whether this replica has yet to hear what the page has heard elsewhere."""
        return any(offset > self._next.get(partition, offset) for partition, offset in position.offsets.items())

    def since(self, position: Position) -> list[News] | None:
        """All that came after, in the order in which it was heard. None: something of it is not known here."""
        if self._first.keys() != position.offsets.keys():
            return None
        missed: list[News] = []
        for partition, at in position.offsets.items():
            if not self._first[partition] <= at <= self._next[partition]:
                return None
            before = self._after(partition, at, missed)
            newest = position.newest
            if before and newest and newest.partition == partition and check_of(before) != newest.check:
                return None
        return sorted(missed, key=lambda news: news.number)

    def _after(self, partition: int, at: int, missed: list[News]) -> UUID | None:
        """Add what is remembered from this offset on; the event right before it, if that is remembered."""
        for news in reversed(self._news.get(partition, ())):
            if news.offset < at:
                return news.id if news.offset == at - 1 else None
            missed.append(news)
        return None
