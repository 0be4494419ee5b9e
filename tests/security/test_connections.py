"""What sockets may do: clients that are slow, silent, endless or many, before the server of `shared.process`."""

import asyncio
import resource
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from shared.connections import Limits, Watch, allow_files
from shared.http import application
from shared.metrics import Metrics
from shared.process import _config, _public, _Server
from shared.settings import Settings
from tests.patience import patience, until

HOST = "127.0.0.1"
GET = b"GET /now HTTP/1.1\r\nHost: jobs\r\n\r\n"
GONE = "reset|Broken|lost"
SHORT = Limits(
    head_seconds=0.3,
    body_seconds=0.3,
    body_bytes_per_second=1_000,
    longest_body_seconds=2.0,
    stall_seconds=0.4,
    keep_alive_seconds=1,
)


class Door:
    """A small application behind the server; `watch` knows its connections."""

    def __init__(self, limits: Limits, trusted: str = "") -> None:
        self.metrics = Metrics("tests")
        self.watch = Watch(limits, self.metrics, trusted=trusted)
        self.listening = socket.create_server((HOST, 0), backlog=4096)
        self.server = _Server(_config(_app(), HOST, 0, self.watch))

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def dropped(self, reason: str) -> float:
        found = self.metrics.registry.get_sample_value("jobwire_connections_dropped_total", {"reason": reason})
        return found or 0.0

    async def connect(self) -> "Client":
        return Client(*await asyncio.open_connection(HOST, self.port))

    async def says_now(self) -> float:
        """Seconds that an honest request takes on a connection of its own."""
        began = perf_counter()
        client = await self.connect()
        await client.send(GET)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        client.close()
        return perf_counter() - began


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def trickle(self, data: bytes) -> None:
        """Byte for byte. Raises OSError when the server has had enough."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(0.02)

    async def answer(self) -> bytes:
        """The head of an answer and its short body."""
        async with asyncio.timeout(patience(10)):
            return await self._reader.readuntil(b"}")

    async def rest(self) -> bytes:
        """All until the server closes, which it must."""
        async with asyncio.timeout(patience(10)):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    def close(self) -> None:
        self._writer.close()


def _app() -> FastAPI:
    app = application("tests")

    @app.get("/now")
    async def now() -> dict[str, bool]:
        return {"now": True}

    @app.post("/taken")
    async def taken(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/unread")
    async def unread() -> dict[str, bool]:
        return {"read": False}

    @app.get("/much")
    async def much() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(2_000):
                yield b"x" * 65_536

        return StreamingResponse(parts())

    @app.get("/forever")
    async def forever() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            await asyncio.Event().wait()

        return StreamingResponse(parts())

    return app


@asynccontextmanager
async def opened(limits: Limits = SHORT, trusted: str = "") -> AsyncIterator[Door]:
    door = Door(limits, trusted)
    serving = asyncio.create_task(door.server.serve([door.listening]))
    await until(lambda: _is(door.server.started), what="the server listens")
    yield door
    door.server.should_exit = True
    await asyncio.wait_for(serving, patience(30))


async def _is(what: bool) -> bool:  # noqa: FBT001 - a condition
    return what


@pytest.mark.parametrize(
    ("sent", "reason", "status"),
    [
        (b"", "idle", b""),
        (b"\r\n\r\n", "idle", b""),
        (b"GET / HTTP/1.1\r\nHost: jobs\r\nX: 1", "late_head", b"408"),
        (b"POST /taken HTTP/1.1\r\nHost: jobs\r\nContent-Length: 50\r\n\r\nabc", "slow_body", b"408"),
        (b"POST /taken HTTP/1.1\r\nHost: jobs\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "slow_body", b"408"),
        (
            b"POST /taken HTTP/1.1\r\nHost: jobs\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            "slow_body",
            b"100",
        ),
        (b"nonsense\r\n\r\n", "bad_request", b"400"),
        (b"GET / HTTP/1.1\r\nHost: jobs\r\nContent-Length: x\r\n\r\n", "bad_request", b"400"),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: jobs\r\n\r\n", "long_head", b"431"),
        (b"GET / HTTP/1.1\r\nHost: jobs\r\nX: " + b"x" * 40_000, "long_head", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", "long_head", b"431"),
        (GET + b"GET / HT", "late_head", b"200"),
        (GET * 400, "bad_request", b""),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else value,
)
async def test_who_keeps_us_waiting_or_says_too_much_is_answered_and_dropped(
    sent: bytes, reason: str, status: bytes
) -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(sent)
        answer = await client.rest()
        assert answer[9:12] == status or not status
        await until(lambda: _is(door.watch.count == 0), what="it is gone")
        assert door.dropped(reason) == 1
        if status.startswith(b"4"):
            assert b"application/problem+json" in answer
            assert b"x-content-type-options: nosniff" in answer
            assert b"content-security-policy: default-src 'none'" in answer
        await door.says_now()


async def test_a_head_that_trickles_is_not_waited_for() -> None:
    async with opened() as door:
        client = await door.connect()
        began = perf_counter()
        with pytest.raises(OSError, match=GONE):
            await client.trickle(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1_000)
        assert perf_counter() - began < patience(5)
        assert door.dropped("late_head") == 1


async def test_blank_lines_keep_nobody() -> None:
    """After a first request, too: uvicorn takes them for the end of idleness."""
    async with opened() as door:
        client = await door.connect()
        await client.send(GET)
        await client.answer()
        with pytest.raises(OSError, match=GONE):
            await client.trickle(b"\r\n" * 1_000)


async def test_a_body_may_be_slow_but_not_that_slow() -> None:
    async with opened(replace(SHORT, longest_body_seconds=60.0)) as door:
        honest, trickling = await door.connect(), await door.connect()
        head = b"POST /taken HTTP/1.1\r\nHost: jobs\r\nContent-Length: 4000\r\n\r\n"
        await asyncio.gather(honest.send(head), trickling.send(head))
        for _ in range(40):
            await honest.send(b"x" * 100)
            await asyncio.sleep(0.025)
        assert (await honest.answer()).endswith(b'{"bytes":4000}')
        with pytest.raises(OSError, match=GONE):
            await trickling.trickle(b"x" * 1_000)
        assert door.dropped("slow_body") == 1


async def test_a_body_that_is_answered_before_its_end_is_not_read_for_ever() -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(b"POST /unread HTTP/1.1\r\nHost: jobs\r\nContent-Length: 100000\r\n\r\nabc")
        assert b'{"read":false}' in await client.rest()


async def test_a_body_that_ends_after_its_answer_leaves_a_good_connection() -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(b"POST /unread HTTP/1.1\r\nHost: jobs\r\nContent-Length: 5\r\n\r\nabc")
        await client.answer()
        await client.send(b"de" + GET)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        assert await client.rest() == b""  # and it is idle, until it is closed


async def test_an_answer_that_nobody_reads_is_not_kept() -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(b"GET /much HTTP/1.1\r\nHost: jobs\r\n\r\n")
        await until(lambda: _is(door.dropped("unread") == 1), what="it is dropped")
        client.close()


async def test_a_stream_may_last() -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(b"GET /forever HTTP/1.1\r\nHost: jobs\r\n\r\n")
        await asyncio.sleep(1.5)
        assert door.watch.count == 1
        client.close()


async def test_head_of_a_stream_ends() -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(b"HEAD /forever HTTP/1.1\r\nHost: jobs\r\n\r\n" + GET)
        assert (await client.answer()).count(b"HTTP/1.1 200") == 2


async def test_several_requests_on_one_connection_are_answered_in_order() -> None:
    async with opened() as door:
        client = await door.connect()
        await client.send(GET * 3)
        for _ in range(3):
            assert (await client.answer()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.5)  # longer than a head may take: it is idle, and nothing is late
        await client.send(GET)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        assert door.dropped("late_head") == 0


async def test_of_too_many_the_one_that_keeps_us_waiting_longest_makes_room() -> None:
    async with opened(Limits(connections=3)) as door:
        first, second, third = [await door.connect() for _ in range(3)]
        await first.send(GET)
        await first.answer()
        await third.send(b"GET /forever HTTP/1.1\r\nHost: jobs\r\n\r\n")
        await until(lambda: _is(len(door.watch._waited_for) == 2), what="one is served")
        await door.says_now()
        assert await second.rest() == b""
        await until(lambda: _is(door.watch.count == 2), what="the honest one is gone")
        await door.says_now()
        assert door.dropped("full") == 1
        await first.send(GET)
        assert (await first.answer()).startswith(b"HTTP/1.1 200")
        third.close()
        await until(lambda: _is(not door.server.server_state.tasks), what="its stream has ended")


async def test_a_network_that_is_one_too_many_makes_room_itself() -> None:
    async with opened(Limits(per_network=2)) as door:
        first, second, third = [await door.connect() for _ in range(3)]
        assert await first.rest() == b""
        assert door.dropped("network") == 1
        for client in (second, third):
            await client.send(GET)
            await client.answer()


async def test_a_proxy_has_as_many_connections_as_it_needs() -> None:
    async with opened(Limits(per_network=2), trusted="127.0.0.0/8") as door:
        clients = [await door.connect() for _ in range(5)]
        for client in clients:
            await client.send(GET)
            await client.answer()


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("nonsense", None),
    ],
)
def test_a_network_is_an_address_or_what_a_household_has_of_ipv6(peer: str, network: str | None) -> None:
    watch = Watch(Limits(), Metrics("tests"), trusted="10.0.0.0/8, 172.16.0.0/12")
    assert watch.network_of((peer, 1)) == network


@pytest.mark.parametrize(("url", "https"), [("https://jobs.example", True), ("http://jobs.example", False)])
def test_what_the_server_itself_refuses_says_https_where_the_site_is_reached_by_it(url: str, *, https: bool) -> None:
    service: Any = SimpleNamespace(settings=Settings(), metrics=Metrics("tests"))
    protocol: Any = _public(application("Jobs", url=url), service).http
    assert protocol.keywords["watch"].https is https


def test_the_process_may_open_as_many_files_as_it_is_allowed_to() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        assert Limits.of(Settings(connections=5_000)).connections <= 512
        allow_files()
        now = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert now == min(hard, 65_536) or hard == resource.RLIM_INFINITY
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


HOLDER = """
import resource, socket, sys
files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
held = []
for number in range(int(sys.argv[2])):
    one = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    if number % 2:
        one.send(b"GET / HTTP/1.1\\r\\nX-Begun: ")
    held.append(one)
print("held", flush=True)
sys.stdin.read()
"""
"""A program of its own: a process may open only so many files."""


@pytest.mark.processes
@pytest.mark.parametrize("limits", [Limits(per_network=0), Limits(), Limits(connections=5_000, per_network=0)])
async def test_ten_thousand_idle_sockets_cost_an_honest_request_nothing(limits: Limits) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_files()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 12_000:
        pytest.skip("No process may hold ten thousand sockets here.")
    # A machine with much else to do takes long to open so many; none of them is to be late before all are there.
    async with opened(replace(limits, head_seconds=patience(60))) as door:
        usual = sorted([await door.says_now() for _ in range(51)])[25]
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, str(door.port), "10000", stdin=PIPE, stdout=PIPE
        )
        assert holder.stdin
        assert holder.stdout
        try:
            assert await asyncio.wait_for(holder.stdout.readline(), patience(60)) == b"held\n"
            at_most = min(limits.connections, limits.per_network or 10_000)
            await until(lambda: _is(door.watch.count >= 0.99 * at_most), what="they are there")
            assert door.watch.count <= at_most
            under_attack = sorted([await door.says_now() for _ in range(51)])[25]
        finally:
            holder.stdin.close()
            await holder.wait()
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    print(f"usual {usual * 1000:.1f} ms, with {at_most:,} idle sockets {under_attack * 1000:.1f} ms")  # noqa: T201
    assert under_attack < 5 * usual + patience(0.05), (usual, under_attack)
