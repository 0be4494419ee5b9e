"""Which version somebody saw of what they replace: `ETag` where it is shown, `If-Match` where it is replaced.

A tag is the `version` that the body shows, in quotes. The owner of the aggregate compares it with the version at which
the replaced part was changed last (`shared.decisions.unless_overtaken`), so what else has happened since refuses
nobody.
"""

import re
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Response
from starlette.datastructures import MutableHeaders

from services.gateway.api.answers import ASKED, READ, SIGNED_IN, Answers

ViewT = TypeVar("ViewT")

_TAG = re.compile(r'(?:W/)?"([0-9]{1,15})"')
_ETAG: dict[str, Any] = {"ETag": {"description": "The version, for `If-Match`.", "schema": {"type": "string"}}}
_TAGGED: Answers = {200: {"headers": _ETAG}}

NEVER = 2**53
"""A version that nothing has, for a tag that is none of ours."""

SHOWN: Answers = {**SIGNED_IN, **_TAGGED}
SHOWN_ONE: Answers = {**READ, **_TAGGED}
CHANGED: Answers = {**ASKED, **_TAGGED}
REPLACED: Answers = {
    **CHANGED,
    412: {"description": "`version_mismatch`: somebody was faster. What you replace is not what you saw."},
}


class Tagging:
    """Gives an answer its `ETag`, unless it is a response already: then nothing is shown yet."""

    def __init__(self, headers: MutableHeaders) -> None:
        self._headers = headers

    def __call__(self, view: ViewT, version: int | None = None) -> ViewT:
        """`version` is the view's own unless it is named."""
        if not isinstance(view, Response):
            shown = version if version is not None else view.version  # type: ignore[attr-defined]  # tagged views have one
            self._headers["ETag"] = f'"{shown}"'
        return view


async def tagging(response: Response) -> Tagging:
    """Asynchronous, because FastAPI gives anything else to a thread."""
    return Tagging(response.headers)


async def expected_version(
    if_match: Annotated[
        str | None,
        Header(max_length=200, description="The `ETag` of what you saw. 412 when somebody has replaced it since."),
    ] = None,
) -> int | None:
    """The version that was seen; None where the sender does not mind. A proxy that compresses makes a tag weak."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match.strip())
    return int(tag[1]) if tag else NEVER


Tag = Annotated[Tagging, Depends(tagging)]
Expected = Annotated[int | None, Depends(expected_version)]
