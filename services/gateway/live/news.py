"""What an event tells, and to whom."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from services.gateway.api.views import shown_status
from services.gateway.read.tenants import MemberTenant
from shared.contracts.base import ActorKind, Event, Message
from shared.contracts.jobs import Job
from shared.contracts.seen import sees

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
    is what a page that comes back sends. A side to which there is nothing to say is shown nothing.
    """

    id: UUID
    number: int
    partition: int
    offset: int
    cursor: str
    type: str
    job_id: UUID
    partner_id: UUID
    merchant_id: UUID
    assignees: tuple[UUID, ...]
    to_team: "Shown | None"
    to_merchant: "Shown | None"

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
            job_id=job.job_id,
            partner_id=job.partner_id,
            merchant_id=job.details.merchant.merchant_id,
            assignees=job.assignees,
            to_team=_shown(event, ActorKind.PARTNER),
            to_merchant=_shown(event, ActorKind.MERCHANT) if job.known_to_merchant else None,
        )

    @cached_property
    def for_team(self) -> bytes | None:
        """The frame for whoever `teams` finds, if there is anything to say."""
        return self._frame(self.to_team) if self.to_team else None

    @cached_property
    def for_merchant(self) -> bytes | None:
        """The frame for the merchant, unless it must not know."""
        return self._frame(self.to_merchant) if self.to_merchant else None

    def teams(self) -> list[Key]:
        """The members who see this job."""
        return [MemberTenant(self.partner_id, only) for only in (None, *self.assignees)]

    def frame_for(self, keys: frozenset[Key]) -> bytes | None:
        """What a listener with these keys may know of it, if anything. Who is on both sides hears it as the team."""
        if not keys.isdisjoint(self.teams()):
            return self.for_team
        return self.for_merchant if self.merchant_id in keys else None

    def _frame(self, shown: "Shown") -> bytes:
        return frame("job", self.cursor, {"job_id": str(self.job_id), "type": self.type, **shown._asdict()})


class Shown(NamedTuple):
    """What a side is told of the job: its version as this side counts, and its status as this side sees it."""

    version: int
    status: str


def _shown(event: Event[Message, Job], side: ActorKind) -> Shown | None:
    if not sees(side, event.fact):
        return None
    job = event.snapshot
    status = shown_status(job) if side is ActorKind.MERCHANT else job.status
    return Shown(job.version_for(side), status.value)


def frame(name: str, cursor: str, data: object, retry: int | None = None) -> bytes:
    """One server-sent event. `retry` is in milliseconds."""
    again = f"retry: {retry}\n" if retry is not None else ""
    return f"event: {name}\ndata: {json.dumps(data)}\nid: {cursor}\n{again}\n".encode()
