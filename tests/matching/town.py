"""A small town of partners with habits, and matching by itself among them. Time passes as requests come in."""

import heapq
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from services.jobs.job import evolve
from services.matching.offline import Matcher
from services.matching.weights import Weights
from shared.contracts.base import ActorKind, Message, derived_id
from shared.contracts.jobs import Decline, DeclineReason, Job, JobCreated, JobDeclined, JobExpired, job_id_of
from shared.contracts.matching import RequestMatched
from shared.contracts.partners import Partner, PartnerChanged
from shared.contracts.requests import RequestDetails, RequestSubmitted
from shared.settings import Settings
from shared.topics import MATCHES
from tests.builders import BY_PARTNER, HOUR, NOW, a_request, an_event, details, replied

REPLIES = "replies"
EXPIRES = "expires"
Habit = Callable[[RequestDetails, int], str]
"""What a partner does with its so-and-so-many-th job: `REPLIES`, `EXPIRES`, or the reason why it declines."""


def willing(_details: RequestDetails, _number: int) -> str:
    return REPLIES


class Town:
    """Partners and their habits; `asked` counts who was asked for which service since it was last cleared."""

    def __init__(self, habits: dict[str, Habit], partners: list[Partner], **options: Any) -> None:
        self.partners = {partner.partner_id: partner for partner in partners}
        self.habits = habits
        self.asked: Counter[tuple[str, str]] = Counter()
        self.jobs = Counter[str]()
        self.at = NOW
        self.log: list[Any] = []
        self.said: list[bytes] = []
        weights = options.pop("weights", Weights())
        self.matcher = Matcher(Settings(partners_per_wave=4, waves=1, **options), weights)
        self._later: list[tuple[datetime, int, Job, str]] = []
        self._number = count()

    async def opens(self) -> None:
        for partner in self.partners.values():
            await self._hears(an_event(PartnerChanged(), partner, subject=partner.partner_id, at=self.at))

    async def lives(self, requests: int, service: str = "seo", every: timedelta = 6 * HOUR, **fields: Any) -> None:
        """So many requests come in, one by one; what was asked before is answered meanwhile."""
        for _ in range(requests):
            await self.passes(every)
            number = next(self._number)
            request_id = derived_id("town", number)
            request = a_request(
                request_id=request_id, details=details(service=service, **fields), submitted_at=self.at, version=1
            )
            submitted = RequestSubmitted(details=request.details, confirm_within_seconds=None)
            await self._hears(an_event(submitted, request, subject=request_id, at=self.at))

    async def passes(self, time: timedelta) -> None:
        until = self.at + time
        while self._later and self._later[0][0] <= until:
            self.at, _, job, act = heapq.heappop(self._later)
            await self._answers(job, act)
        self.at = until

    async def _hears(self, event: Any) -> None:
        self.log.append(event)
        for one in await self.matcher.take(event):
            said = MATCHES.codec.decode(one.value)
            self.said.append(one.value)
            if isinstance(said.fact, RequestMatched):
                self.log.append(said)
                for selection in said.fact.selections:
                    self._gets(said.snapshot.request_id, selection.partner_id, said.fact.details)

    def _gets(self, request_id: UUID, partner_id: UUID, about: RequestDetails) -> None:
        name = self.partners[partner_id].profile.name
        self.asked[name, about.service] += 1
        self.jobs[name] += 1
        created = JobCreated(
            request_id=request_id,
            partner_id=partner_id,
            details=about,
            reply_window_seconds=72 * 3600,
            remind_before_seconds=(),
        )
        job = evolve(None, created, job_id_of(request_id, partner_id), self.at).model_copy(update={"version": 1})
        act = self.habits.get(name, willing)(about, self.jobs[name])
        due = self.at + (72 if act == EXPIRES else 5) * HOUR
        heapq.heappush(self._later, (due, next(self._number), job, act))

    async def _answers(self, job: Job, act: str) -> None:
        fact: Message
        if act == REPLIES:
            fact = replied()
        elif act == EXPIRES:
            fact = JobExpired()
        else:
            decline = Decline(by=ActorKind.PARTNER, reason=DeclineReason(act))
            fact = JobDeclined(decline=decline, actor=BY_PARTNER)
        after = evolve(job, fact, job.job_id, self.at).model_copy(update={"version": job.version + 1})
        await self._hears(an_event(fact, after, subject=job.job_id, at=self.at))
