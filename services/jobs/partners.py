"""What a job follows of its partner: whoever leaves the team loses its jobs, a merchant's block closes every job
between the two, and a suspension closes all that the partner has.

Both sides of each pair are watched. A change of the partner is remembered first and then looked for in the jobs; a job
that is new or newly assigned is in the database first and then held against what is remembered. Reads and writes are at
majority, so of two that happen at the same moment at least one sees the other.

The two topics have no order between them. Whoever is assigned may have joined at a version that has not been heard yet,
so what counts is who *left*, and at which version: an assignment of anybody else stands, and so does that of somebody
who was seen in the team later than that (`Job.team_versions`), or who is known to be back. Whoever comes back has the
same member id.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from services.jobs.table import CLOSED
from shared.commands import Order, ordered
from shared.contracts.base import SYSTEM, Event
from shared.contracts.jobs import CloseJob, DeclineReason, Job, JobCreated, MembersAssigned, UnassignMember
from shared.contracts.partners import MOST_BLOCKS, Partner, PartnerChanged
from shared.mongo import Collection, Database, Document, replace_if_newer
from shared.publisher import Outgoing, Publisher
from shared.records import Received
from shared.topics import JOB_COMMANDS

_OVER = [status.value for status in CLOSED]
COLLECTION, LEAVERS = "partners", "partner_leavers"


async def prepare(jobs: Collection) -> None:
    await jobs.create_index([("partner_id", 1), ("merchant_id", 1)])
    await jobs.create_index([("partner_id", 1), ("state.assignees", 1)])


class PartnerWatch:
    """A `shared.consumer.Handler` of `partners` and `jobs.events`."""

    def __init__(self, database: Database, jobs: Collection, publisher: Publisher) -> None:
        self._partners = database[COLLECTION]
        self._leavers = database[LEAVERS]
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
        left = [_left(received.record) for received in changed if received.record.fact.removed is not None]
        if left:
            await self._leavers.bulk_write(left, ordered=False)
        await self._partners.bulk_write([_remembered(one.record.snapshot) for one in changed], ordered=False)
        known = await self._known({received.record.subject for received in changed})
        orders: list[Outgoing] = []
        for received in changed:
            orders += _ordered(
                received,
                [
                    *await self._suspended(received.record, known),
                    *await self._blocked(received.record),
                    *await self._gone(received.record, known),
                ],
            )
        return orders

    async def _suspended(self, event: Event[PartnerChanged, Partner], known: dict[UUID, Document]) -> list[Order]:
        """As the snapshot has it, not the fact: of a compacted log the last record of a partner is what is left. One
        that is read again after the partner was restored closes nothing.
        """
        if event.snapshot.suspended is None or not known[event.subject].get("suspended", False):
            return []
        theirs = {"partner_id": event.subject, "state.suspended": {"$ne": True}, "state.status": {"$nin": _OVER}}
        return [_closed(job["_id"], DeclineReason.SUSPENDED) async for job in self._jobs.find(theirs, {"_id": 1})]

    async def _blocked(self, event: Event[PartnerChanged, Partner]) -> list[Order]:
        blocked = _blocking(event.fact)
        if not blocked:
            return []
        between = {"partner_id": event.subject, "merchant_id": {"$in": blocked}}
        return [_closed(job["_id"], DeclineReason.BLOCKED) async for job in self._jobs.find(between, {"_id": 1})]

    async def _gone(self, event: Event[PartnerChanged, Partner], known: dict[UUID, Document]) -> list[Order]:
        removed = event.fact.removed
        if removed is None or _is_back(known.get(event.subject), removed.member_id, event.version):
            return []
        theirs = {"partner_id": event.subject, "state.assignees": str(removed.member_id)}
        jobs = [job["_id"] async for job in self._jobs.find(theirs, {"_id": 1})]
        return [_unassigned(job_id, removed.member_id, event.version) for job_id in jobs]

    async def _on_jobs(self, moved: Sequence[Received]) -> list[Outgoing]:
        if not moved:
            return []
        leavers = await self._leavers_among(moved)
        known = await self._known({received.record.snapshot.partner_id for received in moved})
        orders: list[Outgoing] = []
        for received in moved:
            job, fact = received.record.snapshot, received.record.fact
            partner = known.get(job.partner_id)
            if isinstance(fact, MembersAssigned):
                orders += _ordered(received, _assigned_in_vain(job, fact, leavers, partner))
            elif partner is not None and partner.get("suspended", False):
                orders += _ordered(received, [_closed(job.job_id, DeclineReason.SUSPENDED)])
            elif partner is not None and await self._has_blocked(job, partner["blocked_by"]):
                orders += _ordered(received, [_closed(job.job_id, DeclineReason.BLOCKED)])
        return orders

    async def _has_blocked(self, job: Job, blocked_by: Sequence[UUID]) -> bool:
        """Whether the job's merchant has blocked its partner. A block may be so old that the partner's record does not
        name it any more: who blocks has a job with the partner, and that job remembers it.
        """
        merchant_id = job.details.merchant.merchant_id
        if len(blocked_by) < MOST_BLOCKS or merchant_id in blocked_by:
            return merchant_id in blocked_by
        between = {"partner_id": job.partner_id, "merchant_id": merchant_id, "state.blocked": True}
        return await self._jobs.find_one(between, {"_id": 1}) is not None

    async def _known(self, partner_ids: set[UUID]) -> dict[UUID, Document]:
        found = self._partners.find({"_id": {"$in": list(partner_ids)}})
        return {one["_id"]: one async for one in found}

    async def _leavers_among(self, moved: Sequence[Received]) -> dict[bytes, int]:
        """At which version those left who are assigned here, as far as they are known to have left."""
        keys = {
            _key(received.record.snapshot.partner_id, member_id)
            for received in moved
            if isinstance(received.record.fact, MembersAssigned)
            for member_id in received.record.fact.member_ids
        }
        if not keys:
            return {}
        return {one["_id"]: one["version"] async for one in self._leavers.find({"_id": {"$in": list(keys)}})}


def _assigned_in_vain(
    job: Job, fact: MembersAssigned, leavers: dict[bytes, int], partner: Document | None
) -> Iterable[Order]:
    """To be taken from whoever has left. The job looks again whether they were seen in the team later."""
    for member_id in fact.member_ids:
        left = leavers.get(_key(job.partner_id, member_id))
        if left is None or fact.team_versions.get(member_id, 0) > left or _is_back(partner, member_id, left):
            continue
        yield _unassigned(job.job_id, member_id, left)


def _blocking(fact: PartnerChanged) -> list[UUID]:
    """Who has just blocked the partner; all who have, in records that do not say which of them it was."""
    return [fact.blocked] if fact.blocked is not None else list(fact.blocked_by or ())


def _is_back(partner: Document | None, member_id: UUID, left_version: int) -> bool:
    """Whether this member, who left at that version, is known to be in the team at a later one."""
    return partner is not None and partner["version"] > left_version and member_id in partner["members"]


def _closed(job_id: UUID, reason: DeclineReason) -> Order:
    return Order(job_id, CloseJob(reason=reason, actor=SYSTEM))


def _unassigned(job_id: UUID, member_id: UUID, left_version: int) -> Order:
    command = UnassignMember(member_id=member_id, left_version=left_version, actor=SYSTEM)
    return Order(job_id, command, part=member_id)


def _left(event: Event[PartnerChanged, Partner]) -> Any:
    """To be remembered, whatever the order in which one's leavings are heard."""
    assert event.fact.removed is not None
    return replace_if_newer(_key(event.subject, event.fact.removed.member_id), event.version, {})


def _key(partner_id: UUID, member_id: UUID) -> bytes:
    return partner_id.bytes + member_id.bytes


def _ordered(received: Received, orders: Iterable[Order]) -> list[Outgoing]:
    return ordered("jobs", JOB_COMMANDS, received.record, orders)


def _remembered(partner: Partner) -> Any:
    fields = {
        "blocked_by": list(partner.blocked_by),
        "members": [member.member_id for member in partner.members if member.joined],
        "suspended": partner.suspended is not None,
    }
    return replace_if_newer(partner.partner_id, partner.version, fields)
