"""Whenever matching has chosen partners, each of them gets a job; when the match is closed, these jobs are too."""

from collections.abc import Iterable

from shared.commands import Order, Reaction
from shared.contracts.base import SYSTEM, Event
from shared.contracts.jobs import CloseJob, CreateJob, DeclineReason, job_id_of
from shared.contracts.matching import Match, MatchClosed, RequestMatched
from shared.settings import Settings


def on_request_matched(settings: Settings) -> Reaction:
    """A reaction to RequestMatched with this deployment's reply window."""

    def react(event: Event[RequestMatched, Match]) -> Iterable[Order]:
        match = event.snapshot
        if match.details.kind.is_prospects:
            return  # a lead, and never in the job list
        for selection in event.fact.selections:
            yield Order(
                job_id_of(match.request_id, selection.partner_id),
                CreateJob(
                    request_id=match.request_id,
                    partner_id=selection.partner_id,
                    details=match.details,
                    reply_window_seconds=settings.reply_window_seconds,
                    remind_before_seconds=settings.remind_before_seconds,
                    others=len(match.asked) - 1,
                    actor=SYSTEM,
                ),
            )

    return react


def on_match_closed(event: Event[MatchClosed, Match]) -> Iterable[Order]:
    if event.snapshot.details.kind.is_prospects:
        return
    for asked in event.snapshot.asked:
        job_id = job_id_of(event.snapshot.request_id, asked.partner_id)
        reason = DeclineReason.STOPPED if event.fact.stopped else DeclineReason.WITHDRAWN
        yield Order(job_id, CloseJob(reason=reason, actor=SYSTEM))
