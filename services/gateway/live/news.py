"""What an event tells, and to whom."""

import json
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from services.gateway.api.views import MERCHANT_SEES, PARTNER_NEVER_SEES, shown_status
from services.gateway.read.tenants import MemberTenant
from shared.contracts.base import Event, Message
from shared.contracts.jobs import Job
from shared.contracts.requests import RequestKind

Key = MemberTenant | UUID
"""By what a listener is found: the jobs of a team that a member sees, or the merchant."""


@dataclass(frozen=True)
class Listener:
    """Who listens: a member of teams, with the version of each at which it was let in; a merchant; or both."""

    tenants: tuple[tuple[MemberTenant, int], ...] = ()
    merchant_id: UUID | None = None

    def keys(self) -> frozenset[Key]:
        teams = {tenant for tenant, _ in self.tenants}
        return frozenset(teams | {self.merchant_id} if self.merchant_id else teams)


@dataclass(frozen=True)
class News:
    """One event, as little as a page needs to fetch what changed. `number` counts what this replica has heard; `cursor`
    is what a page that comes back sends.
    """

    id: UUID
    number: int
    partition: int
    offset: int
    cursor: str
    type: str
    version: int
    job_id: UUID
    partner_id: UUID
    merchant_id: UUID
    known_to_merchant: bool
    assignees: tuple[UUID, ...]
    status: str
    merchants_status: str

    @classmethod
    def of(cls, event: Event[Message, Job], number: int, place: tuple[int, int], cursor: str) -> "News":
        job = event.snapshot
        return cls(
            id=event.id,
            number=number,
            partition=place[0],
            offset=place[1],
            cursor=cursor,
            type=event.type,
            version=event.version,
            job_id=job.job_id,
            partner_id=job.partner_id,
            merchant_id=job.details.merchant.merchant_id,
            known_to_merchant=job.introduced or job.details.kind is RequestKind.DIRECT,
            assignees=job.assignees,
            status=job.status.value,
            merchants_status=shown_status(job).value,
        )

    @cached_property
    def for_team(self) -> bytes | None:
        """The frame for whoever `teams` finds, if there is anything to say."""
        return self._frame(self.status) if self.type not in PARTNER_NEVER_SEES else None

    @cached_property
    def for_merchant(self) -> bytes | None:
        """The frame for the merchant, unless it must not know."""
        shown = self.known_to_merchant and self.type in MERCHANT_SEES
        return self._frame(self.merchants_status) if shown else None

    def teams(self) -> list[Key]:
        """The members who see this job."""
        return [MemberTenant(self.partner_id, only) for only in (None, *self.assignees)]

    def frame_for(self, keys: frozenset[Key]) -> bytes | None:
        """What a listener with these keys may know of it, if anything. Who is on both sides hears it as the team."""
        if not keys.isdisjoint(self.teams()):
            return self.for_team
        return self.for_merchant if self.merchant_id in keys else None

    def _frame(self, status: str) -> bytes:
        shown = {"job_id": str(self.job_id), "type": self.type, "version": self.version, "status": status}
        return frame("job", self.cursor, shown)


def frame(name: str, cursor: str, data: object, retry: int | None = None) -> bytes:
    """One server-sent event. `retry` is in milliseconds."""
    again = f"retry: {retry}\n" if retry is not None else ""
    return f"event: {name}\ndata: {json.dumps(data)}\nid: {cursor}\n{again}\n".encode()
