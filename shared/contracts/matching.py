"""What matching says: who was selected for a request and why, and what is known of each partner."""

from datetime import date, datetime
from enum import StrEnum
from typing import Self, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, Contract, Message, Snapshot
from shared.contracts.requests import RequestDetails


class Answer(StrEnum):
    REPLIED = "replied"
    DECLINED = "declined"
    EXPIRED = "expired"


class MatchStatus(StrEnum):
    WAITING = "waiting"
    ANSWERED = "answered"
    UNMATCHED = "unmatched"
    CLOSED = "closed"


class Factor(Contract):
    """One part of a score. `value` is 0..1, `weight` its share, `points` their product times 100; the points add up
    to the score.
    """

    name: str
    value: float
    weight: float
    points: float


class Selection(Contract):
    """One partner chosen for a request, and why."""

    partner_id: UUID
    score: float
    factors: tuple[Factor, ...]


class Asked(Contract):
    """One selected partner and what it answered, if it has."""

    partner_id: UUID
    wave: int
    answer: Answer | None = None


class Match(Snapshot):
    request_id: UUID
    details: RequestDetails
    status: MatchStatus
    wave: int
    asked: tuple[Asked, ...]
    started_at: datetime
    next_wave_at: datetime | None = None


class SelectPartners(Message):
    """Start matching. The limits come with the command, so that the rule needs no settings."""

    details: RequestDetails
    partners_per_wave: int
    waves: int
    wave_after_seconds: int | None = None
    """After this long a prospect's request goes to the next partners: prospects and partners talk elsewhere, so that
    nobody tells what they answered.
    """
    actor: Actor


class NoteAnswer(Message):
    partner_id: UUID
    answer: Answer
    partners_per_wave: int
    waves: int
    actor: Actor


class CloseMatch(Message):
    """The merchant withdrew the request: nobody else is asked."""

    actor: Actor


class StartWave(Message):
    """`due_at` names the wave that it means. The limits come with it, as with `SelectPartners`."""

    due_at: datetime
    partners_per_wave: int
    waves: int
    wave_after_seconds: int | None = None
    actor: Actor


class RequestMatched(Message):
    details: RequestDetails
    wave: int
    selections: tuple[Selection, ...]
    wave_after_seconds: int | None = None


class RequestUnmatched(Message):
    """`reason`: `nobody_eligible`, `partner_unavailable` (direct) or `nobody_answered` (waves used up)."""

    details: RequestDetails
    reason: str


class AnswerNoted(Message):
    partner_id: UUID
    answer: Answer


class MatchClosed(Message):
    """Whoever was asked (`Match.asked`) need not answer any more."""


class ServiceStanding(Contract):
    """What one partner did with one service's jobs. Counts; times in seconds; ratings are sums of 1..5. `opened` are
    the replies that their merchants have looked at; one that nobody opened is nobody's fault.
    `leads` are prospects, who write back by mail: nothing is learned of them but reviews.
    """

    received: int = 0
    replied: int = 0
    opened: int = 0
    declined: int = 0
    expired: int = 0
    reply_seconds: float = 0.0
    reviews: int = 0
    rating_sum: int = 0
    leads: int = 0


class Answering(Contract):
    """What answering in time does to matching: `points` of `most`, which of them would be there without the expiries,
    and the share of jobs that were answered in time (None before the first).
    """

    share: float | None = None
    points: float = 0.0
    points_without_expiries: float = 0.0
    most: float = 0.0


class StandingChanged(Message):
    """The whole standing of one partner. Newer replaces older by `version` (the sum of its jobs' versions, which only
    grows). `received_on` counts the new jobs of the last days that brought any (UTC).
    """

    partner_id: UUID
    version: int
    services: dict[str, ServiceStanding]
    open_jobs: int = 0
    received_on: dict[date, int] = Field(default_factory=dict)
    answering: Answering = Answering()

    @classmethod
    def newcomers(cls, partner_id: UUID) -> Self:
        """The standing of a partner of whom nothing is known yet."""
        return cls(partner_id=partner_id, version=0, services={})

    def total(self) -> ServiceStanding:
        """All services together."""
        parts = self.services.values()
        return ServiceStanding(
            **{name: sum(getattr(part, name) for part in parts) for name in ServiceStanding.model_fields}
        )


STANDINGS = (StandingChanged,)
MatchCommand = SelectPartners | NoteAnswer | StartWave | CloseMatch
MatchFact = RequestMatched | RequestUnmatched | AnswerNoted | MatchClosed
COMMANDS = get_args(MatchCommand)
EVENTS = get_args(MatchFact)
