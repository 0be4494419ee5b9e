"""Who gets a request, and why. Pure: the same request, partners and standings give the same selection.

Hard filters first; then a score of 0 to 100 by the merchant's own priorities. Each factor is between 0 and 1, the
weights add up to 1, and a factor's points are `100 * value * weight`, so that the explanation adds up to the score.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

from shared.contracts.matching import Factor, Selection, ServiceStanding, StandingChanged
from shared.contracts.partners import Offer, Partner
from shared.contracts.requests import RequestDetails

PRIORITIES_SHARE = 0.7
"""The part of the score that the merchant's priorities divide among time, cost and quality; the rest is fixed."""
ANSWERS_SHARE = 0.2
LANGUAGE_SHARE = 0.1

PRIOR_ANSWERS = 4.0
PRIOR_ANSWERED = 0.75
PRIOR_REVIEWS = 3.0
PRIOR_RATING = 4.2
"""What a newcomer is taken to be: the priors' weights are counts of imagined jobs and reviews (beta and Bayesian
means)."""

SLOW_REPLY_SECONDS = 72 * 3600.0
SLOW_LEAD_DAYS = 30.0


class Market(Protocol):
    def partners(self) -> Iterable[Partner]: ...
    def partner(self, partner_id: UUID) -> Partner | None: ...
    def standing(self, partner_id: UUID) -> StandingChanged | None: ...


def select(  # noqa: PLR0913 - what a selection is of, and when
    request_id: UUID, details: RequestDetails, market: Market, count: int, tried: Collection[UUID], *, at: datetime
) -> tuple[Selection, ...]:
    """At most `count` partners who have not been tried, the best first. Equal scores are ordered by a hash of request
    and partner, so that nobody is first by their id in every request.
    """
    named = market.partner(details.partner_id) if details.partner_id else None
    candidates = [named] if named else [] if details.kind.names_a_partner else market.partners()
    scored = [
        explained(details, partner, offer, standing)
        for partner in candidates
        if partner.partner_id not in tried
        and (offer := eligible(details, partner, at)) is not None
        and has_room(partner, standing := market.standing(partner.partner_id), details, at)
    ]
    scored.sort(key=lambda selection: (-selection.score, _lot(request_id, selection.partner_id)))
    return tuple(scored[:count])


def eligible(details: RequestDetails, partner: Partner, at: datetime) -> Offer | None:
    """The partner's offer if it may get this request at all, else None."""
    preferences = partner.preferences
    matched = not details.kind.names_a_partner
    passes = (
        partner.profile.published
        and preferences.contactable(at)
        and details.merchant.merchant_id not in partner.blocked_by
        and (preferences.visible or not matched)
        and (preferences.dropshippers or not details.dropshipping)
        # Whoever asks one partner by name has read its languages on its profile.
        and (details.locale.value in partner.profile.languages or not matched)
    )
    return partner.offer(details.service) if passes else None


def has_room(partner: Partner, standing: StandingChanged | None, details: RequestDetails, at: datetime) -> bool:
    """Whether the partner wants one more matched job now: below its open jobs, and below its new jobs of this and the
    six days before. A direct request is the merchant's own choice and always fits. Standings follow the jobs by some
    milliseconds, so that requests at the same moment may pass the limit by one or two.
    """
    if details.kind.names_a_partner:
        return True
    wanted, standing = partner.preferences, standing or StandingChanged.newcomers(partner.partner_id)
    week = {(at - timedelta(days=back)).date() for back in range(7)}
    new = sum(count for day, count in standing.received_on.items() if day in week)
    return (wanted.open_jobs is None or standing.open_jobs < wanted.open_jobs) and (
        wanted.jobs_per_week is None or new < wanted.jobs_per_week
    )


def explained(details: RequestDetails, partner: Partner, offer: Offer, standing: StandingChanged | None) -> Selection:
    """The partner's score for this request, factor by factor."""
    total = standing.total() if standing else ServiceStanding()
    here = standing.services.get(details.service, ServiceStanding()) if standing else ServiceStanding()
    weights = details.priorities.weights()
    parts = (
        ("time", _time(offer, total), PRIORITIES_SHARE * weights["time"]),
        ("cost", _cost(details, offer), PRIORITIES_SHARE * weights["cost"]),
        ("quality", _quality(here, total), PRIORITIES_SHARE * weights["quality"]),
        ("answers", answers_value(total), ANSWERS_SHARE),
        ("language", 1.0 if partner.profile.main_language is details.locale else 0.5, LANGUAGE_SHARE),
    )
    factors = tuple(
        Factor(name=name, value=round(value, 4), weight=round(weight, 4), points=round(100 * value * weight, 2))
        for name, value, weight in parts
    )
    return Selection(
        partner_id=partner.partner_id, score=round(sum(factor.points for factor in factors), 2), factors=factors
    )


def _time(offer: Offer, total: ServiceStanding) -> float:
    """Half how soon the work can be delivered, half how soon this partner usually writes back."""
    lead = 1.0 - min(offer.lead_days / SLOW_LEAD_DAYS, 1.0)
    if total.replied == 0:
        return (lead + 0.5) / 2
    reply = 1.0 - min(total.reply_seconds / total.replied / SLOW_REPLY_SECONDS, 1.0)
    return (lead + reply) / 2


def _cost(details: RequestDetails, offer: Offer) -> float:
    """1 when the price starts at half the budget or below, 0.5 at the budget, falling to 0 at twice it; 0.5 when
    unknown.
    """
    budget = details.budget_in(offer.price_from.currency)
    if budget is None or offer.unit != "project":
        return 0.5
    if budget == 0:
        return 0.0
    ratio = float(offer.price_from.amount / budget)
    return min(max(1.5 - ratio, 0.0), 1.0) if ratio <= 1 else max(0.5 - (ratio - 1) / 2, 0.0)


def _quality(here: ServiceStanding, total: ServiceStanding) -> float:
    """The Bayesian mean rating as 0..1; reviews of other services count half."""
    reviews = here.reviews + (total.reviews - here.reviews) / 2
    ratings = here.rating_sum + (total.rating_sum - here.rating_sum) / 2
    mean = (PRIOR_RATING * PRIOR_REVIEWS + ratings) / (PRIOR_REVIEWS + reviews)
    return (mean - 1) / 4


def answers_value(total: ServiceStanding) -> float:
    """The share of jobs that got an answer (beta mean). A decline is an answer; an expiry is not, and counts twice."""
    answered = total.replied + total.declined
    return (PRIOR_ANSWERED * PRIOR_ANSWERS + answered) / (PRIOR_ANSWERS + answered + 2 * total.expired)


def _lot(request_id: UUID, partner_id: UUID) -> bytes:
    return blake2b(request_id.bytes + partner_id.bytes, digest_size=8).digest()
