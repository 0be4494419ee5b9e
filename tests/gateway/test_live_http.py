"""Live updates over real sockets: clients that go, that read nothing, and a process that is asked to stop."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.gateway.api import event_stream
from services.gateway.api.event_stream import EventStream
from services.gateway.live import hub as live
from services.gateway.live.stream import Stream
from shared.clock import SystemClock
from shared.connections import Limits, Watch
from shared.process import _config, _Server
from shared.service import Service
from shared.settings import Settings
from tests.fakes import MemoryLog, MemoryPublisher
from tests.gateway.live_pages import TEAM, Log, Replica
from tests.gateway.test_live import OPENED
from tests.memory_mongo import MemoryDatabase
from tests.patience import patience, until

HOST = "127.0.0.1"
SMALL = 4_096
"""Bytes that a client's and the server's kernel keep for a connection: so that few events fill them."""


class Gateway:
    """One replica's streams behind the server that `shared.process` runs."""

    def __init__(self) -> None:
        self.log = Log()
        self.replica = Replica(self.log)
        self.listening = socket.create_server((HOST, 0))
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        self.service = Service(
            "gateway",
            Settings(),
            publisher=MemoryPublisher(MemoryLog()),
            database=MemoryDatabase(),
            clock=SystemClock(),
        )
        self.service.stopping = self.replica.stopping
        app = Starlette(routes=[Route("/events", self._events), Route("/health/live", self._live)])
        config = _config(app, HOST, 0, Watch(Limits(), self.service.metrics))
        config.timeout_graceful_shutdown = 2
        self.server = _Server(config)

    def leave(self) -> None:
        self.service.stopping.set()
        self.server.should_exit = True

    @property
    def port(self) -> int:
        return self.listening.getsockname()[1]

    @property
    def open(self) -> int:
        return len(self.replica.hub._streams)

    async def until_open(self, count: int) -> None:
        async def are_open() -> bool:
            return self.open == count

        await until(are_open, what=f"{count} streams are open")

    async def say(self, count: int) -> None:
        self.log.say(*[OPENED] * count)
        await self.replica.hear()

    async def _events(self, _request: Request) -> Response:
        return EventStream(self.replica.hub, Stream(TEAM), None)

    async def _live(self, _request: Request) -> Response:
        return JSONResponse({"live": True})


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    serving = asyncio.create_task(gateway.server.serve([gateway.listening]))
    yield gateway
    gateway.leave()
    await asyncio.wait_for(serving, patience(20))


@asynccontextmanager
async def connected(gateway: Gateway, path: str = "/events") -> AsyncIterator[tuple[socket.socket, bytes]]:
    """A client's socket, and the head of the answer with the greeting."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    client.setblocking(False)
    with client:
        await loop.sock_connect(client, (HOST, gateway.port))
        await loop.sock_sendall(client, f"GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        head = b""
        async with asyncio.timeout(patience(20)):
            while b"\r\n\r\n" not in head or b"\n\n" not in head.partition(b"\r\n\r\n")[2]:
                head += await loop.sock_recv(client, SMALL)
                if path != "/events" and b"}" in head:
                    break
        yield client, head


async def rest_of(client: socket.socket) -> bytes:
    """Until the server closes."""
    text = b""
    async with asyncio.timeout(patience(20)):
        while part := await asyncio.get_running_loop().sock_recv(client, 65_536):
            text += part
    return text


async def assert_alive(gateway: Gateway) -> None:
    async with connected(gateway, "/health/live") as (_, answer):
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"live": True}


async def test_a_stream_says_what_proxies_and_browsers_need_to_know(gateway: Gateway) -> None:
    async with connected(gateway) as (_, answer):
        head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream; charset=utf-8" in head.lower()
    assert b"cache-control: no-cache" in head.lower()
    assert b"x-accel-buffering: no" in head.lower()
    assert b"content-length" not in head.lower()
    assert b"event: hello" in body
    assert b"retry: " in body


async def test_a_client_that_goes_is_forgotten_at_once(gateway: Gateway) -> None:
    async with connected(gateway):
        await gateway.until_open(1)
    await gateway.until_open(0)


async def test_a_process_that_is_asked_to_stop_ends_its_streams_and_does_not_wait_for_them(gateway: Gateway) -> None:
    async with connected(gateway) as (client, _):
        gateway.leave()
        assert (await rest_of(client)).endswith(b"0\r\n\r\n"), "The answer is complete: the page sees an ordinary end."
    await gateway.until_open(0)


async def full(gateway: Gateway) -> None:
    """So much that it fits into no buffer between here and the client; whoever reads gets turns to do so."""
    for _ in range(12):
        await gateway.say(200)
        for _ in range(20):
            await asyncio.sleep(0.001)


def stuck(gateway: Gateway) -> bool:
    return all(one._frames for one in gateway.replica.hub._streams)


async def test_a_client_that_never_reads_costs_its_own_queue_and_is_let_go(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 2.0)
    async with connected(gateway), connected(gateway) as (reader, _):
        reading = asyncio.create_task(rest_of(reader))
        await gateway.until_open(2)
        await full(gateway)
        assert all(len(one._frames) <= 256 for one in gateway.replica.hub._streams)
        await assert_alive(gateway)
        await gateway.until_open(1)
        await assert_alive(gateway)
        gateway.leave()
        assert b"event: job" in await reading, "Whoever reads hears on."


async def test_a_client_that_never_reads_does_not_hold_up_the_end(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LAST_WORDS_SECONDS", 0.1)
    async with connected(gateway):
        await gateway.until_open(1)
        await full(gateway)
        assert stuck(gateway)
        gateway.leave()
        await gateway.until_open(0)


async def test_a_client_that_never_reads_is_let_go_when_its_time_is_over(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LAST_WORDS_SECONDS", 0.1)
    monkeypatch.setattr(live, "STREAM_SECONDS", (3.0, 3.0))
    async with connected(gateway):
        await gateway.until_open(1)
        await full(gateway)
        assert stuck(gateway)
        await gateway.until_open(0)
        await assert_alive(gateway)
