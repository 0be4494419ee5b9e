"""What routes answer beside their success, for the API's document. From 400 on each is a `shared.http.Problem`."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel

Answers = dict[int | str, dict[str, Any]]


class Stored(BaseModel):
    """The command is stored and will be handled; `status_url` is where its outcome will show."""

    command_id: UUID
    status_url: str


BUSY: Answers = {503: {"description": "Try again in a moment."}}
OFTEN: Answers = {429: {"description": "Too often. Try again later."}}
SESSION: Answers = {**BUSY, 401: {"description": "Not signed in."}}
SIGNED_IN: Answers = {**SESSION, 403: {"description": "Not allowed."}}
READ: Answers = {**SIGNED_IN, 404: {"description": "Not there, or not yours."}}
ASKED: Answers = {
    **READ,
    **OFTEN,
    202: {
        "description": "Stored; its outcome will show at `status_url`.",
        "model": Stored,
        "headers": {"Location": {"description": "`status_url`", "schema": {"type": "string"}}},
    },
    409: {"description": "Refused by a rule; `code` says which."},
    422: {
        "description": "Some fields need another look, and `errors` names them. Or `key_reused`: you have used this "
        "`Idempotency-Key` for something else."
    },
}
