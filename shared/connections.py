"""What a socket may do: how long it may keep us waiting, how much it may say, and how many there may be.

uvicorn bounds the time between two requests and nothing else; a client that sends half a request, or reads half an
answer, would be waited for until it is bored. Here each connection has at most one deadline at a time:

- the head of a request: `head_seconds` after the connection is made, or after the head's first byte;
- its body: `body_seconds`, and a second more for every `body_bytes_per_second` that have come (as Apache's
  `mod_reqtimeout` counts), `longest_body_seconds` at most. Time in which we do not read counts for nobody;
- an answer: `stall_seconds` without its being read.

A process takes so many connections, and so many from one network. Nobody is refused for that while there is one that
has yet to send what it came to send: the one that has kept us waiting longest makes room, so ten thousand idle sockets
cost an honest request nothing. What a proxy in front should do besides: end TLS and speak HTTP/2, read a whole request
before it passes it on, limit requests and connections by client (it sees them, this process sees the proxy), keep its
own connections to us for less than `keep_alive_seconds`, and never pass on the port of health and metrics.
"""

import asyncio
import resource
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.datastructures import MutableHeaders
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.client_ip import Networks
from shared.edges import make_safe
from shared.metrics import Metrics
from shared.problems import Problem
from shared.settings import Settings

_OTHER_FILES = 512
"""What is open besides connections of clients: Kafka, MongoDB, logs, libraries."""
_FILES = 65_536
_LINGER_SECONDS = 2.0
"""A client that we have answered before it sent everything gets so long to read that."""
_PIPELINED = 8

_LATE = Problem(408, "too_slow", "The request did not arrive in time.")
_NO_HTTP = Problem(400, "bad_request", "This is no HTTP request.")
_LONG_HEAD = Problem(431, "head_too_large", "The head of the request is too large.")


@dataclass(frozen=True)
class Limits:
    connections: int = 20_000
    per_network: int = 2_000
    """0: no limit."""
    head_seconds: float = 10.0
    head_bytes: int = 32 * 1024
    headers: int = 100
    body_seconds: float = 20.0
    body_bytes_per_second: int = 1_000
    longest_body_seconds: float = 900.0
    stall_seconds: float = 30.0
    keep_alive_seconds: int = 20

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """As many connections as the settings say, and the process may have files open."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return cls(
            connections=max(10, min(settings.connections, files - _OTHER_FILES)),
            per_network=settings.connections_per_network,
        )


def allow_files() -> None:
    """Raise the soft limit of open files as far as the hard one allows: a socket is one, and 1,024 are few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Watch:
    """Counts the connections of one server, and knows who has kept it waiting for how long."""

    def __init__(self, limits: Limits, metrics: Metrics, *, trusted: str = "", https: bool = False) -> None:
        """`trusted` are proxies' networks, comma-separated: what comes from them is many people's."""
        self.limits = limits
        self.https = https
        self._metrics = metrics
        self._networks_of = Networks(trusted)
        # Those who are waited for, the longest first: a dict remembers the order.
        self._waited_for: dict[Connection, None] = {}
        self._networks: dict[str, dict[Connection, None]] = {}
        self._all: set[Connection] = set()

    @property
    def count(self) -> int:
        return len(self._all)

    def protocol(self) -> Any:
        """What uvicorn's `http` takes."""
        return partial(Connection, watch=self)

    def network_of(self, peer: tuple[str, int] | None) -> str | None:
        """None for who is not counted."""
        return self._networks_of.of_peer(peer[0]) if peer else None

    def come(self, one: "Connection") -> None:
        """Whoever is one too many is dropped, which may be this one."""
        self._all.add(one)
        self._metrics.connections.set(self.count)
        self._waited_for[one] = None
        mates = self._networks.setdefault(one.network, {}) if one.network else {}
        mates[one] = None
        if self.limits.per_network and len(mates) > self.limits.per_network:
            self.drop(next(mate for mate in mates if mate in self._waited_for), "network")
        elif self.count > self.limits.connections:
            self.drop(next(iter(self._waited_for)), "full")

    def waits_for(self, one: "Connection") -> None:
        """It is its turn to send a request."""
        if one in self._all:
            self._waited_for[one] = None
            if one.network:  # among its own, too, it is now the last
                mates = self._networks[one.network]
                del mates[one]
                mates[one] = None

    def has_all_of(self, one: "Connection") -> None:
        """Its request is here."""
        self._waited_for.pop(one, None)

    def go(self, one: "Connection") -> None:
        if one not in self._all:
            return
        self._all.remove(one)
        self._metrics.connections.set(self.count)
        self._waited_for.pop(one, None)
        if one.network and (mates := self._networks.get(one.network)) is not None:
            mates.pop(one, None)
            if not mates:
                del self._networks[one.network]

    def drop(self, one: "Connection", reason: str) -> None:
        """At once, whatever is still to be written. It is gone from here before its socket is closed: of those who come
        meanwhile, each drops another one.
        """
        self.note(reason)
        self.go(one)
        one.abort()

    def note(self, reason: str) -> None:
        self._metrics.connections_dropped.labels(reason).inc()


class Connection(HttpToolsProtocol):
    """uvicorn's, with deadlines, bounds, and refusals that are problems with safe headers."""

    def __init__(self, *arguments: Any, watch: Watch, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._watch = watch
        self._deadline: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._gone = False
        self._message_open = False
        """From the first byte of a request to its last."""
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_began: float | None = None
        """When the head was complete; None while there is no body to wait for."""
        self._refusal = _NO_HTTP
        self.network: str | None = None

    # What uvicorn and its parser call

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.network = self._watch.network_of(self.client)
        self._expect(self._watch.limits.head_seconds, self._late)
        self._watch.come(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._expect_nothing()
        if self._reading is not None:
            self._reading.cancel()
        self._watch.go(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._body_began is None:
            self._head_bytes += len(data)
            self._expect_head()  # blank lines before it count: uvicorn takes them for the end of idleness
        super().data_received(data)
        if self._body_began is None and self._head_bytes > self._watch.limits.head_bytes:
            self._refuse(_LONG_HEAD, "long_head")

    def on_message_begin(self) -> None:
        self._message_open = True
        self._expect_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self._watch.limits.headers:
            self._refusal = _LONG_HEAD
            raise ValueError("Too many headers.")

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._watch.limits.head_bytes:
            self._refusal = _LONG_HEAD
            raise ValueError("The head is too large.")
        if len(self.pipeline) >= _PIPELINED:
            raise ValueError("Too many requests at once.")
        self._body_began, self._body_bytes = self.loop.time(), 0
        self._expect(self._watch.limits.body_seconds, self._look_at_body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._message_open, self._body_began, self._head_bytes = False, None, 0
        self._expect_nothing()
        if self.cycle.response_complete:  # as `on_response_complete` leaves a connection that has said everything
            self._watch.waits_for(self)
            self._expect(self._watch.limits.keep_alive_seconds, self._late)
        else:
            self._watch.has_all_of(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._gone:
            return
        if self.transport.get_write_buffer_size():
            self._expect_reader()
        if self._body_began is not None:
            # What is still to come has been answered; nobody wants it any more.
            self._unset_keepalive_if_required()
            self._expect(_LINGER_SECONDS, self.transport.close)
        elif not self.transport.is_closing() and not self.pipeline:
            self._watch.waits_for(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(self._refusal, "bad_request" if self._refusal is _NO_HTTP else "long_head")

    # What we do about it

    def abort(self) -> None:
        if not self._gone:
            self.transport.abort()

    def _refuse(self, problem: Problem, reason: str) -> None:
        """With an answer, where one can still be understood as such."""
        self._expect_nothing()
        if self.transport.is_closing():
            return
        running = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (running and (self.cycle.response_started or self._body_began is None)):
            self._watch.drop(self, reason)
            return
        self._watch.note(reason)
        response = problem.response()
        make_safe(MutableHeaders(raw=response.raw_headers), "", https=self._watch.https, ok=False)
        lines = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
        self.transport.write(STATUS_LINE[problem.status] + head + b"\r\n" + bytes(response.body))
        self.transport.close()
        self._expect_reader()

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._expect(self._watch.limits.head_seconds, self._late)

    def _late(self) -> None:
        if self._message_open:
            self._refuse(_LATE, "late_head")
        else:
            self._watch.drop(self, "idle")

    def _look_at_body(self) -> None:
        if self._body_began is None:
            return
        limits, now = self._watch.limits, self.loop.time()
        if self.flow.read_paused or self.cycle.body:  # it is we who are slow
            self._body_began += limits.body_seconds / 4
            self._expect(limits.body_seconds / 4, self._look_at_body)
            return
        allowed = limits.body_seconds + self._body_bytes / limits.body_bytes_per_second
        left = self._body_began + min(allowed, limits.longest_body_seconds) - now
        if left > 0:
            self._expect(left, self._look_at_body)
        else:
            self._refuse(_LATE, "slow_body")

    def _expect_reader(self) -> None:
        if self._reading is None and not self._gone:
            self._reading = self.loop.call_later(self._watch.limits.stall_seconds, self._look_at_reader)

    def _look_at_reader(self) -> None:
        self._reading = None
        if not self._gone and self.transport.get_write_buffer_size():
            self._watch.drop(self, "unread")

    def _expect(self, seconds: float, then: Any) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, then)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
