"""Waves of matching, for the tests of how they are explained."""

from typing import Any
from uuid import UUID

from shared.contracts.base import Message, derived_id
from shared.contracts.matching import Factor, Match, MatchStatus, PassedOver, RequestMatched, Selection, Why
from shared.contracts.requests import RequestDetails
from shared.records import Received
from tests.builders import NOW, PARTNER_ID, REQUEST_ID, an_event, details, received

BOB, CY, DEE = (derived_id("partner", name) for name in ("Bob", "Cy", "Dee"))
PARTS = {"cost": 0.2, "quality": 0.1, "chance": 0.4, "answers": 0.3}


def selected(partner_id: UUID = PARTNER_ID, *, luck: float = 0.0, probability: float = 1.0, **points: float) -> Any:
    """Somebody who was asked. Points that are not given are half of what they may be."""
    factors = [_factor(name, points.get(name, 50 * weight), weight) for name, weight in PARTS.items()]
    if luck:
        factors.append(_factor("exploration", luck, PARTS["chance"]))
    score = round(sum(factor.points for factor in factors), 2)
    return Selection(partner_id=partner_id, score=score, factors=tuple(factors), probability=probability)


def passed_over(partner_id: UUID = BOB, why: Why = Why.SCORE, probability: float = 0.0, **points: float) -> PassedOver:
    given = {name: points.get(name, 50 * weight) for name, weight in PARTS.items()}
    score = round(sum(given.values()), 2)
    return PassedOver(partner_id=partner_id, score=score, points=given, probability=probability, why=why)


def a_wave(
    *selections: Selection, nearest: tuple[PassedOver, ...] = (), of: RequestDetails | None = None, **fields: Any
) -> RequestMatched:
    asked = {"wave": 1, "eligible": 57, "weights": "standard", **fields}
    return RequestMatched(details=of or details(), selections=selections or (selected(),), nearest=nearest, **asked)


def heard(fact: Message, request_id: UUID = REQUEST_ID, **envelope: Any) -> Received:
    """What happened to the match of a request, as the gateway hears of it."""
    of = getattr(fact, "details", None) or details()
    match = Match(
        request_id=request_id, details=of, status=MatchStatus.WAITING, wave=1, asked=(), started_at=NOW, version=1
    )
    return received(an_event(fact, match, subject=request_id, **envelope), topic="matches")


def _factor(name: str, points: float, weight: float) -> Factor:
    return Factor(name=name, value=round(points / weight / 100, 4), weight=weight, points=points)
