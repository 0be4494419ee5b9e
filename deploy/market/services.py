"""Which services a firm offers, and at what price."""

import math
import random
from collections.abc import Sequence
from typing import Any

from deploy.market.firms import Firm
from deploy.market.offers import COUNTRIES, OFFERS, PACE, PRICE_LEVEL
from shared.taxonomy import SERVICES

SERVICE_COUNT = {"person": (3, 5), "freelancer": (3, 4), "studio": (5, 8), "agency": (8, 13)}

# Reachable partners who also take dropshippers, per service and language: a wave of four, with two to spare.
ENOUGH = 6


def draw_services(draw: random.Random, firm: Firm) -> list[str]:
    """What the firm is known for, and some of what goes with it."""
    related = related_services(firm.known_for)
    if firm.kind == "agency":
        related += related_services([*firm.known_for, *related])
    possible = [service for service in related if can_offer(firm, service)]
    wanted = draw.randint(*SERVICE_COUNT[firm.kind]) - len(firm.known_for)
    return [*firm.known_for, *draw.sample(possible, max(0, min(wanted, len(possible))))]


def can_offer(firm: Firm, service: str) -> bool:
    return service != "translation" or len(firm.languages) > 1


def related_services(services: Sequence[str]) -> list[str]:
    """What goes with these services, without them."""
    related = dict.fromkeys(neighbour for service in services for neighbour in OFFERS[service].goes_with)
    return [service for service in related if service not in services]


def fill_gaps(reachable: Sequence[Firm], services: dict[str, list[str]]) -> None:
    """Adds services to the likeliest of the reachable firms until each service has `ENOUGH` in every language."""
    for language in ("ja", "fr", "en"):
        speakers = [firm for firm in reachable if language in firm.languages]
        for service in SERVICES:
            missing = ENOUGH - sum(service in services[firm.slug] for firm in speakers)
            others = [firm for firm in speakers if service not in services[firm.slug] and can_offer(firm, service)]
            others.sort(key=lambda firm: (unlikelihood(firm, service), len(services[firm.slug]), firm.slug))
            for firm in others[: max(0, missing)]:
                services[firm.slug].append(service)


def unlikelihood(firm: Firm, service: str) -> int:
    """0 for a team whose known work leads to the service, 5 for a person known for something far from it."""
    near = related_services(firm.known_for)
    distance = 0 if service in near else 1 if service in related_services([*firm.known_for, *near]) else 2
    return 2 * distance + (firm.kind in {"person", "freelancer"})


def price_services(draw: random.Random, firm: Firm, services: Sequence[str]) -> list[dict[str, Any]]:
    dearness = draw.uniform(0.8, 1.3)
    return [price_service(draw, firm, service, dearness) for service in services]


def price_service(draw: random.Random, firm: Firm, service: str, dearness: float) -> dict[str, Any]:
    country = COUNTRIES[firm.country]
    terms = draw.choice(OFFERS[service].terms)
    price = round_price(terms.price * PRICE_LEVEL[firm.kind] * country.rate * dearness * draw.uniform(0.9, 1.1))
    return {
        "service": service,
        "price_from": {
            "amount": str(price) if country.currency == "JPY" else f"{price}.00",
            "currency": country.currency,
        },
        "unit": terms.unit,
        "lead_days": max(1, round(terms.lead_days * PACE[firm.kind] * draw.uniform(0.7, 1.3))),
    }


def round_price(price: float) -> int:
    """As people price things: two digits that count, and fives between 20 and 100."""
    step = 5 if 20 <= price < 100 else max(1, 10 ** (math.floor(math.log10(price)) - 1))
    return round(price / step) * step
