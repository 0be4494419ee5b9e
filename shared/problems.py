"""Problems (RFC 9457): answers that are not 2xx, with a code for programs and a sentence for people."""

from typing import Any

from starlette.responses import JSONResponse

from shared.openapi import PROBLEM, WITH_STATUS

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
}
"""What a problem is called that the frameworks raise, by its status."""


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
