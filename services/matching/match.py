"""All rules of a match: waves, answers, and when to give up. Pure but for the market it is given, which is what a
selection is of.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.matching.selection import Market, select
from shared.contracts.base import ActorKind, Message
from shared.contracts.matching import (
    Answer,
    AnswerNoted,
    Asked,
    CloseMatch,
    Match,
    MatchClosed,
    MatchCommand,
    MatchFact,
    MatchStatus,
    NoteAnswer,
    RequestMatched,
    RequestUnmatched,
    Selection,
    SelectPartners,
    StartWave,
)
from shared.contracts.requests import RequestDetails, RequestKind
from shared.decisions import Decision, Rejection, Timer

Decide = Callable[[Match | None, MatchCommand, UUID, datetime], Decision]


def decide_with(market: Market) -> Decide:
    """The match's `decide` over a market."""

    def decide(match: Match | None, command: MatchCommand, request_id: UUID, at: datetime) -> Decision:
        if command.actor.kind is not ActorKind.SYSTEM:
            return Rejection("forbidden", "Matching is told what happened by the services alone.")
        if isinstance(command, SelectPartners):
            return [] if match else _start(command, request_id, market, at)
        if match is None:
            raise ValueError(f"There is no match {request_id} to decide about.")
        if isinstance(command, CloseMatch):
            return [] if match.status is MatchStatus.CLOSED else [MatchClosed()]
        if isinstance(command, StartWave):
            return _on_time(match, command, market, at)
        return _note(match, command, market, at)

    return decide


def evolve(match: Match | None, fact: MatchFact, request_id: UUID, at: datetime) -> Match:
    if match is None:
        return _first(fact, request_id, at)
    match fact:
        case MatchClosed():
            return match.model_copy(update={"status": MatchStatus.CLOSED, "next_wave_at": None})
        case RequestMatched(wave=wave, selections=selections):
            asked = (*match.asked, *_asked(wave, selections))
            waits = {"status": MatchStatus.WAITING, "next_wave_at": _next_wave_at(fact, at)}
            return match.model_copy(update={"wave": wave, "asked": asked, **waits})
        case RequestUnmatched():
            return match.model_copy(update={"status": MatchStatus.UNMATCHED, "next_wave_at": None})
        case AnswerNoted(partner_id=partner_id, answer=answer):
            answers = answer is Answer.REPLIED and match.status is not MatchStatus.CLOSED
            status = MatchStatus.ANSWERED if answers else match.status
            return match.model_copy(update={"asked": _answered(match.asked, partner_id, answer), "status": status})


def timer(match: Match) -> Timer | None:
    """When the clock starts the next wave."""
    return Timer("wave", match.next_wave_at) if match.next_wave_at else None


def _start(command: SelectPartners, request_id: UUID, market: Market, at: datetime) -> Decision:
    details = command.details
    selections = select(request_id, details, market, command.partners_per_wave, (), at=at)
    if selections:
        return [_matched(details, 1, selections, command)]
    reason = "partner_unavailable" if details.kind.names_a_partner else "nobody_eligible"
    return [RequestUnmatched(details=details, reason=reason)]


def _on_time(match: Match, command: StartWave, market: Market, at: datetime) -> Decision:
    """A prospect's next partners: nobody knows what the others answered, but the prospect has not said that it is
    enough.
    """
    if match.next_wave_at is None or command.due_at != match.next_wave_at or at < command.due_at:
        return Rejection("not_due", "This wave is not wanted any more, or not yet.")
    tried = {asked.partner_id for asked in match.asked}
    selections = select(match.request_id, match.details, market, command.partners_per_wave, tried, at=at)
    if selections:
        return [_matched(match.details, match.wave + 1, selections, command)]
    return [RequestUnmatched(details=match.details, reason="nobody_else")]


def _matched(
    details: RequestDetails, wave: int, selections: tuple[Selection, ...], limits: SelectPartners | StartWave
) -> RequestMatched:
    """One wave; a prospect's has another one after it while waves are left."""
    more = details.kind is RequestKind.LEAD and wave < limits.waves
    after = limits.wave_after_seconds if more else None
    return RequestMatched(details=details, wave=wave, selections=selections, wave_after_seconds=after)


def _next_wave_at(fact: RequestMatched, at: datetime) -> datetime | None:
    return at + timedelta(seconds=fact.wave_after_seconds) if fact.wave_after_seconds else None


def _note(match: Match, command: NoteAnswer, market: Market, at: datetime) -> Decision:
    before = next((asked for asked in match.asked if asked.partner_id == command.partner_id), None)
    if before is None:
        return Rejection("not_selected", "This partner was not selected for this request.")
    if before.answer is not None:
        return []  # only the first answer counts
    noted = AnswerNoted(partner_id=command.partner_id, answer=command.answer)
    after = _answered(match.asked, command.partner_id, command.answer)
    nobody_left = all(asked.answer in (Answer.DECLINED, Answer.EXPIRED) for asked in after)
    if match.status is MatchStatus.CLOSED or not nobody_left:
        return [noted]
    return [noted, _next_wave(match, command, market, at)]


def _next_wave(match: Match, command: NoteAnswer, market: Market, at: datetime) -> Message:
    """Everybody asked so far has declined or let it expire: ask others, if there are any and waves are left."""
    more_waves = match.wave < command.waves and match.details.kind is RequestKind.MATCH
    tried = {asked.partner_id for asked in match.asked}
    count = command.partners_per_wave if more_waves else 0
    selections = select(match.request_id, match.details, market, count, tried, at=at)
    if selections:
        return RequestMatched(details=match.details, wave=match.wave + 1, selections=selections)
    return RequestUnmatched(details=match.details, reason="nobody_answered")


def _asked(wave: int, selections: Sequence[Selection]) -> tuple[Asked, ...]:
    return tuple(Asked(partner_id=selection.partner_id, wave=wave) for selection in selections)


def _answered(asked: Sequence[Asked], partner_id: UUID, answer: Answer) -> tuple[Asked, ...]:
    return tuple(one.model_copy(update={"answer": answer}) if one.partner_id == partner_id else one for one in asked)


def _first(fact: MatchFact, request_id: UUID, at: datetime) -> Match:
    if isinstance(fact, AnswerNoted | MatchClosed):
        raise ValueError(f"{type(fact).__name__} before anybody was selected.")  # noqa: TRY004 - the order is wrong, not the type
    selections = fact.selections if isinstance(fact, RequestMatched) else ()
    return Match(
        request_id=request_id,
        details=fact.details,
        status=MatchStatus.WAITING if selections else MatchStatus.UNMATCHED,
        wave=1 if selections else 0,
        asked=_asked(1, selections),
        started_at=at,
        next_wave_at=_next_wave_at(fact, at) if isinstance(fact, RequestMatched) else None,
    )
