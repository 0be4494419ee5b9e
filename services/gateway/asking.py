"""From an HTTP request to a command and back: ids that make a retry harmless, and answers as DESIGN §4 says."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Header
from starlette.responses import JSONResponse, Response

from shared.commands import Answer, Rejected, Unanswered
from shared.contracts.base import derived_id
from shared.http import Problem


class Origin:
    """Where a command comes from: the sender's own key for it, and the trace it belongs to."""

    def __init__(
        self,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
        traceparent: Annotated[str | None, Header(max_length=60)] = None,
    ) -> None:
        self._key = idempotency_key
        self.traceparent = traceparent

    def command_id(self, who: str, what: str, subject: UUID) -> UUID:
        """The same key from the same person for the same thing is the same command, however often it is sent."""
        if self._key is None:
            return uuid4()
        return derived_id("idempotency", who, what, subject, self._key)


OriginHeader = Annotated[Origin, Depends()]


def refused(answer: Answer) -> None:
    """Raise the 409 of a rejection."""
    if isinstance(answer, Rejected):
        status = 403 if answer.code == "forbidden" else 409
        raise Problem(status, answer.code, answer.reason)


def accepted(answer: Unanswered, location: str) -> Response:
    """202: Kafka has it, its owner has not answered yet. `location` is where the outcome will show."""
    body: dict[str, Any] = {"command_id": str(answer.command_id), "status_url": location}
    return JSONResponse(body, 202, headers={"Location": location})
