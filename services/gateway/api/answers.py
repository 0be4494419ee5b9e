"""What routes answer beside their success, for the API's document. Each is problem+json (`shared.http.Problem`)."""

from typing import Any

Answers = dict[int | str, dict[str, Any]]

BUSY: Answers = {503: {"description": "Try again in a moment."}}
OFTEN: Answers = {429: {"description": "Too often. Try again later."}}
SIGNED_IN: Answers = {
    **BUSY,
    401: {"description": "Not signed in."},
    403: {"description": "Not allowed."},
}
READ: Answers = {**SIGNED_IN, 404: {"description": "Not there, or not yours."}}
ASKED: Answers = {
    **READ,
    202: {"description": "Stored; its outcome will show at `status_url`."},
    409: {"description": "Refused by a rule; `code` says which."},
}
