"""What each member has read. Not a read model: no topic carries it, and it is kept when read models are rebuilt."""

from collections.abc import Sequence
from uuid import UUID

from pymongo import UpdateOne

from shared.contracts.jobs import Job
from shared.mongo import Database

COLLECTION = "read_marks"


class ReadMarks:
    """How many messages and comments of each job a member has seen."""

    def __init__(self, database: Database) -> None:
        self._marks = database[COLLECTION]

    async def unread(self, member_id: UUID, jobs: Sequence[Job]) -> dict[UUID, int]:
        """The number of messages and comments that are new to the member, by job."""
        seen = await self.seen(member_id, [job.job_id for job in jobs])
        return {job.job_id: max(said(job) - seen[job.job_id], 0) for job in jobs}

    async def seen(self, member_id: UUID, job_ids: Sequence[UUID]) -> dict[UUID, int]:
        """How many messages and comments the member has seen, by job."""
        keys = {_key(member_id, job_id): job_id for job_id in job_ids}
        found = {one["_id"]: one["seen"] async for one in self._marks.find({"_id": {"$in": list(keys)}})}
        return {job_id: found.get(key, 0) for key, job_id in keys.items()}

    async def mark(self, member_id: UUID, job_id: UUID, version: int, seen: int) -> None:
        """The member has seen so many messages and comments. Fewer than before change nothing.

        It is the number that only grows, not the job's version: the timeline may be behind a snapshot, so that more is
        shown later of the same version. `version` is kept for a release beside this one that goes by it.
        """
        highest = {name: _higher(name, value) for name, value in (("version", version), ("seen", seen))}
        await self._marks.bulk_write(
            [UpdateOne({"_id": _key(member_id, job_id)}, [{"$set": highest}], upsert=True)], ordered=False
        )


def said(job: Job) -> int:
    return job.messages + job.comments


def _higher(name: str, value: int) -> dict[str, object]:
    before = {"$ifNull": [f"${name}", -1]}
    return {"$cond": [{"$gt": [value, before]}, value, before]}


def _key(member_id: UUID, job_id: UUID) -> bytes:
    return member_id.bytes + job_id.bytes
