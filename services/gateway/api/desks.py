"""Each side's way to the door of its jobs, and a member's to that of the organisation. A job's tenant is looked up
first, and the answer comes back as this side's view.
"""

from collections.abc import Sequence
from uuid import UUID

from starlette.responses import Response

from services.gateway.accounts import Membership, Merchant
from services.gateway.api.asking import Origin, asked
from services.gateway.api.views import JobView, MerchantJobView, merchant_view, partner_view
from services.gateway.limits import ActLimits, Counting
from services.gateway.marks import ReadMarks, said
from services.gateway.read.reading import Reading
from services.gateway.read.tenants import member_tenant, merchant_tenant
from shared.commands import Commander
from shared.contracts.base import ActorKind, Message
from shared.contracts.jobs import AddComment, Job, SendMessage
from shared.contracts.leads import Lead
from shared.contracts.partners import Partner
from shared.http import Problem
from shared.topics import JOB_COMMANDS, PARTNER_COMMANDS


def counting(member: Membership, *, subject: str = "", target: str = "") -> Counting:
    """A member's act, as the limits count it."""
    return Counting(
        person=str(member.member.member_id),
        organisation=str(member.partner.partner_id),
        subject=subject,
        target=target,
    )


class PartnerDesk:
    def __init__(self, commander: Commander, reading: Reading, marks: ReadMarks, limits: ActLimits) -> None:
        self._limits = limits
        self._commander = commander
        self._reading = reading
        self._marks = marks

    async def job(self, member: Membership, job_id: UUID) -> Job:
        """A job that this member may see. Raises `Problem` 404."""
        return await self._reading.job(member_tenant(member).query(), job_id)

    async def lead(self, member: Membership, lead_id: UUID) -> Lead:
        """A lead that this member may see: who sees assigned jobs only sees none. Raises `Problem` 404."""
        if member.member.assigned_only:
            raise Problem(404, "not_found", "There is no such lead.")
        return await self._reading.lead(member.partner.partner_id, lead_id)

    async def ask(self, member: Membership, job_id: UUID, data: Message, origin: Origin) -> JobView | Response:
        """The job after the command, or the 202; raises `Problem` as `asked` does, and 404."""
        before = await self.job(member, job_id)
        await self._limits.count(type(data), counting(member, subject=str(job_id)))
        writes = isinstance(data, SendMessage | AddComment)
        there = await self._reading.said(before) if writes else 0
        who, location = str(member.member.member_id), f"/api/v1/jobs/{job_id}"
        answer = await asked(self._commander, JOB_COMMANDS, data, job_id, who=who, origin=origin, location=location)
        if isinstance(answer, Response):
            return answer
        job = Job.model_validate(answer.snapshot)
        if writes:
            await self._has_written(member.member.member_id, job, there)
        return partner_view(job)

    async def _has_written(self, member_id: UUID, job: Job, there: int) -> None:
        """Who writes has read what was `there` to be shown, and knows its own words; what came from others meanwhile is
        new.
        """
        now = said(job)
        seen = (await self._marks.seen(member_id, [job.job_id]))[job.job_id]
        version = job.version_for(ActorKind.PARTNER)
        await self._marks.mark(member_id, job.job_id, version, min(now, max(seen, there) + 1))


class TeamDesk:
    """A member's way to the door of the organisation."""

    def __init__(self, commander: Commander, limits: ActLimits) -> None:
        self._commander = commander
        self._limits = limits

    async def ask(
        self, member: Membership, data: Message, origin: Origin, *, location: str, target: str = ""
    ) -> Partner | Response:
        """The organisation after the command, or the 202; raises `Problem` as `asked` does."""
        await self._limits.count(type(data), counting(member, target=target))
        who, partner_id = str(member.member.member_id), member.partner.partner_id
        return await self.tell(partner_id, data, who=who, origin=origin, location=location)

    async def tell(
        self, partner_id: UUID, data: Message, *, who: str, origin: Origin, location: str
    ) -> Partner | Response:
        """The same for whoever is no member yet. Nothing is counted."""
        answer = await asked(
            self._commander, PARTNER_COMMANDS, data, partner_id, who=who, origin=origin, location=location
        )
        return answer if isinstance(answer, Response) else Partner.model_validate(answer.snapshot)


class MerchantDesk:
    def __init__(self, commander: Commander, reading: Reading, limits: ActLimits) -> None:
        self._limits = limits
        self._commander = commander
        self._reading = reading

    async def job(self, merchant: Merchant, job_id: UUID) -> Job:
        """A job that this merchant may see. Raises `Problem` 404."""
        return await self._reading.job(merchant_tenant(merchant.merchant_id), job_id)

    async def ask(self, merchant: Merchant, job_id: UUID, data: Message, origin: Origin) -> MerchantJobView | Response:
        """As the partner's."""
        await self.job(merchant, job_id)
        await self._limits.count(type(data), Counting(person=str(merchant.merchant_id), subject=str(job_id)))
        who, location = str(merchant.merchant_id), f"/api/v1/merchant/jobs/{job_id}"
        answer = await asked(self._commander, JOB_COMMANDS, data, job_id, who=who, origin=origin, location=location)
        if isinstance(answer, Response):
            return answer
        return (await self.viewed([Job.model_validate(answer.snapshot)]))[0]

    async def viewed(self, jobs: Sequence[Job]) -> list[MerchantJobView]:
        """These jobs with their partners' names."""
        partners = await self._reading.partners([job.partner_id for job in jobs])
        return [merchant_view(job, partners.get(job.partner_id)) for job in jobs]
