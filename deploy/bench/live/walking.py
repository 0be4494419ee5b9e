"""How live updates were told before: every event wakes every listener, and each looks for itself if it may know."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import takewhile

from fastapi.sse import ServerSentEvent

from services.gateway.live.news import Listener, News
from services.gateway.live.stream import Stream
from shared.records import Received


class WalkingHub:
    """The least that it did, each step as it was."""

    def __init__(self) -> None:
        self.waiting = 0
        self.quiet = asyncio.Event()
        """Set while `expected` listeners wait."""
        self.expected = 0
        self.wakes_every = 1.0
        self._news: deque[tuple[int, News]] = deque(maxlen=10_000)
        self._count = 0
        self._more = asyncio.Condition()
        self.stopping = False

    async def on_news(self, batch: Sequence[Received]) -> None:
        for received in batch:
            self._count += 1
            place = received.raw.partition, received.raw.offset
            self._news.append((self._count, News.of(received.record, self._count, place, str(self._count))))
        async with self._more:
            self._more.notify_all()

    async def listen(self, stream: Stream) -> AsyncIterator[ServerSentEvent]:
        seen = self._count
        yield ServerSentEvent(event="hello", id=str(seen), data={})
        while not self.stopping:
            for number, news in self._after(seen):
                seen = number
                if shown := _shown(news, stream.listener):
                    yield ServerSentEvent(event="job", id=news.cursor, data=shown)
            await self._wait(seen)

    def _after(self, seen: int) -> list[tuple[int, News]]:
        return list(takewhile(lambda one: one[0] > seen, reversed(self._news)))[::-1]

    async def _wait(self, seen: int) -> None:
        async with self._more:
            if self._count == seen:
                self.waiting += 1
                if self.waiting == self.expected:
                    self.quiet.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), self.wakes_every)
                self.waiting -= 1


def _shown(news: News, listener: Listener) -> dict[str, object] | None:
    if news.to_team is None:
        return None
    shown = {"job_id": str(news.job_id), "type": news.type, **news.to_team._asdict()}
    theirs = any(
        news.partner_id == tenant.partner_id and tenant.only in (None, *news.assignees)
        for tenant, _ in listener.tenants
    )
    return shown if theirs else None
