"""A year of jobs, as the jobs service would have said it: its own rules decide, at times that are past.

The service itself could not be asked: its clock is the log's, so every job would be of this minute.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from pydantic_core import to_json

from deploy.bench.inbox.market import Team
from deploy.bench.inbox.texts import Voice
from services.jobs.job import decide, evolve
from shared.contracts.base import SYSTEM, Actor, ActorKind, Locale, Money, derived_id
from shared.contracts.codec import encode_parts
from shared.contracts.jobs import (
    PARTNERS_REASONS,
    AddComment,
    AssignMembers,
    CompleteJob,
    CreateJob,
    DeclineJob,
    ExpireJob,
    Job,
    JobCommand,
    MarkInactive,
    OpenJob,
    RemindJob,
    ReviewJob,
    SendMessage,
    job_id_of,
)
from shared.contracts.requests import Merchant, Priorities, RequestDetails, RequestKind, merchant_id_of
from shared.decisions import Rejection
from shared.publisher import Outgoing, key_of
from shared.topics import JOB_EVENTS

YEAR, WINDOW, HOUR = timedelta(days=365), timedelta(hours=72), timedelta(hours=1)
LOCALES = (Locale.EN,) * 60 + (Locale.FR,) * 20 + (Locale.JA,) * 20
IGNORED, DECLINED = 0.08, 0.12
ASSIGNED, COMMENTED, REVIEWED = 0.45, 0.3, 0.4
LONG = 0.01
"""How many conversations are long: more than twenty entries."""
ENDS = ("completed",) * 50 + ("inactive",) * 18 + ("declined",) * 6 + ("open",) * 26
REASONS = sorted(PARTNERS_REASONS)


def a_year(draw: random.Random, teams: list[Team], jobs: dict[UUID, int], now: datetime) -> Iterator[list[Outgoing]]:
    """All events of each job, the oldest job first."""
    whose = [team for team in teams for _ in range(jobs[team.partner_id])]
    draw.shuffle(whose)
    ages = sorted((draw.random() for _ in whose), reverse=True)
    for number, (team, age) in enumerate(zip(whose, ages, strict=True)):
        yield _Life(random.Random(draw.random()), number, team, now).lived(now - age * YEAR)  # noqa: S311 - no secret


def _as_in_a_log(at: datetime) -> datetime:
    """Kafka's times are whole milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@dataclass
class _Life:
    """One job from its creation to its end, or to now."""

    draw: random.Random
    number: int
    team: Team
    now: datetime
    events: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._locale = self.draw.choice(LOCALES)
        self._voice = Voice(self.draw, self._locale)
        email = f"merchant-{self.draw.randrange(20_000)}@{self._voice.shop}.example"
        self._merchant = Actor(kind=ActorKind.MERCHANT, merchant_id=merchant_id_of(email), name=self._voice.name)
        self._email = email
        self._partner = self.draw.choice(self.team.members)
        self._request_id = derived_id("inbox bench", self.number)
        self._job_id = job_id_of(self._request_id, self.team.partner_id)
        self._job: Job | None = None
        self._version = 0

    def lived(self, at: datetime) -> list[Outgoing]:
        for command, when in self._plan(_as_in_a_log(at)):
            if when > self.now:
                break
            self._does(command, _as_in_a_log(when))
        return self.events

    def _plan(self, at: datetime) -> Iterator[tuple[JobCommand, datetime]]:
        """What is done, in order."""
        draw, fate = self.draw, self.draw.random()
        yield self._creation(), at
        if fate < IGNORED:
            yield from self._ignored(at)
            return
        at += draw.uniform(0.2, 30) * HOUR
        yield OpenJob(actor=self._partner), at
        if fate < DECLINED:
            yield DeclineJob(reason=draw.choice(REASONS), actor=self._partner), at + HOUR
            return
        if draw.random() < ASSIGNED:
            team = [one.member_id for one in self.team.members if one.member_id]
            chosen = draw.sample(team, min(len(team), draw.choice((1, 1, 1, 2))))
            yield AssignMembers(member_ids=tuple(chosen), actor=self._partner), at + HOUR / 4
        at += draw.uniform(0.3, 30) * HOUR
        for command in self._talk():
            yield command, at
            at += draw.expovariate(1 / 20) * HOUR
        yield from self._ending(at)

    def _ignored(self, at: datetime) -> Iterator[tuple[JobCommand, datetime]]:
        if self.draw.random() < 0.4:
            yield OpenJob(actor=self._partner), at + 5 * HOUR
        for left in (24, 6):
            due_at = at + WINDOW - left * HOUR
            yield RemindJob(due_at=due_at, actor=SYSTEM), due_at
        yield ExpireJob(deadline=at + WINDOW, actor=SYSTEM), at + WINDOW

    def _talk(self) -> Iterator[JobCommand]:
        """The partner begins. Now and then somebody of its team says something that is not for the merchant."""
        draw, says = self.draw, self._voice.says
        messages = draw.randint(18, 30) if draw.random() < LONG else 1 + min(int(draw.expovariate(1 / 1.8)), 12)
        comments = draw.random() < COMMENTED or messages > 15
        for number in range(messages):
            if number % 2 == 0:
                yield SendMessage(text=says("partner", 2, 5), actor=self._partner)
            else:
                yield SendMessage(text=says("merchant", 1, 3), actor=self._merchant)
            if comments and draw.random() < 0.5:
                yield AddComment(text=says("comment", 1, 2), actor=draw.choice(self.team.members))

    def _ending(self, at: datetime) -> Iterator[tuple[JobCommand, datetime]]:
        at += self.draw.expovariate(1 / 80) * HOUR
        match self.draw.choice(ENDS):
            case "completed":
                yield CompleteJob(actor=self._partner), at
                if self.draw.random() < REVIEWED:
                    rating = self.draw.choice((2, 3, 4, 4, 5, 5, 5))
                    text = self._voice.says("merchant", 1, 2)
                    yield ReviewJob(rating=rating, text=text, actor=self._merchant), at + 30 * HOUR
            case "inactive":
                yield MarkInactive(actor=self._partner), at + 200 * HOUR
            case "declined":
                yield DeclineJob(reason=self.draw.choice(REASONS), actor=self._partner), at

    def _does(self, command: JobCommand, at: datetime) -> None:
        """As the loop of the jobs service does it, with a batch of one command."""
        decision = decide(self._job, command, self._job_id, at)
        if isinstance(decision, Rejection):
            raise TypeError(f"{type(command).__name__} was refused: {decision.reason}")
        command_id = derived_id("inbox bench", self._job_id, self._version)
        for number, fact in enumerate(decision):
            self._version += 1
            job = evolve(self._job, fact, self._job_id, at)  # type: ignore[arg-type]  # a decision's facts are a job's
            self._job = job.model_copy(update={"version": self._version})
            envelope = {
                "id": derived_id("event", command_id, number),
                "type": type(fact).__name__,
                "source": "/jobs",
                "subject": self._job_id,
                "time": at,
                "correlationid": command_id,
                "causationid": command_id,
                "traceparent": None,
                "version": self._version,
            }
            value = encode_parts(envelope, {"fact": to_json(fact), "snapshot": to_json(self._job)})
            self.events.append(Outgoing(JOB_EVENTS.name, key_of(self._job_id), value))

    def _creation(self) -> CreateJob:
        kind = RequestKind.DIRECT if self.draw.random() < 0.2 else RequestKind.MATCH
        merchant = Merchant(
            merchant_id=merchant_id_of(self._email),
            name=self._voice.name,
            email=self._email,
            store_url=f"https://{self._voice.shop}.example",
        )
        currency = {Locale.EN: "USD", Locale.FR: "EUR", Locale.JA: "JPY"}[self._locale]
        amount = str(self.draw.randrange(3, 60) * (10_000 if self._locale is Locale.JA else 100))
        return CreateJob(
            request_id=self._request_id,
            partner_id=self.team.partner_id,
            details=RequestDetails(
                kind=kind,
                locale=self._locale,
                merchant=merchant,
                business=self._voice.says("business", 1, 3),
                service=self._voice.service,
                title=self._voice.title(),
                requirements=self._voice.says("wants", 6, 14),
                budget=Money.model_validate({"amount": amount, "currency": currency}),
                priorities=Priorities(cost=self.draw.randint(0, 5), quality=self.draw.randint(0, 5)),
                partner_id=self.team.partner_id if kind is RequestKind.DIRECT else None,
            ),
            reply_window_seconds=int(WINDOW.total_seconds()),
            remind_before_seconds=(24 * 3600, 6 * 3600),
            actor=SYSTEM,
        )
