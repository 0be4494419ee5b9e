"""What matching says: who was selected for a request and why, and what is known of each partner."""

from datetime import date, datetime
from enum import StrEnum
from typing import Self, get_args
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Actor, Contract, Message, Snapshot
from shared.contracts.requests import RequestDetails, RequestKind


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
    to the score. Only the value of `exploration`, the luck of the draw, may be below 0.
    """

    name: str
    value: float
    weight: float
    points: float


class Selection(Contract):
    """One partner chosen for a request, and why. `chance` is the predicted probability that it replies,
    `reply_seconds` how long it usually takes to, and `probability` the share of all draws that would have chosen it:
    what off-policy estimates divide by.
    """

    partner_id: UUID
    score: float
    factors: tuple[Factor, ...]
    chance: float | None = None
    reply_seconds: float | None = None
    probability: float = 1.0


class Why(StrEnum):
    """Why somebody who could have been chosen was not: others scored higher, its share of requests was used up, or the
    draw was for somebody about as good, or somebody is in its team and in that of one who is asked.
    """

    SCORE = "score"
    SHARE = "share"
    DRAW = "draw"
    SAME_PEOPLE = "same_people"


class PassedOver(Contract):
    """A partner that could have been chosen, came near, and was not. `points` by factor add up to the score."""

    partner_id: UUID
    score: float
    points: dict[str, float]
    probability: float
    why: Why


class Asked(Contract):
    """One selected partner and what it answered, if it has; with what was expected of it when it was asked."""

    partner_id: UUID
    wave: int
    answer: Answer | None = None
    asked_at: datetime | None = None
    chance: float | None = None
    reply_seconds: float | None = None


class Match(Snapshot):
    """`checks` are the moments at which it is looked whether enough answers are likely, the soonest first; the first
    of them is `next_wave_at`. `stopped` by the marketplace is closed for good.
    """

    request_id: UUID
    details: RequestDetails
    status: MatchStatus
    wave: int
    asked: tuple[Asked, ...]
    started_at: datetime
    next_wave_at: datetime | None = None
    checks: tuple[datetime, ...] = ()
    stopped: bool = False


class Limited(Message):
    """What bounds a match. It comes with each command, so that the rules need no settings. A wave is followed by
    another while fewer than `wanted_answers` are likely; that is looked at after each answer that is none, and
    `check_after_seconds` after each wave.
    """

    partners_per_wave: int
    waves: int
    wave_after_seconds: int | None = None
    """After this long a prospect's request goes to the next partners: prospects and partners talk elsewhere, so that
    nobody tells what they answered.
    """
    wanted_answers: int = 1
    check_after_seconds: tuple[int, ...] = ()


class SelectPartners(Limited):
    """Start matching."""

    details: RequestDetails
    actor: Actor


class NoteAnswer(Limited):
    partner_id: UUID
    answer: Answer
    actor: Actor


class CloseMatch(Message):
    """The merchant withdrew the request, or the marketplace `stopped` it: nobody else is asked."""

    stopped: bool = False
    actor: Actor


class StartWave(Limited):
    """`due_at` names the check that it means."""

    due_at: datetime
    actor: Actor


class RequestMatched(Message):
    """One wave. `eligible` counts everybody who could have been chosen, `nearest` are those of them who came closest,
    and `weights` names what the score was made with.
    """

    details: RequestDetails
    wave: int
    selections: tuple[Selection, ...]
    wave_after_seconds: int | None = None
    check_after_seconds: tuple[int, ...] = ()
    eligible: int = 0
    nearest: tuple[PassedOver, ...] = ()
    weights: str = ""


class RequestUnmatched(Message):
    """`reason`: `nobody_eligible`, `partner_unavailable` (direct), `nobody_answered` (waves used up) or `nobody_else`
    (a prospect's next wave). `alternatives` could do the work of a partner that was asked by name, the best first.
    """

    details: RequestDetails
    reason: str
    alternatives: tuple[UUID, ...] = ()


class WavePostponed(Message):
    """Enough answers are likely: nobody else is asked before the next check, if there is one."""


class AnswerNoted(Message):
    partner_id: UUID
    answer: Answer


class MatchClosed(Message):
    """Whoever was asked (`Match.asked`) need not answer any more; where the marketplace `stopped` it, must not."""

    stopped: bool = False


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


class Evidence(Contract):
    """What a partner did with jobs of one service, budget band and kind: counts that fade with time, as of
    `StandingChanged.as_of`. `against` is what declines and expiries weigh for other jobs of this very sort, of this
    service, and of this partner: a reason says how far it reaches (`services/matching/learning.py`).
    """

    service: str
    band: int
    kind: RequestKind
    accepted: float
    declined: float
    expired: float
    against: tuple[float, float, float]


class StandingChanged(Message):
    """The whole standing of one partner. Newer replaces older by `version` (the sum of its jobs' versions, which only
    grows). `received_on` counts the new jobs of the last days that brought any (UTC); `exposure` is how often matching
    has sent it something, and `busy` how often it had no room for it, both fading.
    """

    partner_id: UUID
    version: int
    services: dict[str, ServiceStanding]
    open_jobs: int = 0
    received_on: dict[date, int] = Field(default_factory=dict)
    answering: Answering = Answering()
    as_of: date | None = None
    exposure: float = 0.0
    busy: float = 0.0
    evidence: tuple[Evidence, ...] = ()

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
MatchFact = RequestMatched | RequestUnmatched | WavePostponed | AnswerNoted | MatchClosed
COMMANDS = get_args(MatchCommand)
EVENTS = get_args(MatchFact)
