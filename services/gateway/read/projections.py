"""The read models, built only from topics: they may be dropped and replayed."""

from collections.abc import Iterable

from services.gateway.read.search_index import tokens_of_entry
from shared.contracts.base import ActorKind, address_key
from shared.contracts.jobs import Job
from shared.contracts.leads import Lead
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Partner
from shared.contracts.requests import Request, RequestConfirmed
from shared.mongo import Database
from shared.projection import Write, newer, once
from shared.records import Received

PARTNERS, MERCHANTS, JOBS, TIMELINE = "team_view", "merchant_view", "job_view", "timeline_view"
STANDINGS, REQUESTS, LEADS = "standing_view", "request_view", "lead_view"
VERSION_FOR = {ActorKind.PARTNER: "partner_version", ActorKind.MERCHANT: "merchant_version"}
"""Where a job's document has the version that a side is shown. By `version`, the job's own, newer replaces older."""
TEAMS_VERSION = "team_version"
"""The same of a partner's document, for its own team."""


async def prepare(database: Database) -> None:
    await database[PARTNERS].create_index("slug")
    await database[REQUESTS].create_index([("merchant_id", 1), ("submitted_at", -1), ("_id", -1)])
    await database[LEADS].create_index([("partner_id", 1), ("delivered_at", -1), ("_id", -1)])
    for of in ("partner_id", "merchant_id"):
        for by, way in (("created_at", -1), ("last_activity_at", -1), ("deadline", 1)):
            await database[JOBS].create_index([(of, 1), (by, way), ("_id", way)])
    await database[JOBS].create_index([("partner_id", 1), ("status", 1), ("created_at", -1), ("_id", -1)])
    await database[JOBS].create_index([("partner_id", 1), ("assignees", 1), ("created_at", -1), ("_id", -1)])
    await database[JOBS].create_index([("merchant_id", 1), ("request_id", 1)])
    await database[TIMELINE].create_index([("job_id", 1), ("version", 1)])
    await database[TIMELINE].create_index([("job_id", 1), ("tokens", 1)])


def on_partner(received: Received) -> Iterable[Write]:
    partner: Partner = received.record.snapshot
    fields = {
        "slug": partner.profile.slug,
        TEAMS_VERSION: partner.version_for_team,
        "partner": partner.model_dump(mode="json"),
    }
    yield newer(PARTNERS, partner.partner_id, partner.version, fields)


def on_request(received: Received) -> Iterable[Write]:
    """A merchant exists once its address answered."""
    request: Request = received.record.snapshot
    asked = {
        "merchant_id": request.details.merchant.merchant_id,
        "submitted_at": request.submitted_at,
        "request": request.model_dump(mode="json"),
    }
    yield newer(REQUESTS, request.request_id, request.version, asked)
    if isinstance(received.record.fact, RequestConfirmed):
        merchant, locale = request.details.merchant, request.details.locale
        fields = {"email": address_key(merchant.email), "name": merchant.name, "locale": locale.value}
        yield newer(MERCHANTS, merchant.merchant_id, int(received.at.timestamp() * 1000), fields)


def on_job(received: Received) -> Iterable[Write]:
    """The snapshot replaces an older one; the fact joins the timeline once."""
    event = received.record
    job: Job = event.snapshot
    fields = {
        "partner_id": job.partner_id,
        "merchant_id": job.details.merchant.merchant_id,
        "request_id": job.request_id,
        "status": job.status.value,
        "kind": job.details.kind.value,
        "introduced": job.introduced,
        "assignees": [str(member_id) for member_id in job.assignees],
        "created_at": job.created_at,
        "deadline": job.deadline,
        "last_activity_at": job.last_activity_at,
        **{name: job.version_for(side) for side, name in VERSION_FOR.items()},
        "job": job.model_dump(mode="json"),
    }
    entry = {
        "job_id": job.job_id,
        "version": event.version,
        "type": event.type,
        "at": event.time,
        "fact": event.fact.model_dump(mode="json"),
    }
    if (tokens := tokens_of_entry(event.fact)) is not None:
        entry["tokens"] = tokens
    # The timeline first: whoever sees the job at a version finds everything that led there.
    yield once(TIMELINE, event.id, entry)
    yield newer(JOBS, job.job_id, job.version, fields)


def on_lead(received: Received) -> Iterable[Write]:
    lead: Lead = received.record.snapshot
    fields = {"partner_id": lead.partner_id, "delivered_at": lead.delivered_at, "lead": lead.model_dump(mode="json")}
    yield newer(LEADS, lead.lead_id, lead.version, fields)


def on_standing(received: Received) -> Iterable[Write]:
    standing: StandingChanged = received.record.data
    yield newer(STANDINGS, standing.partner_id, standing.version, {"standing": standing.model_dump(mode="json")})
