"""What matching learns of partners: a projection of `matches`, `jobs.events` and `leads.events`, published as
`standings`.

Each job and each lead leaves one outcome, replaced when a newer snapshot comes; a partner's sums change by what
changed, each outcome counted once (`services/matching/outcomes.py`). What an event costs does not depend on how many
went before it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any
from uuid import UUID

from services.matching.index import answers_value
from services.matching.learning import ANSWERS, EXPIRED, NO_REQUEST, OFFERS, REPLIED, band_of, evidence_of
from services.matching.outcomes import Outcomes
from services.matching.sums import COUNTED, SECOND, Outcome, Sums
from shared.commands import command
from shared.contracts.base import ActorKind, derived_id
from shared.contracts.jobs import Job, Review, Status, job_id_of
from shared.contracts.leads import Lead, LeadReview, lead_id_of
from shared.contracts.matching import Answering, Evidence, Match, RequestMatched, ServiceStanding, StandingChanged
from shared.contracts.requests import RequestDetails, RequestKind
from shared.publisher import Outgoing, Publisher, outgoing
from shared.records import Received
from shared.topics import STANDINGS

REMEMBERED_DAYS = 8
MOST_SAID = 4096
OPEN = frozenset({Status.NEW, Status.OPENED, Status.REPLIED, Status.AWAITING_REPLY})


Heard = Callable[[UUID], int]
"""The version of a partner's standing that has been read from the log, -1 for none."""


class Standings:
    """A `shared.consumer.Handler`: remember what the batch tells, then say the standings that it changed.

    A standing is said until the log is known to have it. So what a crash kept from being said is said when the batch
    comes again, and an event that changes nothing says nothing. `answers_share` is what answering counts in a score;
    partners are shown it in points.
    """

    def __init__(self, outcomes: Outcomes, publisher: Publisher, heard: Heard, answers_share: float) -> None:
        self._outcomes = outcomes
        self._publisher = publisher
        self._heard = heard
        self._said: dict[UUID, int] = {}
        self._most = 100 * answers_share

    async def __call__(self, batch: Sequence[Received]) -> None:
        told = [(received, outcome) for received in batch for outcome in outcomes_of(received)]
        latest = {outcome.partner_id: received for received, outcome in told}
        standings = await self._outcomes.remember(outcome for _, outcome in told)
        unsaid = {one: sums for one, (sums, changed) in standings.items() if self._known(one) < changed}
        await self._publisher.publish(
            [_said(standing_of(one, sums, self._most), latest[one]) for one, sums in unsaid.items()]
        )
        self._note({one: sums.version for one, sums in unsaid.items()})

    async def say_again(self, behind: Mapping[UUID, Received]) -> list[StandingChanged]:
        """Say the newest standings of those of whom the log tells an older one; gives them. An older release that runs
        beside may have said a newer one, which is then counted with the next event.
        """
        found = await self._outcomes.standings(list(behind))
        standings = [standing_of(one, sums, self._most) for one, (sums, _) in found.items()]
        newer = [one for one in standings if one.version > behind[one.partner_id].record.data.version]
        await self._publisher.publish([_said(one, behind[one.partner_id]) for one in newer])
        return newer

    def _known(self, partner_id: UUID) -> int:
        return max(self._said.get(partner_id, -1), self._heard(partner_id))

    def _note(self, said: dict[UUID, int]) -> None:
        """What was just said comes back from the log in a moment; only until then it is remembered here."""
        self._said |= said
        if len(self._said) > MOST_SAID:
            self._said = {one: version for one, version in self._said.items() if self._heard(one) < version}


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
        **_reviewed(lead.review),
    }


def outcome_of(job: Job) -> dict[str, Any]:
    """What this job adds to its partner's standing."""
    reply = (job.first_reply_at - job.created_at).total_seconds() if job.first_reply_at else 0.0
    end = end_of(job)
    answered = job.first_reply_at or (job.deadline if end == EXPIRED else job.last_activity_at)
    new = _new(job.partner_id, job.details, job.created_at.date())
    return {
        **new,
        # Whoever was sent spam was sent nothing: it is owed its share as before.
        "offered": 0 if _was_none(job) else new["offered"],
        "open": int(job.status in OPEN),
        "replied": int(end == REPLIED),
        "opened": int(job.reply_opened_at is not None),
        "declined": int(end not in (None, REPLIED, EXPIRED)),
        "expired": int(end == EXPIRED),
        "reply_seconds": reply,
        **_reviewed(job.review),
        "end": end,
        "answered_on": answered.date().isoformat() if end else None,
    }


def _reviewed(review: Review | LeadReview | None) -> dict[str, int]:
    """What a review adds; one that was taken down adds nothing."""
    counts = review is not None and review.stands
    return {"reviews": int(counts), "rating_sum": review.rating if review is not None and counts else 0}


def _was_none(job: Job) -> bool:
    """Whether this was no request at all: the partner called it spam, or the marketplace has stopped it, before there
    was an answer.
    """
    return job.first_reply_at is None and job.decline is not None and job.decline.reason in NO_REQUEST


def _new(partner_id: UUID, details: RequestDetails, day: date) -> dict[str, Any]:
    by_name = details.kind.names_a_partner
    return {
        **dict.fromkeys(COUNTED, 0),
        "reply_seconds": 0.0,
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
    """How the partner answered: `replied`, `expired`, the reason of its decline; None while it has not, for what the
    merchant took back, and for what was spam: it teaches nothing of the partner.
    """
    if job.first_reply_at:
        return REPLIED
    if job.status is Status.EXPIRED:
        return EXPIRED
    by_partner = job.decline is not None and job.decline.by is ActorKind.PARTNER
    if job.decline is not None and by_partner and job.decline.reason not in NO_REQUEST:
        return job.decline.reason.value
    return None


def standing_of(partner_id: UUID, sums: Sums, most: float) -> StandingChanged:
    """The standing that these sums amount to, as of the last day that they speak of."""
    as_of = sums.days.last
    evidence = evidence_of(ANSWERS.left_of(sums.answers, as_of)) if as_of else ()
    return StandingChanged(
        partner_id=partner_id,
        version=sums.version,
        services={service: _service(counts) for service, counts in sorted(sums.services.items())},
        open_jobs=sum(counts["open"] for counts in sums.services.values()),
        received_on=dict(sorted(islice(sums.days.recent(), REMEMBERED_DAYS))),
        answering=answering(evidence, most),
        as_of=as_of,
        exposure=round(OFFERS.left(sums.offered, as_of), 4) if as_of else 0.0,
        busy=round(OFFERS.left(sums.without_room, as_of), 4) if as_of else 0.0,
        evidence=evidence,
    )


def _service(counts: dict[str, int]) -> ServiceStanding:
    counted = {name: counts[name] for name in COUNTED if name != "open"}
    jobs, seconds = counts["received"] - counts["leads"], counts["reply_microseconds"] / SECOND
    return ServiceStanding(**{**counted, "received": jobs, "reply_seconds": seconds})


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
