"""The files of a conversation: both sides upload and download them here, and name them when they write."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from services.gateway.accounts import Membership, Merchant
from services.gateway.api.answers import READ, Answers
from services.gateway.api.asking import OriginHeader
from services.gateway.attachments import MAX_FILE_BYTES, Attachments, Uploader, file_problem
from services.gateway.file_types import (
    ALLOWED,
    GIF,
    HEIC,
    JPEG,
    MOV,
    MP4,
    OFFICE,
    OPEN_DOCUMENT,
    PDF,
    PNG,
    RTF,
    TEXT,
    WEBP,
    ZIP,
)
from services.gateway.read.reading import Reading
from services.gateway.read.tenants import member_tenant, merchant_tenant
from services.gateway.signed_in import SignedIn
from shared.contracts.base import ActorKind
from shared.contracts.jobs import Attachment
from shared.files import StoredFile
from shared.http import Problem, field_problem

LARGER_BODIES: Mapping[str, int] = {"/attachments": MAX_FILE_BYTES + 64 * 1024}
"""Where a request may be as large as a file with a form around it."""

UPLOAD: dict[str, Any] = {
    "status_code": 201,
    "responses": {
        **READ,
        400: {"description": "Not a form, or it broke off."},
        409: {"description": "Too many files on this job, or too many MB: `detail` says whose, and what to do."},
        413: {"description": "Larger than 10 MB."},
        415: {"description": f"Not one of: {ALLOWED}. The content decides, and the name has to agree with it."},
        422: {"description": "The file is missing or empty. Or `key_reused`: the key was used for another file."},
    },
    # The handler reads the form itself: nobody who may not write here makes us take 10 MB first.
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "additionalProperties": False,
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
}
_TYPES = (PNG, JPEG, GIF, WEBP, HEIC, PDF, RTF, MP4, MOV, ZIP, *OFFICE.values(), *OPEN_DOCUMENT, *TEXT)
_FILE: Answers = {200: {"description": "The file.", "content": {one.media_type: {} for one in _TYPES}}}
_SCANNED: Answers = {
    410: {"description": "The scanner found something harmful in it, and it was deleted."},
    423: {"description": "It is still being scanned; `Retry-After` says when to ask again."},
}
DOWNLOAD: dict[str, Any] = {"response_class": StreamingResponse, "responses": {**READ, **_FILE, **_SCANNED}}


def attachments_api(attachments: Attachments, reading: Reading, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["attachments"])

    async def partner(job_id: UUID, member: Annotated[Membership, Depends(signed_in.member)]) -> Uploader:
        await reading.job(member_tenant(member).query(), job_id)
        return Uploader(job_id, ActorKind.PARTNER, member.member.member_id, member.partner.partner_id)

    async def merchant(job_id: UUID, asker: Annotated[Merchant, Depends(signed_in.merchant)]) -> Uploader:
        await reading.job(merchant_tenant(asker.merchant_id), job_id)
        return Uploader(job_id, ActorKind.MERCHANT, asker.merchant_id)

    Partners = Annotated[Uploader, Depends(partner)]  # noqa: N806 - a type
    Merchants = Annotated[Uploader, Depends(merchant)]  # noqa: N806 - a type

    async def take(who: Uploader, request: Request, origin: OriginHeader) -> Attachment:
        upload_id = origin.command_id(str(who.by), Attachment.__name__, who.job_id)
        try:
            async with request.form(max_files=1, max_fields=8) as form:
                return await attachments.take(who, _file_in(form), upload_id)
        except ClientDisconnect:
            raise Problem(400, "bad_request", "The upload broke off.") from None

    @router.post("/jobs/{job_id}/attachments", **UPLOAD)  # noqa: FAST003 - the dependency takes it
    async def upload(who: Partners, request: Request, origin: OriginHeader) -> Attachment:
        """Add a file of up to 10 MB to send with a message: name its id there, within a day."""
        return await take(who, request, origin)

    @router.post("/merchant/jobs/{job_id}/attachments", **UPLOAD)  # noqa: FAST003 - the dependency takes it
    async def upload_as_merchant(who: Merchants, request: Request, origin: OriginHeader) -> Attachment:
        """Add a file of up to 10 MB to send with a message: name its id there, within a day."""
        return await take(who, request, origin)

    @router.get("/jobs/{job_id}/attachments/{attachment_id}", **DOWNLOAD)  # noqa: FAST003 - the dependency takes it
    async def download(attachment_id: UUID, who: Partners) -> Response:
        """A file that was sent in this job, or that your side has uploaded."""
        return _sent(*await attachments.open(who.job_id, attachment_id, who.side))

    @router.get("/merchant/jobs/{job_id}/attachments/{attachment_id}", **DOWNLOAD)  # noqa: FAST003 - the dependency takes it
    async def download_as_merchant(attachment_id: UUID, who: Merchants) -> Response:
        """A file that was sent in this job, or that you have uploaded."""
        return _sent(*await attachments.open(who.job_id, attachment_id, who.side))

    return router


def _file_in(form: FormData) -> UploadFile:
    for name in form:
        if name != "file":
            raise field_problem([{"field": name, "message": "Send `file` and nothing else.", "code": "extra"}])
    field = form.get("file")
    if not isinstance(field, UploadFile):
        raise file_problem("Send the file as the field `file` of a multipart form.", "missing")
    return field


def _sent(stored: StoredFile, content: Any) -> Response:
    """Saved, never shown: a browser that opens it all the same gives it no script and no origin."""
    headers = {
        "Content-Disposition": _disposition(stored.name),
        "Content-Length": str(stored.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    return StreamingResponse(content, headers=headers, media_type=stored.metadata["media_type"])


def _disposition(name: str) -> str:
    """RFC 6266: the name in ASCII for old clients, and in full (RFC 8187) for all others."""
    plain = "".join(character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
