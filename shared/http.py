"""What both HTTP sides share: problems (RFC 9457) that name the field and stand in the API's document, safe headers, a
limit on bodies.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, cast, get_args, get_origin

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pymongo.errors import PyMongoError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.commands import NotTaken
from shared.contracts.base import Line, Money, Text
from shared.failures import is_transient

PROBLEM = "application/problem+json"
MAX_BODY_BYTES = 256 * 1024
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_WITH_STATUS: Mapping[int, Mapping[str, str]] = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
"""The headers that an answer of this status has."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # links carry tokens
    "X-Frame-Options": "DENY",
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


def _canonical(email: str) -> str:
    """The address as any mail server takes it. Raises ValueError for what is none, or needs SMTPUTF8."""
    try:
        found = validate_email(email, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.ascii_email or found.normalized


_BLANK = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `str.strip` takes away, written out: JSON Schema's `\\s` is JavaScript's, pydantic's is Rust's."""


def _as_sent(text: Any) -> StringConstraints:
    """The rules of a contract's text for the moment before it is stripped, so that they can stand in a document."""
    rules = get_args(text)[1]
    never = str(rules.pattern).removeprefix("^[^").removesuffix("]+$")
    blanks, first, last = f"[{_BLANK}]*", f"[^{never}{_BLANK}]", f"([^{never}]*[^{never}{_BLANK}])?"
    return StringConstraints(min_length=1, max_length=rules.max_length, pattern=f"^{blanks}{first}{last}{blanks}$")


def _plain(amount: Any) -> Any:
    """Decimal takes more than people write: exponents, underscores, digits of any script."""
    if isinstance(amount, bool) or (isinstance(amount, str) and not re.fullmatch(_AMOUNT, amount)):
        raise PydanticCustomError("decimal_parsing", "Write the amount as 1234.50 or 1234.")
    return amount


_AMOUNT = r"^[0-9]{1,10}(\.[0-9]{1,2})?$"
_AMOUNTS = [
    {"type": "number", "minimum": 0, "maximum": 9_999_999_999.99, "multipleOf": 0.01},
    {"type": "string", "pattern": _AMOUNT},
]
_NAMES = "|".join("".join(f"[{c}{c.upper()}]" for c in name) for name in SPECIAL_USE_DOMAIN_NAMES if "." not in name)
_EMAIL = {"format": "email", "not": {"pattern": rf"[@.]({_NAMES})$"}}

# What the doors to the outside take, checked before it is brought into the form that records hold. Each says all of it
# in the API's document.
Address = Annotated[str, Field(max_length=254, json_schema_extra=_EMAIL), AfterValidator(_canonical)]
"""An e-mail address. Reserved names reach nobody."""

GivenLine = Annotated[str, _as_sent(Line), AfterValidator(str.strip)]
GivenText = Annotated[str, _as_sent(Text), AfterValidator(str.strip)]
GivenNote = Annotated[
    str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$")
]
"""As a text, and may be empty."""

GivenUrl = Annotated[
    str,
    StringConstraints(
        max_length=300,
        pattern=rf"^https?://[^{_BLANK}\x00-\x1f\x7f/?#\"<>]+(/[^{_BLANK}\x00-\x1f\x7f\"<>]*)?$",
    ),
]


class Body(BaseModel):
    """What a door takes as JSON, as its document says: no text for a number, no number for a day or for yes."""

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> Any:
        types = _types_of(cls.model_fields[str(info.field_name)].annotation)
        if int in types and (isinstance(value, bool | str)):
            raise PydanticCustomError("int_type", "Input should be a valid integer")
        if bool in types and not isinstance(value, bool):
            raise PydanticCustomError("bool_type", "Input should be a valid boolean")
        if date in types and not (isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
            raise PydanticCustomError("date_type", "Input should be a valid date")
        return value


def _types_of(annotation: Any) -> set[Any]:
    """The type, or those of a union."""
    return {annotation, *(get_args(one)[0] if get_origin(one) is Annotated else one for one in get_args(annotation))}


class GivenMoney(Body, Money):
    amount: Annotated[
        Decimal,
        Field(ge=0, max_digits=12, decimal_places=2, json_schema_extra={"anyOf": _AMOUNTS}),
        BeforeValidator(_plain),
        PlainSerializer(str, return_type=str, when_used="always"),
    ]


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An answer that is not 2xx. `code` is stable and machine-readable, `detail` says what to do."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.more = more

    def response(self) -> JSONResponse:
        body = {"type": "about:blank", "title": self.code.replace("_", " "), "status": self.status}
        return JSONResponse(
            {**body, "code": self.code, "detail": self.detail, **self.more},
            self.status,
            _WITH_STATUS.get(self.status),
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
    app.add_exception_handler(PyMongoError, _on_database_error)
    described = app.openapi
    app.openapi = lambda: app.openapi_schema or _with_problems(described())  # type: ignore[method-assign]
    return app


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The API's document, in place, with each answer above 399 as the problem that it is. Routes list statuses with a
    description; what any body or field can come to is added here.
    """
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _sendable(parameter["schema"])
        responses = operation["responses"]
        if "requestBody" in operation:
            responses.setdefault("400", {"description": "The body cannot be read."})
            responses.setdefault("413", {"description": "The body is too large."})
            responses.setdefault("415", {"description": "The body is not in UTF-8."})
        if responses.get("422", {}).get("content"):  # FastAPI's own
            responses["422"] = {"description": "Some fields need another look; `errors` names them."}
        for status in [status for status in responses if status >= "400"]:
            responses[status] |= {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
            if headers := _WITH_STATUS.get(int(status)):
                responses[status]["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
        operation["responses"] = dict(sorted(responses.items()))
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    return document


def _sendable(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema. What may be left out is None in Python; no query and no header can say null."""
    match schema:
        case {"anyOf": [given, {"type": "null"}], **rest}:
            return {**rest, **given}
    return schema


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for path in document["paths"].values() for operation in path.values())


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


async def _on_database_error(_request: Request, error: Exception) -> Response:
    if not is_transient(error):
        raise error
    return Problem(503, "try_again", "The data cannot be reached just now. Try again in a moment.").response()


_TEXT = {"type": "string"}
_PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable and machine-readable, `detail` says what to do, `errors` names fields.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": _TEXT,
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message", "code"],
                "properties": {"field": _TEXT, "message": _TEXT, "code": _TEXT},
            },
        },
    },
}
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
}
