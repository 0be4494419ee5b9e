"""Both ways behind a real server: its processor time and memory, and how long an event takes to its listeners."""

import asyncio
import json
import re
import resource
import sys
from dataclasses import dataclass
from statistics import quantiles
from time import monotonic
from typing import cast

import psutil

from deploy.bench.live.market import TEAM
from deploy.bench.live.server import HOST

WAIT_SECONDS = 20.0
"""How long after the last event it is waited for those who have not heard yet."""
_VERSION = re.compile(rb'"version": (\d+)')


@dataclass(frozen=True)
class Served:
    """`reached` of `wanted` frames came. Processor time of the server as in `listening.Cost`."""

    sockets: int
    wanted: int
    reached: int
    event_ms: float
    reached_us: float
    p50_ms: float
    p99_ms: float
    kib_each: float
    """The server's memory for one open stream."""


class Page(asyncio.Protocol):
    """One connection; notes when it heard of which event."""

    def __init__(self, number: int, heard: list[tuple[int, float]]) -> None:
        self._number = number
        self._heard = heard
        self.greeted = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(f"GET /events/{self._number} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        if b"event: hello" in data and not self.greeted.done():
            self.greeted.set_result(None)
        now = monotonic()
        self._heard += [(int(version), now) for version in _VERSION.findall(data)]


def sockets_at_most(wanted: int) -> int:
    """How many this machine lets a process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else max(soft, wanted + 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return min(wanted, most - 500) // TEAM * TEAM


async def measure(way: str, sockets: int, rate: int, count: int) -> Served:
    words = (sys.executable, "-m", "deploy.bench.live.server", way, str(sockets))
    server = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    assert server.stdin
    assert server.stdout
    try:
        port = int(await server.stdout.readline())
        before = psutil.Process(server.pid).memory_info().rss
        heard: list[tuple[int, float]] = []
        pages = await _connected(port, sockets, heard)
        server.stdin.write(f"{json.dumps([rate, count])}\n".encode())
        over = monotonic() + count / rate + WAIT_SECONDS
        while len(heard) < count * TEAM and monotonic() < over:
            await asyncio.sleep(0.05)
        reached = len(heard)
        server.stdin.write(b"\n")
        spent = json.loads(await server.stdout.readline())
        for page in pages:
            page.transport.abort()
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()
    delays = sorted(at - spent["told_at"][version] for version, at in heard if version < len(spent["told_at"]))
    cuts = quantiles(delays, n=100) if len(delays) > 1 else [0.0] * 99
    return Served(
        sockets=sockets,
        wanted=count * TEAM,
        reached=reached,
        event_ms=spent["seconds"] / count * 1e3,
        reached_us=spent["seconds"] / max(reached, 1) * 1e6,
        p50_ms=cuts[49] * 1e3,
        p99_ms=cuts[98] * 1e3,
        kib_each=(spent["bytes"] - before) / sockets / 1024,
    )


async def _connected(port: int, sockets: int, heard: list[tuple[int, float]]) -> list[Page]:
    loop = asyncio.get_running_loop()
    pages: list[Page] = []
    for start in range(0, sockets, 100):
        opened = [
            await loop.create_connection(lambda number=number: Page(number, heard), HOST, port)  # type: ignore[misc]
            for number in range(start, min(start + 100, sockets))
        ]
        pages += [page for _, page in opened]
        await asyncio.gather(*(page.greeted for _, page in opened))
    return pages
