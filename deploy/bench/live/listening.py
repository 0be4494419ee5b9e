"""Processor time of both ways in one process, without a socket: for an event, and for doing nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from json import dumps
from secrets import token_urlsafe
from time import process_time

from fastapi.sse import format_sse_event

from deploy.bench.live.market import PARTITIONS, TEAM, events, listener
from deploy.bench.live.walking import WalkingHub
from services.gateway.live.hub import Hub
from services.gateway.live.stream import Stream
from shared.metrics import Metrics
from shared.records import Received
from shared.settings import Settings
from shared.topics import JOB_EVENTS

IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class Cost:
    """Processor time: milliseconds for an event, microseconds for each listener that it reached, and the share of one
    core that the listeners take while nothing happens.
    """

    event_ms: float
    reached_us: float
    idle_share: float


class _Heard:
    """How much has arrived."""

    def __init__(self) -> None:
        self._count = self._wanted = 0
        self._all = asyncio.Event()

    def add(self, more: int) -> None:
        self._count += more
        if self._count >= self._wanted:
            self._all.set()

    async def until(self, wanted: int) -> None:
        self._wanted = wanted
        if self._count < wanted:
            self._all.clear()
            await self._all.wait()


async def indexed(listeners: int, count: int) -> Cost:
    """The way it is."""
    hub, heard = new_hub(listeners), _Heard()

    async def page(number: int) -> None:
        async with aclosing(hub.listen(Stream(listener(number)), None)) as chunks:
            async for chunk in chunks:
                heard.add(chunk.count(b"event: job"))

    return await _measured(listeners, count, page, hub.on_news, heard.until)


async def walking(listeners: int, count: int) -> Cost:
    """The way it was."""
    hub, heard = WalkingHub(), _Heard()
    hub.expected = listeners

    async def page(number: int) -> None:
        async for event in hub.listen(Stream(listener(number))):
            chunk = format_sse_event(data_str=dumps(event.data), event=event.event, id=event.id)
            heard.add(chunk.count(b"event: job"))

    async def told(wanted: int) -> None:
        await heard.until(wanted)
        await hub.quiet.wait()  # the others have looked, too

    async def on_news(batch: list[Received]) -> None:
        hub.wakes_every = 3_600.0  # the second's own waking is what idleness costs
        hub.quiet.clear()
        await hub.on_news(batch)

    return await _measured(listeners, count, page, on_news, told)


def new_hub(listeners: int) -> Hub:
    hub = Hub(Metrics("bench"), asyncio.Event(), Settings(live_streams=listeners, secret_keys=token_urlsafe()))
    hub.begin({(JOB_EVENTS.name, partition): 0 for partition in range(PARTITIONS)})
    return hub


async def _measured(
    listeners: int,
    count: int,
    page: Callable[[int], Awaitable[None]],
    on_news: Callable[[list[Received]], Awaitable[None]],
    told: Callable[[int], Awaitable[None]],
) -> Cost:
    pages = [asyncio.ensure_future(page(number)) for number in range(listeners)]
    await asyncio.sleep(1.0)  # everybody is connected
    news = list(events(count, listeners))
    began = process_time()
    await asyncio.sleep(IDLE_SECONDS)
    idle = process_time() - began
    await on_news(news[:1])
    await told(TEAM)
    began = process_time()
    for number, one in enumerate(news[1:], 2):
        await on_news([one])
        await told(number * TEAM)
    busy, count = process_time() - began, count - 1
    for task in pages:
        task.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    return Cost(busy / count * 1e3, busy / count / TEAM * 1e6, idle / IDLE_SECONDS)
