"""A market for tests: partners and standings, put in by hand."""

from services.matching.market import Market
from shared.contracts.matching import ServiceStanding, StandingChanged
from shared.contracts.partners import Partner
from shared.metrics import Metrics
from tests.builders import a_partner


def a_market(*partners: Partner) -> Market:
    market = Market(Metrics("tests"))
    for partner in partners:
        market.put(partner)
    return market


def a_crowd(count: int, **fields: object) -> list[Partner]:
    return [a_partner(f"Firm {number}", **fields) for number in range(count)]


def a_standing(partner: Partner, service: str = "seo", version: int = 1, **counts: float) -> StandingChanged:
    services = {service: ServiceStanding(**counts)}
    return StandingChanged(partner_id=partner.partner_id, version=version, services=services)
