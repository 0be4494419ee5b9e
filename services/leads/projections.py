"""What the public side shows of partners, built only from topics: it may be dropped and replayed."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from services.leads.ranking import Standing
from shared.contracts.jobs import Job
from shared.contracts.leads import Lead
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Offer, Partner
from shared.contracts.requests import merchant_id_of
from shared.mongo import Database
from shared.projection import Projection, Write, newer
from shared.records import Received
from shared.service import Service
from shared.taxonomy import SERVICES, is_service
from shared.tokens import tokens_of
from shared.topics import JOB_EVENTS, LEAD_EVENTS, PARTNERS, STANDINGS, Topic

PROFILES, REPUTES, REVIEWS = "directory", "directory_standings", "directory_reviews"


async def prepare(database: Database) -> None:
    await database[PROFILES].create_index("slug")
    await database[PROFILES].create_index([("searchable", 1), ("tokens", 1)])
    await database[PROFILES].create_index([("searchable", 1), ("services", 1)])
    await database[REVIEWS].create_index([("partner_id", 1), ("at", -1), ("_id", -1)])


def listen(service: Service) -> None:
    """Hear what there is to know of partners: who they are, how they answer, what is said of their work."""
    hears: tuple[tuple[str, Topic, Callable[[Received], Iterable[Write]]], ...] = (
        ("leads.partners", PARTNERS, on_partner),
        ("leads.standings", STANDINGS, on_standing),
        ("leads.jobs", JOB_EVENTS, on_job),
        ("leads.reviews", LEAD_EVENTS, on_lead),
    )
    service.prepares(lambda: prepare(service.database))
    for group, topic, react in hears:
        service.hears(group, [topic], Projection(service.database, react))


def on_partner(received: Received) -> Iterable[Write]:
    """The public profile. `blocked_by` and `team`, the ids that its members would ask under, are for the desk alone."""
    partner: Partner = received.record.snapshot
    profile, preferences, rights = partner.profile, partner.preferences, partner.rights
    offers = [offer for offer in profile.services if is_service(offer.service)]
    fields = {
        "slug": profile.slug,
        "name": profile.name,
        "about": profile.about,
        "main_language": profile.main_language.value,
        "languages": list(profile.languages),
        "country": profile.country,
        "portfolio": list(profile.portfolio),
        "services": [offer.service for offer in offers],
        "offers": [_offer(offer) for offer in offers],
        "currencies": sorted({offer.price_from.currency for offer in offers}),
        "published": partner.shown,
        "searchable": partner.shown and preferences.visible,
        "reachable": partner.shown and rights.jobs and preferences.available,
        "takes_leads": rights.leads,
        "away": away.model_dump(mode="json") if (away := preferences.away) else None,
        "blocked_by": list(partner.blocked_by),
        "team": [merchant_id_of(member.email) for member in partner.members if member.joined],
        "tokens": tokens_of("\n".join(texts_of(profile.name, profile.about, [offer.service for offer in offers]))),
    }
    yield newer(PROFILES, partner.partner_id, partner.version, fields)


def texts_of(name: str, about: str, services: Iterable[str]) -> list[str]:
    """What a search looks through: a service is found by its name in any language."""
    return [name, about, *(SERVICES[service].names[locale] for service in services for locale in ("en", "fr", "ja"))]


def on_standing(received: Received) -> Iterable[Write]:
    """All services together: a card shows one partner, not one service."""
    standing: StandingChanged = received.record.data
    total, answering = standing.total(), standing.answering
    repute = Standing(
        ended=total.replied + total.declined + total.expired,
        replied=total.replied,
        reply_seconds=total.reply_seconds,
        reviews=total.reviews,
        rating_sum=total.rating_sum,
        answers=answering.points / answering.most if answering.most else None,
    )
    yield newer(REPUTES, standing.partner_id, standing.version, repute._asdict())


def on_job(received: Received) -> Iterable[Write]:
    job: Job = received.record.snapshot
    if job.review is not None and not job.review.stands:
        yield _taken_down(job.job_id, job.version)
    elif job.review is not None:
        edited = {"edited": job.review.edited_at is not None, "answer": job.review.answer}
        yield newer(REVIEWS, job.job_id, job.version, {**_review(job, job.review), **edited})


def on_lead(received: Received) -> Iterable[Write]:
    lead: Lead = received.record.snapshot
    if lead.review is not None and not lead.review.stands:
        yield _taken_down(lead.lead_id, lead.version)
    elif lead.review is not None:
        unanswered = {"edited": False, "answer": None}
        yield newer(REVIEWS, lead.lead_id, lead.version, {**_review(lead, lead.review), **unanswered})


def _taken_down(about: UUID, version: int) -> Write:
    """Nobody's: no query finds it, also not one of an older release. An older version cannot bring it back."""
    return newer(REVIEWS, about, version, {"partner_id": None, "text": "", "rating": 0, "answer": None})


def _offer(offer: Offer) -> dict[str, Any]:
    """The offer as it travels; `cents` is its price as a number that a query can compare, within one currency."""
    return {**offer.model_dump(mode="json"), "cents": int(offer.price_from.amount * 100)}


def _review(about: Job | Lead, review: Any) -> dict[str, Any]:
    """What anybody may read: whose work, which service, what was said and when; not who said it."""
    return {
        "partner_id": about.partner_id,
        "service": about.details.service,
        "locale": about.details.locale.value,
        "rating": review.rating,
        "text": review.text,
        "at": review.at,
    }
