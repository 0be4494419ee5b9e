"""Whenever a request is confirmed, select; when it is withdrawn, close; whenever a job is answered, note it. And what
every replica keeps in memory.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from services.matching.index import Few, Index
from shared.commands import Order, Reaction
from shared.consumer import Handler
from shared.contracts.base import SYSTEM, Event, Message
from shared.contracts.jobs import Job, JobDeclined, JobExpired, JobReplied
from shared.contracts.matching import Answer, CloseMatch, NoteAnswer, SelectPartners, StartWave
from shared.contracts.requests import Request, RequestConfirmed, RequestHelped, RequestStopped, RequestWithdrawn
from shared.decisions import Timer
from shared.metrics import Metrics
from shared.records import Received
from shared.settings import Settings
from shared.timers import Telling

ANSWERS: dict[type[Message], Answer] = {
    JobReplied: Answer.REPLIED,
    JobDeclined: Answer.DECLINED,
    JobExpired: Answer.EXPIRED,
}


AT_ONCE = 32
"""Partners that are taken over before requests get their turn: in a flood of changes matching goes on."""


def on_request_confirmed(settings: Settings) -> Reaction:
    def react(event: Event[RequestConfirmed, Request]) -> Iterable[Order]:
        request = event.snapshot
        yield Order(
            request.request_id,
            SelectPartners(details=request.details, actor=SYSTEM, **_limits(settings)),
        )

    return react


def next_wave(settings: Settings) -> Telling:
    """What a match is told when its next wave is due, with this deployment's limits."""

    def tell(timer: Timer) -> Message:
        return StartWave(due_at=timer.due_at, actor=SYSTEM, **_limits(settings))

    return tell


def on_request_over(event: Event[RequestWithdrawn | RequestHelped | RequestStopped, Request]) -> Iterable[Order]:
    if event.snapshot.confirmed_at is not None:  # else nobody was ever asked
        stopped = isinstance(event.fact, RequestStopped)
        yield Order(event.snapshot.request_id, CloseMatch(stopped=stopped, actor=SYSTEM))


def on_answer(settings: Settings) -> Reaction:
    def react(event: Event[Message, Job]) -> Iterable[Order]:
        if isinstance(event.fact, JobReplied) and not event.fact.first:
            return  # matching knows already
        yield Order(
            event.snapshot.request_id,
            NoteAnswer(
                partner_id=event.snapshot.partner_id,
                answer=ANSWERS[type(event.fact)],
                actor=SYSTEM,
                **_limits(settings),
            ),
        )

    return react


def on_requests(settings: Settings) -> dict[type[Message], Reaction]:
    """What matching does about requests."""
    return {
        RequestConfirmed: on_request_confirmed(settings),
        RequestWithdrawn: on_request_over,
        RequestHelped: on_request_over,
        RequestStopped: on_request_over,
    }


def on_jobs(settings: Settings) -> dict[type[Message], Reaction]:
    """What matching does about jobs."""
    return dict.fromkeys(ANSWERS, on_answer(settings))


def keeps_partners(index: Index, metrics: Metrics) -> Handler:
    async def on_partners(batch: Sequence[Received]) -> None:
        for number, received in enumerate(batch, start=1):
            index.put(received.record.snapshot)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        metrics.market.set(index.size)

    return on_partners


def few_jobs(settings: Settings) -> Few:
    """What this deployment sends to an organisation on probation."""
    return Few(settings.probation_open_jobs, settings.probation_jobs_per_week)


def _limits(settings: Settings) -> dict[str, Any]:
    return {
        "partners_per_wave": settings.partners_per_wave,
        "waves": settings.waves,
        "wave_after_seconds": settings.lead_wave_seconds,
        "wanted_answers": settings.wanted_answers,
        "check_after_seconds": settings.check_after_seconds,
    }
