"""What each member has read. Not a read model: no topic carries it, and it is kept when read models are rebuilt."""

from collections.abc import Sequence
from uuid import UUID

from shared.contracts.jobs import Job
from shared.mongo import Database, replace_if_newer

COLLECTION = "read_marks"


class ReadMarks:
    """How many messages and comments of each job a member has seen."""

    def __init__(self, database: Database) -> None:
        self._marks = database[COLLECTION]

    async def unread(self, member_id: UUID, jobs: Sequence[Job]) -> dict[UUID, int]:
        """The number of messages and comments that are new to the member, by job."""
        keys = {_key(member_id, job.job_id): job for job in jobs}
        seen = {one["_id"]: one["seen"] async for one in self._marks.find({"_id": {"$in": list(keys)}})}
        return {job.job_id: max(said(job) - seen.get(key, 0), 0) for key, job in keys.items()}

    async def mark(self, member_id: UUID, job_id: UUID, version: int, seen: int) -> None:
        """The member has read the job as it was at this version, with so many messages and comments. An older version
        changes nothing.
        """
        await self._marks.bulk_write(
            [replace_if_newer(_key(member_id, job_id), version, {"seen": seen})], ordered=False
        )


def said(job: Job) -> int:
    return job.messages + job.comments


def _key(member_id: UUID, job_id: UUID) -> bytes:
    return member_id.bytes + job_id.bytes
