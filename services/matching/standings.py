"""What matching learns of partners: a projection of `jobs.events` and `leads.events`, published as `standings`.

Each job and each lead leaves one document, replaced when a newer snapshot comes; a partner's standing is summed from
its documents. Summing again after a crash or a duplicate gives the same numbers, which adding to a counter would not.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.matching.selection import ANSWERS_SHARE, answers_value
from shared.commands import command
from shared.consumer import Received
from shared.contracts.base import derived_id
from shared.contracts.jobs import Job, Status
from shared.contracts.leads import Lead
from shared.contracts.matching import Answering, ServiceStanding, StandingChanged
from shared.mongo import Database, Document, aggregated
from shared.projection import Projection, Write, newer
from shared.publisher import Outgoing, Publisher, outgoing
from shared.topics import STANDINGS

COLLECTION = "job_outcomes"
SUMMED = ("leads", "open", "replied", "opened", "declined", "expired", "reply_seconds", "reviews", "rating_sum")
REMEMBERED_DAYS = 8
OPEN = frozenset({Status.NEW, Status.OPENED, Status.REPLIED, Status.AWAITING_REPLY})


class Standings:
    """A `shared.consumer.Handler`: remember the jobs of the batch, then say the standing of every partner in it."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._outcomes = database[COLLECTION]
        self._remember = Projection(database, remember)
        self._publisher = publisher

    async def prepare(self) -> None:
        await self._outcomes.create_index("partner_id")

    async def __call__(self, batch: Sequence[Received]) -> None:
        await self._remember(batch)
        latest = {received.record.snapshot.partner_id: received for received in batch}
        sums = await aggregated(self._outcomes, sums_of(list(latest)))
        days = await aggregated(self._outcomes, days_of(list(latest)))
        standings = standings_of(sums, days)
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


def remember(received: Received) -> Iterable[Write]:
    snapshot: Job | Lead = received.record.snapshot
    outcome = outcome_of_lead(snapshot) if isinstance(snapshot, Lead) else outcome_of(snapshot)
    yield newer(COLLECTION, received.record.subject, snapshot.version, outcome)


def outcome_of_lead(lead: Lead) -> dict[str, Any]:
    """What this lead adds. Prospects and partners talk elsewhere: only the review is known."""
    return {
        **dict.fromkeys(SUMMED, 0),
        "partner_id": lead.partner_id,
        "service": lead.details.service,
        "leads": 1,
        "reviews": int(lead.review is not None),
        "rating_sum": lead.review.rating if lead.review else 0,
    }


def outcome_of(job: Job) -> dict[str, Any]:
    """What this job adds to its partner's standing."""
    reply = (job.first_reply_at - job.created_at).total_seconds() if job.first_reply_at else 0.0
    declined = job.decline is not None and job.first_reply_at is None and job.decline.by.value == "partner"
    return {
        "partner_id": job.partner_id,
        "service": job.details.service,
        "leads": 0,
        "day": job.created_at.date().isoformat(),
        "open": int(job.status in OPEN),
        "replied": int(job.first_reply_at is not None),
        "opened": int(job.reply_opened_at is not None),
        "declined": int(declined),
        "expired": int(job.status is Status.EXPIRED),
        "reply_seconds": reply,
        "reviews": int(job.review is not None),
        "rating_sum": job.review.rating if job.review else 0,
    }


def sums_of(partner_ids: Sequence[UUID]) -> list[Document]:
    """The aggregation that sums these partners' jobs, per partner and service."""
    sums = {name: {"$sum": f"${name}"} for name in (*SUMMED, "version")}
    return [
        {"$match": {"partner_id": {"$in": list(partner_ids)}}},
        {"$group": {"_id": {"partner_id": "$partner_id", "service": "$service"}, "received": {"$sum": 1}, **sums}},
    ]


def days_of(partner_ids: Sequence[UUID]) -> list[Document]:
    """The aggregation that counts these partners' new jobs of each day."""
    return [
        {"$match": {"partner_id": {"$in": list(partner_ids)}, "day": {"$ne": None}}},
        {"$group": {"_id": {"partner_id": "$partner_id", "day": "$day"}, "received": {"$sum": 1}}},
    ]


def standings_of(sums: Iterable[Document], days: Iterable[Document] = ()) -> list[StandingChanged]:
    """The standings that the sums of `sums_of` and the counts of `days_of` amount to."""
    parts: dict[UUID, list[Document]] = defaultdict(list)
    for summed in sums:
        parts[summed["_id"]["partner_id"]].append(summed)
    received: dict[UUID, dict[date, int]] = defaultdict(dict)
    for counted in days:
        received[counted["_id"]["partner_id"]][date.fromisoformat(counted["_id"]["day"])] = counted["received"]
    return [_standing(partner_id, of, received[partner_id]) for partner_id, of in parts.items()]


def _standing(partner_id: UUID, sums: Sequence[Document], received_on: dict[date, int]) -> StandingChanged:
    services = {
        summed["_id"]["service"]: ServiceStanding.model_validate(
            {**summed, "received": summed["received"] - summed["leads"]}
        )
        for summed in sums
    }
    standing = StandingChanged(
        partner_id=partner_id,
        version=sum(summed["version"] for summed in sums),
        services=dict(sorted(services.items())),
        open_jobs=sum(summed["open"] for summed in sums),
        received_on=dict(sorted(received_on.items())[-REMEMBERED_DAYS:]),
    )
    return standing.model_copy(update={"answering": answering(standing.total())})


def answering(total: ServiceStanding) -> Answering:
    """What answering in time does to this partner's score, in the points that selection gives for it."""
    most = 100 * ANSWERS_SHARE
    in_time = total.replied + total.declined
    kept = total.model_copy(update={"expired": 0})
    return Answering(
        share=round(in_time / (in_time + total.expired), 4) if in_time + total.expired else None,
        points=round(most * answers_value(total), 2),
        points_without_expiries=round(most * answers_value(kept), 2),
        most=most,
    )
