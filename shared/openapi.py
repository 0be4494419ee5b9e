"""Makes the API's document true about what is not 2xx. Routes list statuses with a description; the rest is here."""

from collections.abc import Iterator, Mapping
from typing import Any

PROBLEM = "application/problem+json"
WITH_STATUS: Mapping[int, Mapping[str, str]] = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
"""The headers that an answer of this status has."""

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


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
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
            if headers := WITH_STATUS.get(int(status)):
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
