"""What matching learns of partners: a projection of `matches`, `jobs.events` and `leads.events`, published as
`standings`.

Each job and each lead leaves one document, replaced when a newer snapshot comes; a partner's standing is summed from
its documents. Summing again after a crash or a duplicate gives the same numbers, which adding to a counter would not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.matching.index import answers_value
from services.matching.learning import EXPIRED, REPLIED, Tally, band_of, busy_of, evidence_of, exposure_of
from services.matching.outcomes import SUMMED, Outcome, Outcomes
from shared.commands import command
from shared.consumer import Received
from shared.contracts.base import ActorKind, derived_id
from shared.contracts.jobs import Job, Status, job_id_of
from shared.contracts.leads import Lead, lead_id_of
from shared.contracts.matching import Answering, Evidence, Match, RequestMatched, ServiceStanding, StandingChanged
from shared.contracts.requests import RequestDetails, RequestKind
from shared.mongo import Document
from shared.publisher import Outgoing, Publisher, outgoing
from shared.topics import STANDINGS

REMEMBERED_DAYS = 8
OPEN = frozenset({Status.NEW, Status.OPENED, Status.REPLIED, Status.AWAITING_REPLY})


class Standings:
    """A `shared.consumer.Handler`: remember what the batch tells, then say the standing of every partner in it.
    `answers_share` is what answering counts in a score; partners are shown it in points.
    """

    def __init__(self, outcomes: Outcomes, publisher: Publisher, answers_share: float) -> None:
        self._outcomes = outcomes
        self._publisher = publisher
        self._most = 100 * answers_share

    async def __call__(self, batch: Sequence[Received]) -> None:
        told = [(received, outcome) for received in batch for outcome in outcomes_of(received)]
        await self._outcomes.remember(outcome for _, outcome in told)
        latest = {outcome.fields["partner_id"]: received for received, outcome in told}
        if not latest:
            return
        partner_ids = list(latest)
        standings = standings_of(
            await self._outcomes.sums(partner_ids),
            await self._outcomes.days(partner_ids),
            await self._outcomes.answers(partner_ids),
            self._most,
        )
        await self._publisher.publish([_said(standing, latest[standing.partner_id]) for standing in standings])


def _said(standing: StandingChanged, received: Received) -> Outgoing:
    event = received.record
    record = command(
        standing,
        standing.partner_id,
        source="matching",
        time=event.time,
        command_id=derived_id("standing", standing.partner_id, standing.version),
        correlation_id=event.correlationid,
        causation_id=event.id,
    )
    return outgoing(STANDINGS.name, record)


def outcomes_of(received: Received) -> Iterator[Outcome]:
    """What a record tells of jobs and leads. Whoever was just selected has been sent something, before its job says so:
    the next request counts it.
    """
    event, snapshot = received.record, received.record.snapshot
    if isinstance(snapshot, Job):
        yield Outcome(event.subject, snapshot.version + 1, outcome_of(snapshot))
    elif isinstance(snapshot, Lead):
        yield Outcome(event.subject, snapshot.version + 1, outcome_of_lead(snapshot))
    elif isinstance(snapshot, Match) and isinstance(event.fact, RequestMatched):
        for selection in event.fact.selections:
            prospects = snapshot.details.kind.is_prospects
            outcome_id = (lead_id_of if prospects else job_id_of)(snapshot.request_id, selection.partner_id)
            new = _new(selection.partner_id, snapshot.details, received.at.date())
            yield Outcome(outcome_id, 1, {**new, "open": int(not prospects)})


def outcome_of_lead(lead: Lead) -> dict[str, Any]:
    """What this lead adds. Prospects and partners talk elsewhere: only the review is known."""
    return {
        **_new(lead.partner_id, lead.details, lead.delivered_at.date()),
        "reviews": int(lead.review is not None),
        "rating_sum": lead.review.rating if lead.review else 0,
    }


def outcome_of(job: Job) -> dict[str, Any]:
    """What this job adds to its partner's standing."""
    reply = (job.first_reply_at - job.created_at).total_seconds() if job.first_reply_at else 0.0
    end = end_of(job)
    answered = job.first_reply_at or (job.deadline if end == EXPIRED else job.last_activity_at)
    return {
        **_new(job.partner_id, job.details, job.created_at.date()),
        "open": int(job.status in OPEN),
        "replied": int(end == REPLIED),
        "opened": int(job.reply_opened_at is not None),
        "declined": int(end not in (None, REPLIED, EXPIRED)),
        "expired": int(end == EXPIRED),
        "reply_seconds": reply,
        "reviews": int(job.review is not None),
        "rating_sum": job.review.rating if job.review else 0,
        "end": end,
        "answered_on": answered.date().isoformat() if end else None,
    }


def _new(partner_id: UUID, details: RequestDetails, day: date) -> dict[str, Any]:
    by_name = details.kind.names_a_partner
    return {
        **dict.fromkeys(SUMMED, 0),
        "partner_id": partner_id,
        "service": details.service,
        "leads": int(details.kind.is_prospects),
        "day": day.isoformat(),
        "offered": int(not by_name),
        "band": band_of(details.budget),
        "kind": (RequestKind.DIRECT if by_name else RequestKind.MATCH).value,
        "end": None,
        "answered_on": None,
    }


def end_of(job: Job) -> str | None:
    """How the partner answered: `replied`, `expired`, the reason of its decline; None while it has not, and for what
    the merchant took back.
    """
    if job.first_reply_at:
        return REPLIED
    if job.status is Status.EXPIRED:
        return EXPIRED
    if job.decline is not None and job.decline.by is ActorKind.PARTNER:
        return job.decline.reason.value
    return None


def standings_of(
    sums: Iterable[Document], days: Iterable[Document], answers: Iterable[Document], most: float
) -> list[StandingChanged]:
    """The standings that the sums of `Outcomes` amount to."""
    services, received = _by_partner(sums), _by_partner(days)
    tallies: dict[UUID, list[Tally]] = defaultdict(list)
    for counted in answers:
        tallies[counted["_id"]["partner_id"]].append(_tally(counted))
    return [_standing(one, of, received[one], tallies[one], most) for one, of in services.items()]


def _by_partner(counted: Iterable[Document]) -> dict[UUID, list[Document]]:
    parts: dict[UUID, list[Document]] = defaultdict(list)
    for one in counted:
        parts[one["_id"]["partner_id"]].append(one)
    return parts


def _tally(counted: Document) -> Tally:
    of = counted["_id"]
    day = date.fromisoformat(of["answered_on"])
    return Tally(of["service"], of["band"], RequestKind(of["kind"]), of["end"], day, counted["count"])


def _standing(
    partner_id: UUID, sums: Sequence[Document], days: Sequence[Document], tallies: Sequence[Tally], most: float
) -> StandingChanged:
    services = {
        summed["_id"]["service"]: ServiceStanding.model_validate(
            {**summed, "received": summed["received"] - summed["leads"]}
        )
        for summed in sums
    }
    received = {date.fromisoformat(one["_id"]["day"]): one["received"] for one in days}
    as_of = max([*received, *(tally.day for tally in tallies)], default=None)
    evidence = evidence_of(tallies, as_of) if as_of else ()
    offered = {date.fromisoformat(one["_id"]["day"]): one["offered"] for one in days}
    return StandingChanged(
        partner_id=partner_id,
        version=sum(summed["version"] for summed in sums),
        services=dict(sorted(services.items())),
        open_jobs=sum(summed["open"] for summed in sums),
        received_on=dict([(day, count) for day, count in sorted(received.items()) if count][-REMEMBERED_DAYS:]),
        answering=answering(evidence, most),
        as_of=as_of,
        exposure=exposure_of(offered, as_of) if as_of else 0.0,
        busy=busy_of(tallies, as_of) if as_of else 0.0,
        evidence=evidence,
    )


def answering(evidence: Iterable[Evidence], most: float) -> Answering:
    """What answering in time does to this partner's score, in the points that selection gives for it. What is long
    past counts less.
    """
    evidence = tuple(evidence)
    in_time = sum(one.accepted + one.declined for one in evidence)
    expired = sum(one.expired for one in evidence)
    return Answering(
        share=round(in_time / (in_time + expired), 4) if in_time + expired else None,
        points=round(most * answers_value(in_time, expired), 2),
        points_without_expiries=round(most * answers_value(in_time, 0.0), 2),
        most=most,
    )
