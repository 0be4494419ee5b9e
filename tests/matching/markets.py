"""A market for tests: partners and standings, put in by hand."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.matching.index import Index
from services.matching.selection import Choice, select
from services.matching.weights import Weights
from shared.contracts.matching import Evidence, ServiceStanding, StandingChanged
from shared.contracts.partners import Partner
from shared.contracts.requests import RequestDetails, RequestKind
from tests.builders import NOW, REQUEST_ID, a_partner

WITHOUT_LUCK = Weights(exploration=0)


def a_market(*partners: Partner) -> Index:
    market = Index()
    for partner in partners:
        market.put(partner)
    return market


def a_crowd(count: int, **fields: object) -> list[Partner]:
    return [a_partner(f"Firm {number}", **fields) for number in range(count)]


def a_standing(partner: Partner, service: str = "seo", version: int = 1, **counts: float) -> StandingChanged:
    """Counts of a `ServiceStanding`, and the same as evidence of today about budgets that are not stated."""
    given = ServiceStanding(**counts)
    against = float(given.declined + 2 * given.expired)
    evidence = Evidence(
        service=service,
        band=0,
        kind=RequestKind.MATCH,
        accepted=given.replied,
        declined=given.declined,
        expired=given.expired,
        against=(against, against, against),
    )
    return StandingChanged(
        partner_id=partner.partner_id,
        version=version,
        services={service: given},
        as_of=NOW.date(),
        exposure=float(given.received),
        evidence=(evidence,),
    )


def chosen(
    wanted: RequestDetails,
    market: Index,
    count: int = 4,
    tried: Collection[UUID] = (),
    *,
    request_id: UUID = REQUEST_ID,
    at: datetime = NOW,
    weights: Weights = WITHOUT_LUCK,
) -> Choice:
    return select(request_id, wanted, market, count, tried, at=at, weights=weights)


def names(choice: Choice, partners: Collection[Partner]) -> list[str]:
    by_id = {partner.partner_id: partner.profile.name for partner in partners}
    return [by_id[selection.partner_id] for selection in choice.selections]
