"""What both HTTP sides share: problems (RFC 9457) that name the field and stand in the API's document, safe headers, a
limit on bodies.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from pymongo.errors import PyMongoError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.commands import NotTaken
from shared.failures import Transient, Unreadable, Wedged, is_transient
from shared.openapi import PROBLEM, WITH_STATUS, with_problems

MAX_BODY_BYTES = 256 * 1024
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # links carry tokens
    "Cross-Origin-Opener-Policy": "same-origin",
}
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# The page of the API documentation starts its script inline.
_DOCS_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'"
)


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An answer that is not 2xx. `code` is stable and machine-readable, `detail` says what to do. `retry_after` counts
    seconds.
    """

    def __init__(self, status: int, code: str, detail: str, *, retry_after: int | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(WITH_STATUS.get(status, {}))
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
        self.more = more

    def response(self) -> JSONResponse:
        body = {"type": "about:blank", "title": self.code.replace("_", " "), "status": self.status}
        return JSONResponse(
            {**body, "code": self.code, "detail": self.detail, **self.more},
            self.status,
            self.headers,
            media_type=PROBLEM,
        )


def application(title: str, larger_bodies: Mapping[str, int] = MappingProxyType({})) -> FastAPI:
    """An application with the common behaviour. Its documentation page brings its own scripts. `larger_bodies` names
    the ends of paths that take more than `MAX_BODY_BYTES`, and how much.
    """
    app = FastAPIOffline(title=title, version="1", redoc_url=None)
    app.add_middleware(BodyLimit, larger=larger_bodies)
    app.add_middleware(Utf8Forms)
    app.add_middleware(SafeHeaders)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(NotTaken, _on_not_taken)
    app.add_exception_handler(Wedged, _on_not_taken)
    app.add_exception_handler(Unreadable, _on_unreadable)
    app.add_exception_handler(KafkaError, _on_server_error)
    app.add_exception_handler(Transient, _on_server_error)
    app.add_exception_handler(PyMongoError, _on_server_error)
    described = app.openapi
    app.openapi = lambda: app.openapi_schema or with_problems(described())  # type: ignore[method-assign]
    return app


def field_problem(errors: list[dict[str, str]]) -> Problem:
    """422 with one entry per field: `field` is its path with dots, `message` what is wrong."""
    return Problem(422, "invalid_fields", "Some fields need another look.", errors=errors)


def fields_of(errors: Any) -> list[dict[str, str]]:
    """Pydantic's errors by field. The input itself is left out: it may be a secret, and it is the sender's anyway."""
    return [
        {
            "field": ".".join(str(part) for part in error["loc"] if part != "body") or "body",
            "message": str(error["msg"]),
            "code": str(error["type"]),
        }
        for error in errors
    ]


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
        if declared.isdecimal() and int(declared) > limit:
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
    errors of their own, or make texts that no answer can hold.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _, options = parse_options_header(Headers(scope=scope).get("content-type"))
            if options.get(b"charset", b"utf-8").lower() not in {b"utf-8", b"utf8"}:
                await Problem(415, _CODES[415], "Send text in UTF-8.").response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _too_large(limit: int) -> Problem:
    return Problem(413, _CODES[413], f"This takes up to {limit // 1024} KiB.")


class SafeHeaders:
    """Sets the headers that keep a page from being framed, sniffed, or telling other sites its address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if "frame-ancestors" not in headers.get("Content-Security-Policy", ""):
                    # A page whose own policy says who may frame it is not to be contradicted.
                    headers.setdefault("X-Frame-Options", "DENY")
                headers.setdefault("Content-Security-Policy", _DOCS_CSP if scope["path"] == "/docs" else _CSP)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


async def _on_problem(_request: Request, error: Exception) -> Response:
    return cast("Problem", error).response()


async def _on_invalid(_request: Request, error: Exception) -> Response:
    return field_problem(fields_of(cast("RequestValidationError", error).errors())).response()


async def _on_http_error(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    problem = Problem(http.status_code, _CODES.get(http.status_code, "error"), str(http.detail)).response()
    problem.headers.update(http.headers or {})
    if http.status_code == 405:
        problem.headers["Allow"] = ", ".join(_allowed(request))
    return problem


def _allowed(request: Request) -> list[str]:
    """The methods of all routes at this address. Starlette names those of the first route only."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    return [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


async def _on_not_taken(_request: Request, _error: Exception) -> Response:
    return Problem(
        503, "try_again", "The command could not be stored just now. Send it again with the same Idempotency-Key."
    ).response()


async def _on_server_error(_request: Request, error: Exception) -> Response:
    """Also when an operator has to mend it: nothing is wrong with the request."""
    if not is_transient(error):
        raise error
    return Problem(503, "try_again", "The data cannot be reached just now. Try again in a moment.").response()


async def _on_unreadable(_request: Request, _error: Exception) -> Response:
    """In the middle of a rolling upgrade: another replica, or this one in a few minutes, can read it."""
    return Problem(503, "try_again", "This is being moved to a newer release. Try again in a minute.").response()


_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
}
