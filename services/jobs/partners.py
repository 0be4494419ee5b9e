"""What a job follows of its partner: whoever leaves the team loses its jobs, and a merchant's block closes every job
between the two.

Both sides of each pair are watched. A change of the partner is remembered first and then looked for in the jobs; a job
that is new or newly assigned is in the database first and then held against what is remembered. Reads and writes are at
majority, so of two that happen at the same moment at least one sees the other.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.commands import Order, ordered
from shared.consumer import Received
from shared.contracts.base import SYSTEM
from shared.contracts.jobs import CloseJob, DeclineReason, Job, JobCreated, MembersAssigned, UnassignMember
from shared.contracts.partners import MOST_BLOCKS, Partner, PartnerChanged
from shared.mongo import Collection, Database, replace_if_newer
from shared.publisher import Outgoing, Publisher
from shared.topics import JOB_COMMANDS

COLLECTION = "partners"


async def prepare(jobs: Collection) -> None:
    await jobs.create_index([("partner_id", 1), ("merchant_id", 1)])
    await jobs.create_index([("partner_id", 1), ("state.assignees", 1)])


class PartnerWatch:
    """A `shared.consumer.Handler` of `partners` and `jobs.events`."""

    def __init__(self, database: Database, jobs: Collection, publisher: Publisher) -> None:
        self._partners = database[COLLECTION]
        self._jobs = jobs
        self._publisher = publisher

    async def __call__(self, batch: Sequence[Received]) -> None:
        changed = [received for received in batch if isinstance(received.record.fact, PartnerChanged)]
        moved = [received for received in batch if isinstance(received.record.fact, JobCreated | MembersAssigned)]
        orders = [*await self._on_partners(changed), *await self._on_jobs(moved)]
        await self._publisher.publish(orders)

    async def _on_partners(self, changed: Sequence[Received]) -> list[Outgoing]:
        if not changed:
            return []
        writes = [_remembered(received.record.snapshot) for received in changed]
        await self._partners.bulk_write(writes, ordered=False)
        orders: list[Outgoing] = []
        for received in changed:
            fact, partner_id = received.record.fact, received.record.subject
            if blocked := _blocking(fact):
                between = {"partner_id": partner_id, "merchant_id": {"$in": blocked}}
                jobs = [job["_id"] async for job in self._jobs.find(between, {"_id": 1})]
                orders += _ordered(received, [_closed(job_id) for job_id in jobs])
            if fact.removed is not None:
                leaver = fact.removed.member_id
                theirs = {"partner_id": partner_id, "state.assignees": str(leaver)}
                jobs = [job["_id"] async for job in self._jobs.find(theirs, {"_id": 1})]
                orders += _ordered(received, [_unassigned(job_id, leaver) for job_id in jobs])
        return orders

    async def _on_jobs(self, moved: Sequence[Received]) -> list[Outgoing]:
        wanted = {received.record.snapshot.partner_id for received in moved}
        if not wanted:
            return []
        known = {one["_id"]: one async for one in self._partners.find({"_id": {"$in": list(wanted)}})}
        orders: list[Outgoing] = []
        for received in moved:
            job: Job = received.record.snapshot
            partner = known.get(job.partner_id)
            if partner is not None:
                blocked_by = [*partner["blocked_by"], *await self._blocked_long_ago(job, partner["blocked_by"])]
                orders += _ordered(received, _due(job, received.record.fact, blocked_by, partner["members"]))
        return orders

    async def _blocked_long_ago(self, job: Job, blocked_by: Sequence[UUID]) -> list[UUID]:
        """The job's merchant, if its block is so old that the partner's record does not name it any more: who blocks
        has a job with the partner, and that job remembers it.
        """
        merchant_id = job.details.merchant.merchant_id
        if len(blocked_by) < MOST_BLOCKS or merchant_id in blocked_by:
            return []
        between = {"partner_id": job.partner_id, "merchant_id": merchant_id, "state.blocked": True}
        return [merchant_id] if await self._jobs.find_one(between, {"_id": 1}) else []


def _due(
    job: Job, fact: JobCreated | MembersAssigned, blocked_by: Sequence[UUID], members: Sequence[UUID]
) -> Iterable[Order]:
    """What has to be done to a job that is new or newly assigned."""
    if isinstance(fact, MembersAssigned):
        for member_id in fact.added:
            if member_id not in members:
                yield _unassigned(job.job_id, member_id)
    elif job.details.merchant.merchant_id in blocked_by:
        yield _closed(job.job_id)


def _blocking(fact: PartnerChanged) -> list[UUID]:
    """Who has just blocked the partner; all who have, in records that do not say which of them it was."""
    return [fact.blocked] if fact.blocked is not None else list(fact.blocked_by or ())


def _closed(job_id: UUID) -> Order:
    return Order(job_id, CloseJob(reason=DeclineReason.BLOCKED, actor=SYSTEM))


def _unassigned(job_id: UUID, member_id: UUID) -> Order:
    return Order(job_id, UnassignMember(member_id=member_id, actor=SYSTEM), part=member_id)


def _ordered(received: Received, orders: Iterable[Order]) -> list[Outgoing]:
    return ordered("jobs", JOB_COMMANDS, received.record, orders)


def _remembered(partner: Partner) -> Any:
    fields = {
        "blocked_by": list(partner.blocked_by),
        "members": [member.member_id for member in partner.members if member.joined],
    }
    return replace_if_newer(partner.partner_id, partner.version, fields)
