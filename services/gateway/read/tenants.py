"""Whose jobs are meant, as a part of each query: nobody's job is fetched and then hidden."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.gateway.accounts import Membership
from shared.contracts.jobs import Job

Query = dict[str, Any]


@dataclass(frozen=True)
class MemberTenant:
    """The jobs of a partner; `only` of those that are assigned to this member."""

    partner_id: UUID
    only: UUID | None = None

    def query(self) -> Query:
        return {"partner_id": self.partner_id, **self.assigned()}

    def assigned(self) -> Query:
        return {"assignees": str(self.only)} if self.only else {}

    def sees(self, job: Job) -> bool:
        """Whether `query` would find this job."""
        return job.partner_id == self.partner_id and self.only in (None, *job.assignees)


def member_tenant(member: Membership) -> MemberTenant:
    only = member.member.member_id if member.member.assigned_only else None
    return MemberTenant(member.partner.partner_id, only)


def merchant_tenant(merchant_id: UUID) -> Query:
    """A merchant's jobs that it may know of: introduced, or asked for by name."""
    return {"merchant_id": merchant_id, "$or": [{"introduced": True}, {"kind": "direct"}]}
