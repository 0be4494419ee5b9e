"""The files of a job's conversation: taken from one side, sent with a message, given to the two sides alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, BinaryIO, Self
from uuid import UUID

from starlette.datastructures import UploadFile

from services.gateway.file_names import clean_name, ending_of
from services.gateway.file_types import ALLOWED, FileType, pieces, types_of
from services.gateway.read.projections import JOBS, TIMELINE
from services.gateway.scanning import Scan
from shared.aggregate import KEY_REUSED
from shared.clock import Clock
from shared.contracts.base import ActorKind, derived_id
from shared.contracts.jobs import Attachment, JobReplied, MerchantReplied
from shared.files import CHUNK_BYTES, Files, StoredFile
from shared.http import Problem, field_problem
from shared.mongo import Database
from shared.settings import Settings

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_PER_MESSAGE = 10
MAX_PER_PERSON_AND_JOB = 200
KEPT_UNSENT = timedelta(hours=24)
KEPT_UNDECIDED = timedelta(days=30)
"""How long a file stays whose message nobody has heard of: far longer than its command can be on its way."""
LOOKED_AT = 100
"""How many of those are looked at in one go, and again after a day if it cannot be told yet."""
MB = 1024 * 1024

_CARRIES = [JobReplied.__name__, MerchantReplied.__name__]
"""The facts whose attachments both sides may have. Files of anything else stay where they are."""


@dataclass(frozen=True)
class Uploader:
    """A person on one side of a job that this person has been allowed to see."""

    job_id: UUID
    side: ActorKind
    by: UUID
    organisation: UUID | None = None

    def metadata(self) -> dict[str, UUID | str]:
        """What makes a file this person's."""
        return {"job_id": self.job_id, "side": self.side.value, "by": self.by}


@dataclass(frozen=True)
class Quotas:
    """How many MB the files of one side of a job may have together, those of a person, and those of an organisation."""

    job: int
    person: int
    organisation: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.files_per_job_mb, settings.files_per_person_mb, settings.files_per_organisation_mb)


class Attachments:
    """With `scans` a file waits for the scanner (`scanning.py`) before anybody can have it."""

    def __init__(self, files: Files, database: Database, clock: Clock, quotas: Quotas, *, scans: bool = False) -> None:
        self._scans = scans
        self._files = files
        self._jobs = database[JOBS]
        self._timeline = database[TIMELINE]
        self._clock = clock
        self._quotas = quotas

    async def take(self, who: Uploader, upload: UploadFile, upload_id: UUID) -> Attachment:
        """Check and store a file that waits to be sent. The same file with the same `upload_id` is the same
        attachment, another one is refused. Raises `Problem` 413, 415, 422 and 409; then nothing is stored.
        """
        if (upload.size or 0) > MAX_FILE_BYTES:
            raise Problem(413, "too_large", f"A file can have up to {MAX_FILE_BYTES // 1024**2} MB.")
        if not upload.size:
            raise file_problem("This file is empty.", "empty")
        types, digest = await asyncio.to_thread(_examine, upload.file)
        name = clean_name(upload.filename or "")
        file_type = _agreed(name, types)
        file_id = derived_id("attachment", upload_id, digest)
        upload_of: dict[str, UUID | str] = {"upload": upload_id, "content": f"{digest} {name}"}
        if await self._is_reused(upload_of):
            raise Problem(422, KEY_REUSED, "This key was used before, for another file. Use a new one.")
        if (
            await self._files.info(file_id) is None
            and await self._files.count(who.metadata()) >= MAX_PER_PERSON_AND_JOB
        ):
            raise Problem(409, "too_many_files", f"You can add up to {MAX_PER_PERSON_AND_JOB} files to one job.")
        metadata = who.metadata() | upload_of | {"organisation": who.organisation, "media_type": file_type.media_type}
        if self._scans:
            metadata |= {"scan": Scan.PENDING.value}
        if await self._files.info(file_id) is None:
            fresh = await self._files.begin(file_id, name, upload.size, metadata)
            await self._check_quotas(who, file_id, fresh=fresh)
            await self._files.put(file_id, name, _read(upload), metadata)
        return _attachment(await self._there(file_id))

    async def _check_quotas(self, who: Uploader, file_id: UUID, *, fresh: bool) -> None:
        """Raises `Problem` 409 if the file that has just been begun is too much. It is counted before it is checked, so
        that many at once cannot slip in together.
        """
        side = {"side": who.side.value}
        scopes: list[tuple[dict[str, Any], int, str]] = [
            ({"job_id": who.job_id, **side}, self._quotas.job, "Your side's files on this job"),
            ({"by": who.by, **side}, self._quotas.person, "Your files"),
        ]
        if who.organisation is not None:
            scopes.append(({"organisation": who.organisation, **side}, self._quotas.organisation, "Your team's files"))
        for scope, most, whose in scopes:
            if await self._files.total(scope) > most * MB:
                if fresh:
                    await self._files.delete(file_id)
                advice = "Send a link to it instead; what was uploaded and not sent is gone after a day."
                raise Problem(409, "quota_exceeded", f"{whose} may have {most} MB together. {advice}")

    async def chosen(self, job_id: UUID, side: ActorKind, by: UUID, ids: list[UUID]) -> tuple[Attachment, ...]:
        """The attachments of a message that is about to be sent, each once; from now on they are kept. Raises `Problem`
        422 for one that this person has not uploaded to this job.

        They stay kept even if the message is refused: its command may be on its way for days. `tidy` decides later.
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
        _check_scan(stored)
        return stored, self._files.read(attachment_id)

    async def tidy(self) -> None:
        """Delete what was uploaded and not sent within a day, and what was sent with a message that was refused."""
        now = self._clock.now()
        await self._files.forget(now - KEPT_UNSENT)
        for stored in await self._files.undecided(now - KEPT_UNDECIDED, LOOKED_AT):
            job_id = stored.metadata["job_id"]
            if await self._was_sent(job_id, stored.file_id):
                await self._files.decide(stored, None)
            elif await self._is_whole(job_id):
                await self._files.drop(stored)
            else:
                await self._files.decide(stored, now - KEPT_UNDECIDED + timedelta(days=1))

    async def _is_whole(self, job_id: UUID) -> bool:
        """Whether the read model has all that the job has told: while it is built anew, a file that was sent looks as
        if it had not been.
        """
        job = await self._jobs.find_one({"_id": job_id}, {"version": 1})
        return job is not None and await self._timeline.count_documents({"job_id": job_id}) == job["version"]

    async def _is_reused(self, upload_of: dict[str, UUID | str]) -> bool:
        """Whether something else was uploaded under this id. Of two at the same moment both may be taken: then each is
        an attachment of its own.
        """
        under_it = await self._files.count({"upload": upload_of["upload"]})
        return under_it > 0 and under_it > await self._files.count(upload_of)

    async def _was_sent(self, job_id: UUID, attachment_id: UUID) -> bool:
        carried = {"fact.attachments.attachment_id": str(attachment_id), "type": {"$in": _CARRIES}}
        return await self._timeline.find_one({"job_id": job_id, **carried}, {"_id": 1}) is not None

    async def _there(self, file_id: UUID) -> StoredFile:
        stored = await self._files.info(file_id)
        if stored is None:
            raise _not_here()
        return stored


def _check_scan(stored: StoredFile) -> None:
    match stored.metadata.get("scan"):
        case Scan.PENDING.value:
            raise Problem(423, "being_scanned", "This file is still being scanned. Try again soon.", retry_after=10)
        case Scan.INFECTED.value:
            raise Problem(410, "infected", "The scanner found something harmful in this file, so it was deleted.")


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
