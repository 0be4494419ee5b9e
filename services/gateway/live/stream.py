"""One page's connection: what waits to be sent to it, and when it ends. And all that are open, by who may hear."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar
from uuid import UUID

from services.gateway.live.news import Key, Listener, News, frame

QUEUE = 256
"""Frames that wait for a slow reader. After more it is told to load again: that is cheaper for both."""


class Stream:
    """The frames that wait for one page. Whoever tells never waits for it."""

    def __init__(self, listener: Listener, session: str = "", mailbox: UUID | None = None) -> None:
        self.listener = listener
        self.mailbox = mailbox
        self.session = session
        self.keys = listener.keys()
        self.ended = asyncio.Event()
        self.arrived = False
        """Whether it has taken the place that was kept for it."""
        self.comes_back = False
        """Whether the page may connect again at once: its stream ends, this process does not."""
        self._frames: list[bytes] = []
        self._woken = asyncio.Event()

    def tell(self, told: bytes, cursor: str) -> bool:
        """Let the page be sent this. False: it reads too slowly, and all that waits became a `reset` to `cursor`."""
        fits = len(self._frames) < QUEUE
        if fits:
            self._frames.append(told)
            self._woken.set()
        else:
            self.reset(cursor)
        return fits

    def reset(self, cursor: str) -> None:
        """Let the page load again, instead of all that waits."""
        self._frames = [frame("reset", cursor, {})]
        self._woken.set()

    def forget(self) -> None:
        self._frames = []

    def end(self, *, comes_back: bool) -> None:
        """Nothing more is sent, not even what waits: the page's cursor says what it has."""
        if not self.ended.is_set():
            self.comes_back = comes_back
            self.ended.set()
            self._woken.set()

    async def waiting(self, seconds: float) -> bytes:
        """All that waits, as soon as there is any. Nothing: so many seconds have passed, or it has ended."""
        if not self._frames and not self.ended.is_set():
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        frames, self._frames = self._frames, []
        return b"" if self.ended.is_set() else b"".join(frames)


KeyT = TypeVar("KeyT", bound=Hashable)


class Groups(Generic[KeyT]):
    """Streams by key. A key without streams takes no memory."""

    def __init__(self) -> None:
        self._groups: defaultdict[KeyT, set[Stream]] = defaultdict(set)

    def add(self, key: KeyT, stream: Stream) -> None:
        self._groups[key].add(stream)

    def remove(self, key: KeyT, stream: Stream) -> None:
        group = self._groups[key]
        group.discard(stream)
        if not group:
            del self._groups[key]

    def of(self, key: KeyT) -> Collection[Stream]:
        return self._groups.get(key, ())


class Streams:
    """All that are open. An event costs as much as it has listeners, however many others there are."""

    def __init__(self) -> None:
        self._all: set[Stream] = set()
        self._listening: Groups[Key] = Groups()
        self._of_partner: Groups[UUID] = Groups()
        self._sessions: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._all)

    def add(self, stream: Stream) -> None:
        self._all.add(stream)
        self._sessions[stream.session] += 1
        for key in stream.keys:
            self._listening.add(key, stream)
        for tenant, _ in stream.listener.tenants:
            self._of_partner.add(tenant.partner_id, stream)

    def remove(self, stream: Stream) -> None:
        self._all.discard(stream)
        self._sessions[stream.session] -= 1
        if not self._sessions[stream.session]:
            del self._sessions[stream.session]
        for key in stream.keys:
            self._listening.remove(key, stream)
        for partner_id in {tenant.partner_id for tenant, _ in stream.listener.tenants}:
            self._of_partner.remove(partner_id, stream)

    def of_session(self, session: str) -> int:
        return self._sessions[session]

    def of_partner(self, partner_id: UUID) -> Collection[Stream]:
        """Those of the members who were let in as its team."""
        return self._of_partner.of(partner_id)

    def reached_by(self, news: News) -> Iterator[tuple[Stream, bytes]]:
        """Who may know of it, and the frame that tells. The same as asking `News.frame_for` of each."""
        team = {stream for key in news.teams() for stream in self._listening.of(key)}
        if told := news.for_team:
            for stream in team:
                yield stream, told
        if told := news.for_merchant:
            for stream in self._listening.of(news.merchant_id):
                if stream not in team:
                    yield stream, told
