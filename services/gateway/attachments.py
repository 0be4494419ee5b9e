"""The files of a job's conversation: taken from one side, sent with a message, given to the two sides alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import BinaryIO
from uuid import UUID

from starlette.datastructures import UploadFile

from services.gateway.file_names import clean_name, ending_of
from services.gateway.file_types import ALLOWED, FileType, pieces, types_of
from services.gateway.read.projections import TIMELINE
from shared.clock import Clock
from shared.contracts.base import ActorKind, derived_id
from shared.contracts.jobs import Attachment, JobReplied, MerchantReplied
from shared.files import CHUNK_BYTES, Files, StoredFile
from shared.http import Problem, field_problem
from shared.mongo import Database

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_PER_MESSAGE = 10
MAX_PER_PERSON_AND_JOB = 200
KEPT_UNSENT = timedelta(hours=24)

_CARRIES = [JobReplied.__name__, MerchantReplied.__name__]
"""The facts whose attachments both sides may have. Files of anything else stay where they are."""


@dataclass(frozen=True)
class Uploader:
    """A person on one side of a job that this person has been allowed to see."""

    job_id: UUID
    side: ActorKind
    by: UUID

    def metadata(self) -> dict[str, UUID | str]:
        return {"job_id": self.job_id, "side": self.side.value, "by": self.by}


class Attachments:
    def __init__(self, files: Files, database: Database, clock: Clock) -> None:
        self._files = files
        self._timeline = database[TIMELINE]
        self._clock = clock

    async def take(self, who: Uploader, upload: UploadFile, upload_id: UUID) -> Attachment:
        """Check and store a file that waits to be sent. The same bytes with the same `upload_id` are the same
        attachment. Raises `Problem` 413, 415, 422 and 409; then nothing is stored.
        """
        if (upload.size or 0) > MAX_FILE_BYTES:
            raise Problem(413, "too_large", f"A file can have up to {MAX_FILE_BYTES // 1024**2} MB.")
        if not upload.size:
            raise file_problem("This file is empty.", "empty")
        types, digest = await asyncio.to_thread(_examine, upload.file)
        name = clean_name(upload.filename or "")
        file_type = _agreed(name, types)
        file_id = derived_id("attachment", upload_id, digest)
        if (
            await self._files.info(file_id) is None
            and await self._files.count(who.metadata()) >= MAX_PER_PERSON_AND_JOB
        ):
            raise Problem(409, "too_many_files", f"You can add up to {MAX_PER_PERSON_AND_JOB} files to one job.")
        metadata = {**who.metadata(), "media_type": file_type.media_type}
        await self._files.put(file_id, name, _read(upload), metadata)
        return _attachment(await self._there(file_id))

    async def chosen(self, job_id: UUID, side: ActorKind, by: UUID, ids: list[UUID]) -> tuple[Attachment, ...]:
        """The attachments of a message that is about to be sent, each once; from now on they are kept. Raises `Problem`
        422 for one that this person has not uploaded to this job.

        They stay kept even if the message is refused: the read model that could tell may be behind, or be built anew.
        """
        if len(ids) > MAX_PER_MESSAGE:
            raise field_problem([_wrong("attachment_ids", f"Up to {MAX_PER_MESSAGE} files a message.", "too_long")])
        who, found = Uploader(job_id, side, by), [await self._files.info(one) for one in ids]
        files = [one for one in found if one is not None and _is_of(one, who)]
        known = {one.file_id for one in files}
        unknown = [number for number, one in enumerate(ids) if one not in known]
        if not unknown:
            unknown = [number for number, one in enumerate(ids) if not await self._files.keep(one)]
        if unknown:
            message = "You have no such file here. It may have waited too long: upload it again."
            raise field_problem([_wrong(f"attachment_ids.{number}", message, "unknown") for number in unknown])
        return tuple({one.file_id: _attachment(one) for one in files}.values())

    async def open(self, job_id: UUID, attachment_id: UUID, side: ActorKind) -> tuple[StoredFile, AsyncIterator[bytes]]:
        """A file of this job, for a side that may have it: it was sent, or it is this side's own. Raises `Problem`
        404.
        """
        stored = await self._files.info(attachment_id)
        if (
            stored is None
            or stored.metadata["job_id"] != job_id
            or (stored.metadata["side"] != side.value and not await self._was_sent(job_id, attachment_id))
        ):
            raise _not_here()
        return stored, self._files.read(attachment_id)

    async def tidy(self) -> None:
        """Delete what was uploaded and not sent within a day."""
        await self._files.forget(self._clock.now() - KEPT_UNSENT)

    async def _was_sent(self, job_id: UUID, attachment_id: UUID) -> bool:
        carried = {"fact.attachments.attachment_id": str(attachment_id), "type": {"$in": _CARRIES}}
        return await self._timeline.find_one({"job_id": job_id, **carried}, {"_id": 1}) is not None

    async def _there(self, file_id: UUID) -> StoredFile:
        stored = await self._files.info(file_id)
        if stored is None:
            raise _not_here()
        return stored


def file_problem(message: str, code: str) -> Problem:
    return field_problem([_wrong("file", message, code)])


def _examine(file: BinaryIO) -> tuple[tuple[FileType, ...], str]:
    """What it may be, and its fingerprint. Reads all of it; to be run beside the event loop."""
    types, digest = types_of(file), sha256()
    for piece in pieces(file):
        digest.update(piece)
    return types, digest.hexdigest()


def _agreed(name: str, types: tuple[FileType, ...]) -> FileType:
    """The type that content and name agree on. Raises `Problem` 415: a name that says something else is a trap for
    whoever saves the file.
    """
    if not types:
        raise Problem(415, "unsupported_type", f"Files of this type cannot be sent. Allowed: {ALLOWED}.")
    agreed = next((one for one in types if ending_of(name) in one.endings), None)
    if agreed is None:
        endings = ", ".join(f".{ending}" for one in types for ending in one.endings)
        raise Problem(415, "unsupported_type", f"By its content its name should end in {endings}. Allowed: {ALLOWED}.")
    return agreed


async def _read(upload: UploadFile) -> AsyncIterator[bytes]:
    await upload.seek(0)
    while piece := await upload.read(CHUNK_BYTES):
        yield piece


def _is_of(stored: StoredFile, who: Uploader) -> bool:
    return who.metadata().items() <= stored.metadata.items()


def _attachment(stored: StoredFile) -> Attachment:
    media_type = stored.metadata["media_type"]
    return Attachment(attachment_id=stored.file_id, name=stored.name, media_type=media_type, size=stored.size)


def _wrong(field: str, message: str, code: str) -> dict[str, str]:
    return {"field": field, "message": message, "code": code}


def _not_here() -> Problem:
    return Problem(404, "not_found", "There is no such file.")
