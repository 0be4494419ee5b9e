"""Tells the open streams of one replica what they may know of."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from random import uniform
from uuid import UUID

from services.gateway.live.memory import Memory, Met
from services.gateway.live.news import Listener, frame
from services.gateway.live.position import Position
from services.gateway.live.seals import Seals
from services.gateway.live.stream import QUEUE, Stream, Streams
from shared.contracts.partners import PartnerChanged
from shared.contracts.suspensions import PersonRestored, PersonSuspended
from shared.http import Problem
from shared.metrics import Metrics
from shared.records import Received
from shared.settings import Settings
from shared.topics import JOB_EVENTS

STREAM_SECONDS = (240.0, 300.0)
"""Between these a connection lasts: pages that came together do not come back together. Who has left a team meanwhile
is not let in again."""
PING_SECONDS = 15.0
"""Silence after which a stream says where it is: proxies see that it lives, and its page keeps a fresh cursor."""
BACK_SECONDS = (1.0, 10.0)
"""Between these a page waits before it connects again when its connection breaks: all of a replica's break at once."""
BACK_SOON_SECONDS = (0.2, 1.5)
"""The same when its stream alone ends."""
SESSIONS_SECONDS = 3.0
"""How soon a stream ends after its session."""
AT_ONCE = 1_000
"""Sessions that are asked about in one query."""
BEHIND_SECONDS = 5.0
"""How long a replica that is behind a page's cursor may take to get there."""


class Hub:
    """Hears every event and hands it to the streams of those who may know. Everything but the streams' own waiting
    happens between two awaits, so that no event falls between what a stream is told of the past and what comes.
    """

    def __init__(self, metrics: Metrics, stopping: asyncio.Event, settings: Settings) -> None:
        self._memory = Memory(Seals(settings.keys))
        self._streams = Streams()
        self._coming: Counter[str] = Counter()
        self._teams: dict[UUID, int] = {}
        self._suspended: set[UUID] = set()
        self._heard = asyncio.Condition()
        self._metrics = metrics
        self._stopping = stopping
        self._watching: asyncio.Task[None] | None = None
        self._settings = settings

    def begin(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """From where on this replica hears: the offsets by topic and partition."""
        self._memory.begin({place: offset for (topic, place), offset in offsets.items() if topic == JOB_EVENTS.name})

    async def on_news(self, batch: Sequence[Received]) -> None:
        """A `shared.consumer.Handler` of `jobs.events`, `partners` and `suspensions`."""
        for received in batch:
            fact = received.record.fact
            if isinstance(fact, PartnerChanged):
                self._on_team(received.record.subject, received.record.snapshot.version_for_team)
            elif isinstance(fact, PersonSuspended | PersonRestored):
                self._on_person(received.record.subject, suspended=received.record.snapshot.suspended)
            else:
                self._on_event(received)
        async with self._heard:
            self._heard.notify_all()

    def admit(self, session: str) -> None:
        """Keep a place for a stream that is about to open. Raises `Problem` when there are too many: 429 for the
        session, 503 for this process.
        """
        wait = round(_between(BACK_SECONDS))
        if self._streams.of_session(session) + self._coming[session] >= self._settings.live_streams_per_session:
            raise Problem(429, "too_many_streams", "Close another page that is open in this session.", retry_after=wait)
        if len(self._streams) + self._coming.total() >= self._settings.live_streams:
            raise Problem(503, "try_again", "Too many pages are listening here. Try again soon.", retry_after=wait)

        self._coming[session] += 1

    def release(self, stream: Stream) -> None:
        """Whoever was admitted has come, or never will."""
        if not stream.arrived:
            stream.arrived = True
            self._coming[stream.session] -= 1
            self._coming += Counter()  # what is at nothing is forgotten

    async def end_sessions(self, alive: Callable[[Collection[bytes]], Awaitable[set[bytes]]]) -> None:
        """End the streams whose sessions have ended: here, on another replica, or by their time. `alive` tells which of
        these sessions are open, by the hashes of their tokens.
        """
        sessions = list({bytes.fromhex(stream.session) for stream in self._streams if stream.session})
        for start in range(0, len(sessions), AT_ONCE):
            asked = sessions[start : start + AT_ONCE]
            ended = {key.hex() for key in set(asked) - await alive(asked)}
            for stream in [one for one in self._streams if one.session in ended]:
                stream.end(comes_back=False)

    async def listen(self, stream: Stream, last_event_id: str | None) -> AsyncGenerator[bytes]:
        """What to send: `hello`, then a `job` for each event, for some minutes, or until a team of the listener's
        changes: then it connects again and is asked who it is. `reset` means that something was missed: load again.
        """
        with self._opened(stream):
            yield await self._greeting(stream, last_event_id)
            while not stream.ended.is_set():
                told = await stream.waiting(PING_SECONDS)
                if told or not stream.ended.is_set():
                    yield told or self._ping()
            if stream.comes_back:
                yield f"retry: {_milliseconds(BACK_SOON_SECONDS)}\n\n".encode()

    def _on_team(self, partner_id: UUID, version: int) -> None:
        self._teams[partner_id] = max(version, self._teams.get(partner_id, 0))
        for stream in self._streams.of_partner(partner_id):
            if self._changed(stream.listener):
                stream.end(comes_back=True)

    def _on_person(self, mailbox: UUID, *, suspended: bool) -> None:
        """Whoever has been suspended connects again, and is told so."""
        (self._suspended.add if suspended else self._suspended.discard)(mailbox)
        for stream in self._streams:
            if suspended and stream.mailbox == mailbox:
                stream.end(comes_back=True)

    def _on_event(self, received: Received) -> None:
        met = self._memory.met(received)
        if met is Met.AGAIN:
            return
        if met is Met.ANOTHER_LOG:
            self._memory.forget()
        news = self._memory.add(received)
        if met is Met.ANOTHER_LOG:
            for stream in self._streams:
                stream.reset(news.cursor)
                self._metrics.sse_resets.labels("log").inc()
        for stream, told in self._streams.reached_by(news):
            if not stream.tell(told, news.cursor):
                self._metrics.sse_resets.labels("slow").inc()

    @contextmanager
    def _opened(self, stream: Stream) -> Iterator[None]:
        if self._watching is None:
            self._watching = asyncio.create_task(self._end_all_when_stopping())
        over = asyncio.get_running_loop().call_later(_between(STREAM_SECONDS), lambda: stream.end(comes_back=True))
        self._streams.add(stream)
        self.release(stream)
        self._metrics.sse_clients.inc()
        if self._stopping.is_set() or self._changed(stream.listener) or stream.mailbox in self._suspended:
            stream.end(comes_back=not self._stopping.is_set())
        try:
            yield
        finally:
            over.cancel()
            self._streams.remove(stream)
            self._metrics.sse_clients.dec()
            if not self._streams:
                self._watching.cancel()
                self._watching = None

    async def _end_all_when_stopping(self) -> None:
        await self._stopping.wait()
        for stream in self._streams:
            stream.end(comes_back=False)
        async with self._heard:
            self._heard.notify_all()

    async def _greeting(self, stream: Stream, last_event_id: str | None) -> bytes:
        """Put what was missed into the stream, and say whether that is all."""
        position = self._memory.read(last_event_id) if last_event_id else self._memory.position()
        if position:
            await self._catch_up(position, stream)
        missed = self._memory.since(position) if position else None
        cursor = self._memory.cursor(self._memory.position())
        stream.forget()  # what came while it was waiting is in the memory, too
        told = [told for news in missed or () if (told := news.frame_for(stream.keys))]
        if missed is None or len(told) > QUEUE:
            self._metrics.sse_resets.labels("cursor").inc()
            return frame("reset", cursor, {}, _milliseconds(BACK_SECONDS))
        for one in told:
            stream.tell(one, cursor)
        begins = self._memory.cursor(position) if told and position else cursor
        return frame("hello", begins, {}, _milliseconds(BACK_SECONDS))

    async def _catch_up(self, position: Position, stream: Stream) -> None:
        """Another replica was faster: what it has told already is not told again, and nothing after it is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEHIND_SECONDS), self._heard:
                await self._heard.wait_for(lambda: stream.ended.is_set() or not self._memory.behind(position))

    def _changed(self, listener: Listener) -> bool:
        return any(self._teams.get(tenant.partner_id, 0) > version for tenant, version in listener.tenants)

    def _ping(self) -> bytes:
        """An id without data changes the page's cursor and nothing else."""
        return f": ping\nid: {self._memory.cursor(self._memory.position())}\n\n".encode()


def _between(seconds: tuple[float, float]) -> float:
    return uniform(*seconds)  # noqa: S311 - it spreads load and guards nothing


def _milliseconds(seconds: tuple[float, float]) -> int:
    """One of a range, for the field `retry`."""
    return round(_between(seconds) * 1000)
