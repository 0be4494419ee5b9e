"""The outermost layers of both HTTP applications: what holds for every request, and for every answer whoever gives it.

What sockets may do is in `shared.connections`; what a proxy should do besides is said there.
"""

import asyncio
import re
from collections.abc import Mapping

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import CODES, Problem

ANSWER_SECONDS = 60.0
"""A handler that has neither read anything nor begun to answer for so long is given up."""
MAX_BODY_BYTES = 256 * 1024

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # links carry tokens
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), "
    "payment=(), usb=()",
}
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'"
)
# The page of the API documentation starts its script inline.
_DOCS_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::[0-9]*)?")
_HSTS = "max-age=63072000; includeSubDomains"
_STATIC = ("/static/", "/static-offline-docs/")


def make_safe(headers: MutableHeaders, path: str, *, https: bool, ok: bool) -> None:
    """Add the headers that keep an answer from being framed, sniffed, stored, or telling other sites its address. What
    the answer says of these things itself stands.
    """
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    policy = headers.setdefault("Content-Security-Policy", _DOCS_CSP if path == "/docs" else _CSP)
    framed = "frame-ancestors 'none'" not in policy
    if not framed:  # a page whose own policy says who may frame it is not to be contradicted
        headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if framed else "same-origin")
    cached = ok and path.startswith(_STATIC)
    headers.setdefault("Cache-Control", "public, max-age=3600" if cached else "no-store")
    if https:
        headers.setdefault("Strict-Transport-Security", _HSTS)


class SafeHeaders:
    """Stands outside everything else, so that an answer to an error of our own has them, too."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ok = message["status"] < 400
                make_safe(MutableHeaders(scope=message), scope["path"], https=self._https, ok=ok)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class KnownHosts:
    """Refuses a request for a name that is not ours: what it says could end up in links, caches and redirects.

    A name is compared without its port. `*.shop.example` covers what stands below it, `*` anything.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app = app
        self._any = "*" in names
        self._names = frozenset(name for name in names if not name.startswith("*"))
        self._ends = tuple(name[1:] for name in names if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._any and not self._knows(Headers(scope=scope).getlist("host")):
            problem = Problem(400, "wrong_host", "Nothing is served here under the name that the request is for.")
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = host_name(hosts[0])
        return name in self._names or (bool(self._ends) and name.endswith(self._ends))


def host_name(host: str) -> str:
    """The name in a `Host` header: lower case, without its port and the dot at its end."""
    found = _HOST.fullmatch(host.lower())
    return (found[1] or found[2]).removesuffix(".") if found else ""


class AnswersHead:
    """`HEAD` wherever `GET` works: the same answer without its body. Routes need not know."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                # At once, also where the body has no end: who streams it learns that nobody listens.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app({**scope, "method": "GET"}, receive, send_head)


class Punctual:
    """Gives up a handler that does not begin to answer in time. Waiting for the sender counts as the sender's time,
    which `shared.connections` bounds; a stream that has begun may last.
    """

    def __init__(self, app: ASGIApp, seconds: float = ANSWER_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        began = False

        async def receive_on_senders_time() -> Message:
            if began:
                return await receive()
            limit.reschedule(None)
            try:
                return await receive()
            finally:
                if not began:
                    limit.reschedule(clock() + self._seconds)

        async def send_and_be_free(message: Message) -> None:
            nonlocal began
            if not began:
                began = True
                limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._app(scope, receive_on_senders_time, send_and_be_free)
        except TimeoutError:
            if began or not limit.expired():
                raise
            await Problem(503, "try_again", "This took too long. Try again in a moment.").response()(
                scope, receive, send
            )


class BodyLimit:
    """Refuses what is too large with a problem: at once where the length is declared, else as soon as it shows.

    Starlette's own middleware answers in plain text, and has one limit for all paths.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int]) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((size for end, size in self._larger.items() if scope["path"].endswith(end)), MAX_BODY_BYTES)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
            await _too_large(limit).response()(scope, receive, send)
            return
        taken = 0

        async def receive_within_limit() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # Not a Problem: those who parse bodies let this one pass, and take any other for bad syntax.
                raise HTTPException(413, _too_large(limit).detail)
            return message

        await self._app(scope, receive_within_limit, send)


class Utf8Forms:
    """Refuses a form in another character set: Starlette takes any codec that Python knows, also those that fail with
    errors of their own, or make texts that no answer can hold. And a query with bytes that no address has: Starlette
    takes them for UTF-8, which they need not be.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not scope["query_string"].isascii():
                problem = Problem(400, CODES[400], "Write the query in percent-encoded UTF-8.")
                await problem.response()(scope, receive, send)
                return
            _, options = parse_options_header(Headers(scope=scope).get("content-type"))
            if options.get(b"charset", b"utf-8").lower() not in {b"utf-8", b"utf8"}:
                await Problem(415, CODES[415], "Send text in UTF-8.").response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _too_large(limit: int) -> Problem:
    return Problem(413, CODES[413], f"This takes up to {limit // 1024} KiB.")
