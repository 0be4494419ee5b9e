"""From an HTTP request to a command and back: ids that make a retry harmless, and answers as DESIGN §4 says."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Header
from starlette.responses import JSONResponse, Response

from shared.commands import Applied, Commander, Rejected, Unanswered
from shared.contracts.base import Message, derived_id
from shared.http import Problem
from shared.topics import Topic


class Origin:
    """Where a command comes from: the sender's own key for it, and the trace it belongs to."""

    def __init__(
        self,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
        traceparent: Annotated[str | None, Header(max_length=60)] = None,
    ) -> None:
        self.key = idempotency_key
        self.traceparent = traceparent

    def command_id(self, who: str, what: str, subject: UUID) -> UUID:
        """The same key from the same person for the same thing is the same command, however often it is sent."""
        if self.key is None:
            return uuid4()
        return derived_id("idempotency", who, what, subject, self.key)


OriginHeader = Annotated[Origin, Depends()]


async def asked(  # noqa: PLR0913 - a command and where its answer goes, named
    commander: Commander, door: Topic, data: Message, subject: UUID, *, who: str, origin: Origin, location: str
) -> Applied | Response:
    """Ask the owner, and say what HTTP says of its answer: raises `Problem` 409 (403) for a refusal, gives the 202 with
    `location`, where the outcome will show, when it has not answered yet.
    """
    answer = await commander.ask(
        door,
        data,
        subject,
        command_id=origin.command_id(who, type(data).__name__, subject),
        traceparent=origin.traceparent,
    )
    match answer:
        case Rejected(code=code, reason=reason):
            raise Problem(403 if code == "forbidden" else 409, code, reason)
        case Unanswered(command_id=command_id):
            body: dict[str, Any] = {"command_id": str(command_id), "status_url": location}
            return JSONResponse(body, 202, headers={"Location": location})
        case Applied():
            return answer
