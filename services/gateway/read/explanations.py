"""Why matching has asked a partner, or has not: one document for each partner that a wave considered closely; and who
else could do what a partner that was asked by name cannot.

A partner must not learn whose request it was that it did not get: nothing of the merchant stands in a document, nor
what was written, nor in that of a partner that was not asked what the merchant would have paid.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.base import Contract, Event, Locale, Money, derived_id
from shared.contracts.matching import Match, PassedOver, RequestMatched, RequestUnmatched, Selection, Why
from shared.contracts.requests import RequestKind
from shared.mongo import Database
from shared.projection import Write, newer, once
from shared.records import Received

EXPLANATIONS, ALTERNATIVES = "explanation_view", "alternative_view"
LUCK = "exploration"
MOST_BEHIND = 3
BEHIND_POINTS = 0.5
"""A factor in which somebody is behind by less than this has not decided anything."""


class Part(Contract):
    """One factor of a score, as in `shared.contracts.matching.Factor`. A weight that nobody who was asked was scored
    with is not known.
    """

    name: str
    points: float
    value: float | None = None
    weight: float | None = None


class Explanation(Contract):
    """What matching thought of one partner for one wave. `bar` is the lowest score of those who were asked, without
    the luck of the draw, `behind` are the factors in which they were most ahead on average, the farthest first.
    `eligible` is 0 in waves of the time before anybody counted.
    """

    id: UUID
    at: datetime
    partner_id: UUID
    request_id: UUID
    service: str
    kind: RequestKind
    locale: Locale
    budget: Money | None
    wave: int
    chosen: bool
    why: Why | None
    score: float
    bar: float
    probability: float
    asked: int
    eligible: int
    weights: str
    factors: tuple[Part, ...]
    behind: tuple[str, ...] = ()


class Sought(NamedTuple):
    """The filters of a list. None asks for nothing."""

    chosen: bool | None = None
    service: str | None = None
    request_id: UUID | None = None
    partner_id: UUID | None = None

    def query(self) -> dict[str, Any]:
        return {name: value for name, value in self._asdict().items() if value is not None}


async def prepare(database: Database) -> None:
    latest = [("at", -1), ("_id", -1)]
    await database[EXPLANATIONS].create_index(latest)
    await database[EXPLANATIONS].create_index([("partner_id", 1), *latest])
    await database[EXPLANATIONS].create_index([("partner_id", 1), ("chosen", 1), *latest])
    await database[EXPLANATIONS].create_index([("request_id", 1), *latest])


def on_match(received: Received) -> Iterable[Write]:
    """A wave is explained once, to each partner by itself; what else happens to a match explains nothing."""
    event: Event[Any, Match] = received.record
    match event.fact:
        case RequestMatched():
            for explanation in explanations_of(event):
                yield once(EXPLANATIONS, explanation.id, _document(explanation))
        case RequestUnmatched(details=details, alternatives=alternatives):
            fields = {"merchant_id": details.merchant.merchant_id, "alternatives": list(alternatives)}
            yield newer(ALTERNATIVES, event.subject, event.version, fields)


def explanations_of(event: Event[RequestMatched, Match]) -> list[Explanation]:
    """Of each who was asked, and of each who came near."""
    wave = event.fact
    weights = {factor.name: factor.weight for one in wave.selections for factor in one.factors}
    ahead = _average([_points(one) for one in wave.selections])
    return [
        *(_explained(event, one, _told(one)) for one in wave.selections),
        *(
            _explained(event, one, _derived(one, weights), why=one.why, behind=_behind(one.points, ahead))
            for one in wave.nearest
        ),
    ]


def explanation(document: dict[str, Any]) -> Explanation:
    return Explanation.model_validate({**document, "id": document["_id"]})


def _explained(
    event: Event[RequestMatched, Match],
    one: Selection | PassedOver,
    factors: tuple[Part, ...],
    *,
    why: Why | None = None,
    behind: tuple[str, ...] = (),
) -> Explanation:
    wave = event.fact
    return Explanation(
        id=derived_id("explanation", event.id, one.partner_id),
        at=event.time,
        partner_id=one.partner_id,
        request_id=event.subject,
        **{name: getattr(wave.details, name) for name in ("service", "kind", "locale")},
        budget=wave.details.budget if isinstance(one, Selection) else None,
        wave=wave.wave,
        chosen=isinstance(one, Selection),
        why=why,
        score=one.score,
        bar=round(min(map(_without_luck, wave.selections), default=0.0), 2),
        probability=one.probability,
        asked=len(wave.selections),
        eligible=wave.eligible,
        weights=wave.weights,
        factors=factors,
        behind=behind,
    )


def _told(one: Selection) -> tuple[Part, ...]:
    return tuple(Part(**factor.model_dump()) for factor in one.factors)


def _derived(one: PassedOver, weights: Mapping[str, float]) -> tuple[Part, ...]:
    """With the weights of those who were asked: a wave has one set of them."""
    return tuple(
        Part(name=name, points=points, weight=weights.get(name), value=_value(points, weights.get(name)))
        for name, points in one.points.items()
    )


def _value(points: float, weight: float | None) -> float | None:
    return round(points / weight / 100, 4) if weight else None


def _points(one: Selection) -> dict[str, float]:
    """By factor, without luck: those who were passed over are compared with what was earned."""
    return {factor.name: factor.points for factor in one.factors if factor.name != LUCK}


def _without_luck(one: Selection) -> float:
    return one.score - sum(factor.points for factor in one.factors if factor.name == LUCK)


def _average(points: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in points for name in one)
    return {name: sum(one.get(name, 0.0) for one in points) / len(points) for name in names}


def _behind(points: Mapping[str, float], ahead: Mapping[str, float]) -> tuple[str, ...]:
    gaps = {name: average - points.get(name, 0.0) for name, average in ahead.items()}
    wide = [name for name in sorted(gaps, key=lambda name: -gaps[name]) if gaps[name] >= BEHIND_POINTS]
    return tuple(wide[:MOST_BEHIND])


def _document(of: Explanation) -> dict[str, Any]:
    """Ids and the time as MongoDB has them, to be looked up by; the rest as it travels."""
    found = {name: getattr(of, name) for name in ("at", "partner_id", "request_id")}
    return {**of.model_dump(mode="json", exclude={"id"}), **found}
