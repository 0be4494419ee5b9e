"""All rules of a match: waves, answers, and when to give up. Pure but for the way to choose that it is given, which is
what a selection is of.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import ceil, exp
from uuid import UUID

from services.matching.selection import Choice, Choose
from shared.contracts.base import ActorKind, Message
from shared.contracts.matching import (
    Answer,
    AnswerNoted,
    Asked,
    CloseMatch,
    Limited,
    Match,
    MatchClosed,
    MatchCommand,
    MatchFact,
    MatchStatus,
    NoteAnswer,
    RequestMatched,
    RequestUnmatched,
    SelectPartners,
    StartWave,
    WavePostponed,
)
from shared.contracts.requests import RequestDetails, RequestKind
from shared.decisions import Decision, Rejection, Timer

Decide = Callable[[Match | None, MatchCommand, UUID, datetime], Decision]

USUAL_CHANCE, USUAL_REPLY_SECONDS = 0.5, 24 * 3600.0
"""What is expected of somebody of whom nothing was predicted."""
ALTERNATIVES = 3
"""How many others are offered to whoever asked for a partner that cannot."""
_ANYBODY = {RequestKind.DIRECT: RequestKind.MATCH, RequestKind.CONTACT: RequestKind.LEAD}


def decide_with(choose: Choose, weights: str = "") -> Decide:
    """The match's `decide` over a way to choose, whose weights are named `weights`."""

    def decide(match: Match | None, command: MatchCommand, request_id: UUID, at: datetime) -> Decision:
        if command.actor.kind is not ActorKind.SYSTEM:
            return Rejection("forbidden", "Matching is told what happened by the services alone.")
        if isinstance(command, SelectPartners):
            return [] if match else waves.start(command, request_id, at)
        if match is None:
            raise ValueError(f"There is no match {request_id} to decide about.")
        if isinstance(command, CloseMatch):
            return _close(match, command)
        if isinstance(command, StartWave):
            return waves.on_time(match, command, at)
        return waves.note(match, command, at)

    waves = Waves(choose, weights)
    return decide


def evolve(match: Match | None, fact: MatchFact, request_id: UUID, at: datetime) -> Match:
    if match is None:
        return _first(fact, request_id, at)
    match fact:
        case MatchClosed(stopped=stopped):
            over = {"status": MatchStatus.CLOSED, "stopped": match.stopped or stopped}
            return match.model_copy(update={**over, **_next([])})
        case RequestMatched(wave=wave):
            asked = (*match.asked, *_asked(fact, at))
            # An earlier answer still counts: whoever has answered has answered the request.
            answered = match.status is MatchStatus.ANSWERED
            waits = {"status": MatchStatus.ANSWERED if answered else MatchStatus.WAITING, **_next(_checks(fact, at))}
            return match.model_copy(update={"wave": wave, "asked": asked, **waits})
        case RequestUnmatched():
            return match.model_copy(update={"status": MatchStatus.UNMATCHED, **_next([])})
        case WavePostponed():
            return match.model_copy(update=_next(match.checks[1:]))
        case AnswerNoted(partner_id=partner_id, answer=answer):
            answers = answer is Answer.REPLIED and match.status is not MatchStatus.CLOSED
            status = MatchStatus.ANSWERED if answers else match.status
            return match.model_copy(update={"asked": _answered(match.asked, partner_id, answer), "status": status})


def timer(match: Match) -> Timer | None:
    """When the clock has to look after this match."""
    return Timer("wave", match.next_wave_at) if match.next_wave_at else None


def likely_answers(asked: Sequence[Asked], at: datetime) -> float:
    """How many of those who were asked have replied or will: the sum of `still_replies`."""
    return sum(still_replies(one, at) for one in asked)


def still_replies(asked: Asked, at: datetime) -> float:
    """The chance that this partner has replied or will, given that it has not done so for so long.

    With the chance p when it was asked, and replies coming after t seconds on average, exponentially distributed:

        p * exp(-waited / t) / (p * exp(-waited / t) + 1 - p)
    """
    if asked.answer is not None:
        return 1.0 if asked.answer is Answer.REPLIED else 0.0
    chance = USUAL_CHANCE if asked.chance is None else asked.chance
    if asked.asked_at is None:
        return chance
    waited = max((at - asked.asked_at).total_seconds(), 0.0)
    later = chance * exp(-waited / max(asked.reply_seconds or USUAL_REPLY_SECONDS, 1.0))
    return later / (later + 1 - chance) if later else 0.0


class Waves:
    """Who is asked, and when others are."""

    def __init__(self, choose: Choose, weights: str) -> None:
        self._choose = choose
        self._weights = weights

    def start(self, command: SelectPartners, request_id: UUID, at: datetime) -> Decision:
        details = command.details
        choice = self._choose(request_id, details, command.partners_per_wave, (), at)
        if choice.selections:
            return [self._matched(details, 1, choice, command)]
        if details.partner_id and details.kind.names_a_partner:
            return [self._unmatched(request_id, details, "partner_unavailable", (details.partner_id,), at)]
        return [RequestUnmatched(details=details, reason="nobody_eligible")]

    def on_time(self, match: Match, command: StartWave, at: datetime) -> Decision:
        """A check is due. A prospect's next partners are asked in any case: nobody knows what the others answered, but
        the prospect has not said that it is enough.
        """
        if match.next_wave_at is None or command.due_at != match.next_wave_at or at < command.due_at:
            return Rejection("not_due", "This wave is not wanted any more, or not yet.")
        if match.details.kind is RequestKind.MATCH:
            return self._more(match, match.asked, command, at) or [WavePostponed()]
        choice = self._others(match, match.asked, command.partners_per_wave, at)
        if choice.selections:
            return [self._matched(match.details, match.wave + 1, choice, command)]
        return [RequestUnmatched(details=match.details, reason="nobody_else")]

    def note(self, match: Match, command: NoteAnswer, at: datetime) -> Decision:
        before = next((asked for asked in match.asked if asked.partner_id == command.partner_id), None)
        if before is None:
            return Rejection("not_selected", "This partner was not selected for this request.")
        if before.answer is not None:
            return []  # only the first answer counts
        noted = AnswerNoted(partner_id=command.partner_id, answer=command.answer)
        if match.status is MatchStatus.CLOSED or command.answer is Answer.REPLIED:
            return [noted]
        after = _answered(match.asked, command.partner_id, command.answer)
        has_answer = any(asked.answer is Answer.REPLIED for asked in after)
        if has_answer and command.answer is Answer.EXPIRED:
            return [noted]  # three days later: whoever has an answer is not looking for more
        if more := self._more(match, after, command, at):
            return [noted, *more]
        if has_answer or any(asked.answer is None for asked in after):
            return [noted]
        tried = tuple(asked.partner_id for asked in after)
        return [noted, self._unmatched(match.request_id, match.details, "nobody_answered", tried, at)]

    def _more(self, match: Match, asked: Sequence[Asked], limits: Limited, at: datetime) -> list[Message]:
        """The next wave, if too few answers are likely, a wave is left and there is somebody to ask: as many partners
        as make up for what is missing.
        """
        missing = limits.wanted_answers - likely_answers(asked, at)
        if missing <= 0 or match.wave >= limits.waves or match.details.kind is not RequestKind.MATCH:
            return []
        expected = [one.chance for one in asked if one.chance is not None] or [USUAL_CHANCE]
        count = min(ceil(missing / max(sum(expected) / len(expected), 0.1)), limits.partners_per_wave)
        choice = self._others(match, asked, count, at)
        return [self._matched(match.details, match.wave + 1, choice, limits)] if choice.selections else []

    def _others(self, match: Match, asked: Sequence[Asked], count: int, at: datetime) -> Choice:
        tried = {one.partner_id for one in asked}
        return self._choose(match.request_id, match.details, count, tried, at)

    def _matched(self, details: RequestDetails, wave: int, choice: Choice, limits: Limited) -> RequestMatched:
        """One wave, and when it is looked after: not at all after the last one."""
        left = wave < limits.waves
        return RequestMatched(
            details=details,
            wave=wave,
            selections=choice.selections,
            wave_after_seconds=limits.wave_after_seconds if left and details.kind is RequestKind.LEAD else None,
            check_after_seconds=limits.check_after_seconds if left and details.kind is RequestKind.MATCH else (),
            eligible=choice.eligible,
            nearest=choice.nearest,
            weights=self._weights,
        )

    def _unmatched(
        self, request_id: UUID, details: RequestDetails, reason: str, tried: tuple[UUID, ...], at: datetime
    ) -> RequestUnmatched:
        """With others who could do what a partner that was asked by name cannot."""
        anybody = _ANYBODY.get(details.kind)
        if anybody is None:
            return RequestUnmatched(details=details, reason=reason)
        asked = details.model_copy(update={"kind": anybody, "partner_id": None})
        others = self._choose(request_id, asked, ALTERNATIVES, tried, at).selections
        return RequestUnmatched(
            details=details, reason=reason, alternatives=tuple(selection.partner_id for selection in others)
        )


def _close(match: Match, command: CloseMatch) -> Decision:
    """What was closed for its merchant can still be stopped by the marketplace: then those who were asked are told."""
    if match.status is MatchStatus.CLOSED and (match.stopped or not command.stopped):
        return []
    return [MatchClosed(stopped=command.stopped)]


def _checks(fact: RequestMatched, at: datetime) -> list[datetime]:
    after = fact.check_after_seconds or ((fact.wave_after_seconds,) if fact.wave_after_seconds else ())
    return sorted(at + timedelta(seconds=one) for one in after)


def _next(checks: Sequence[datetime]) -> dict[str, object]:
    return {"checks": tuple(checks), "next_wave_at": checks[0] if checks else None}


def _asked(fact: RequestMatched, at: datetime) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            partner_id=selection.partner_id,
            wave=fact.wave,
            asked_at=at,
            chance=selection.chance,
            reply_seconds=selection.reply_seconds,
        )
        for selection in fact.selections
    )


def _answered(asked: Sequence[Asked], partner_id: UUID, answer: Answer) -> tuple[Asked, ...]:
    return tuple(one.model_copy(update={"answer": answer}) if one.partner_id == partner_id else one for one in asked)


def _first(fact: MatchFact, request_id: UUID, at: datetime) -> Match:
    if not isinstance(fact, RequestMatched | RequestUnmatched):
        raise ValueError(f"{type(fact).__name__} before anybody was selected.")  # noqa: TRY004 - the order is wrong, not the type
    matched = isinstance(fact, RequestMatched)
    checks = _checks(fact, at) if isinstance(fact, RequestMatched) else []
    return Match(
        request_id=request_id,
        details=fact.details,
        status=MatchStatus.WAITING if matched else MatchStatus.UNMATCHED,
        wave=1 if matched else 0,
        asked=_asked(fact, at) if isinstance(fact, RequestMatched) else (),
        started_at=at,
        next_wave_at=checks[0] if checks else None,
        checks=tuple(checks),
    )
