"""What matching says: who was selected for a request and why, and what is known of each partner."""

from datetime import datetime
from enum import StrEnum
from typing import get_args
from uuid import UUID

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


class SelectPartners(Message):
    """Start matching. The limits come with the command, so that the rule needs no settings."""

    details: RequestDetails
    partners_per_wave: int
    waves: int
    actor: Actor


class NoteAnswer(Message):
    partner_id: UUID
    answer: Answer
    partners_per_wave: int
    waves: int
    actor: Actor


class RequestMatched(Message):
    details: RequestDetails
    wave: int
    selections: tuple[Selection, ...]


class RequestUnmatched(Message):
    """`reason`: `nobody_eligible`, `partner_unavailable` (direct) or `nobody_answered` (waves used up)."""

    details: RequestDetails
    reason: str


class AnswerNoted(Message):
    partner_id: UUID
    answer: Answer


class ServiceStanding(Contract):
    """What one partner did with one service's jobs. Counts; times in seconds; ratings are sums of 1..5."""

    received: int = 0
    replied: int = 0
    declined: int = 0
    expired: int = 0
    reply_seconds: float = 0.0
    reviews: int = 0
    rating_sum: int = 0


class StandingChanged(Message):
    """The whole standing of one partner. Newer replaces older by `version` (the sum of its jobs' versions, which only
    grows).
    """

    partner_id: UUID
    version: int
    services: dict[str, ServiceStanding]

    def total(self) -> ServiceStanding:
        """All services together."""
        parts = self.services.values()
        return ServiceStanding(
            **{name: sum(getattr(part, name) for part in parts) for name in ServiceStanding.model_fields}
        )


STANDINGS = (StandingChanged,)
MatchCommand = SelectPartners | NoteAnswer
MatchFact = RequestMatched | RequestUnmatched | AnswerNoted
COMMANDS = get_args(MatchCommand)
EVENTS = get_args(MatchFact)
