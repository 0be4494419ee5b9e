"""Whenever matching has chosen partners for a prospect, each of them gets a lead, which ends when the marketplace stops
the request.
"""

from collections.abc import Iterable

from shared.commands import Order
from shared.contracts.base import SYSTEM, Event, Message
from shared.contracts.leads import CreateLead, StopLead, lead_id_of
from shared.contracts.matching import Match, MatchClosed, RequestMatched
from shared.contracts.requests import DropRequest
from shared.decisions import Timer


def on_request_matched(event: Event[RequestMatched, Match]) -> Iterable[Order]:
    match = event.snapshot
    if not match.details.kind.is_prospects:
        return
    for selection in event.fact.selections:
        yield Order(
            lead_id_of(match.request_id, selection.partner_id),
            CreateLead(
                request_id=match.request_id,
                partner_id=selection.partner_id,
                details=match.details,
                others=len(match.asked) - 1,
                actor=SYSTEM,
            ),
        )


def on_match_closed(event: Event[MatchClosed, Match]) -> Iterable[Order]:
    """Prospects and partners talk elsewhere: that a prospect needs nobody else ends no lead."""
    match = event.snapshot
    if not (event.fact.stopped and match.details.kind.is_prospects):
        return
    for asked in match.asked:
        yield Order(lead_id_of(match.request_id, asked.partner_id), StopLead(actor=SYSTEM))


def told(timer: Timer) -> Message:
    return DropRequest(due_at=timer.due_at, actor=SYSTEM)
