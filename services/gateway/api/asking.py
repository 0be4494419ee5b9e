"""From an HTTP request to a command and back: ids that make a retry harmless, and answers as DESIGN §4 says."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request
from starlette.responses import JSONResponse, Response

from services.gateway.api.answers import Stored
from shared.aggregate import KEY_REUSED
from shared.commands import Applied, Commander, Rejected, Unanswered
from shared.contracts.base import Message, derived_id
from shared.decisions import VERSION_MISMATCH
from shared.http import Problem
from shared.idempotency import KEY_HEADER, digest_of
from shared.topics import Topic

REFUSED = {"forbidden": 403, VERSION_MISMATCH: 412, KEY_REUSED: 422}
"""What HTTP calls a refusal by its code; any other is a conflict."""


@dataclass(frozen=True)
class Origin:
    """Where a command comes from: the sender's own key for it, the trace it belongs to, and a digest of what was sent
    under the key. Of an upload there is none: whoever takes it digests it.
    """

    key: str | None = None
    traceparent: str | None = None
    digest: str | None = None

    def command_id(self, who: str, what: str, subject: UUID) -> UUID:
        """The same key from the same person for the same thing is the same command, however often it is sent."""
        if self.key is None:
            return uuid4()
        return derived_id("idempotency", who, what, subject, self.key)


async def origin_of(
    request: Request,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200, description=KEY_HEADER)] = None,
    traceparent: Annotated[str | None, Header(max_length=60)] = None,
) -> Origin:
    """Asynchronous, because FastAPI gives anything else to a thread."""
    is_upload = request.headers.get("content-type", "").startswith("multipart/")
    digest = await digest_of(request) if idempotency_key and not is_upload else None
    return Origin(idempotency_key, traceparent, digest)


OriginHeader = Annotated[Origin, Depends(origin_of)]


async def asked(  # noqa: PLR0913 - a command and where its answer goes, named
    commander: Commander, door: Topic, data: Message, subject: UUID, *, who: str, origin: Origin, location: str
) -> Applied | Response:
    """Ask the owner, and say what HTTP says of its answer: raises `Problem` for a refusal (409, or what `REFUSED` has),
    gives the 202 with `location`, where the outcome will show, when it has not answered yet.
    """
    answer = await commander.ask(
        door,
        data,
        subject,
        command_id=origin.command_id(who, type(data).__name__, subject),
        traceparent=origin.traceparent,
        digest=origin.digest,
    )
    match answer:
        case Rejected(code=code, reason=reason):
            raise Problem(REFUSED.get(code, 409), code, reason)
        case Unanswered(command_id=command_id):
            stored = Stored(command_id=command_id, status_url=location)
            return JSONResponse(stored.model_dump(mode="json"), 202, headers={"Location": location})
        case Applied():
            return answer
