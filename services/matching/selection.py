"""Who gets a request, and why. The same request over the same index, with the same weights, gives the same selection.

1. Who is eligible (`index.needed`), and what each would score: one pass over the columns of the service's slice.
2. The best of them, in draws: in each, every prediction strays as far as it is uncertain (Thompson sampling with a
   normal approximation of the beta posterior), and the best `count` of that draw are chosen.
3. One draw, picked by the request's id, is the selection. So the share of draws that choose a partner is exactly the
   probability with which it was chosen, and is written down with it.

A score is 0 to 100. Each factor's value is between 0 and 1, the weights add up to 1, and a factor's points are
`100 * value * weight`, so that the explanation adds up to the score. `exploration` is what the draw added.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from pydantic import TypeAdapter

from services.matching import learning
from services.matching.index import (
    ANSWERS,
    BASE,
    COLUMNS,
    CRAFT,
    FEW_OFFERS,
    LANGUAGE,
    QUALITY,
    SLOPE,
    TEXT,
    TIME,
    Array,
    Index,
    Slice,
    needed,
)
from services.matching.texts import direction, on_grid
from services.matching.weights import Weights
from shared.contracts.matching import PassedOver, Selection, Why
from shared.contracts.requests import RequestDetails

SHORTLIST = 24
NEAREST = 5
"""How many of those who came close and were not chosen are written down."""
MOST_TEXT = 150
"""Characters of a text that are compared: what it is about stands at its beginning."""
LEAST_SPREAD = 0.04
"""However much is known of a partner, a draw may stray this far: people change."""
_STEPS = np.where(np.arange(COLUMNS) < TEXT, 2.0**-14, 2.0**-16)
"""Weights are whole multiples of these: see `services/matching/index.py`."""
_LUCK = np.random.Generator(np.random.Philox(key=20)).standard_normal(2**18)
"""Standard normals. A request reads a stretch of them from a place that follows from its id."""
_OUT = np.float32(4.0)
"""More than any score: who is not eligible stands below 0."""
_CHANCE = 3
"""The place of the chance among the factors of `parts_of`."""
_SELECTIONS = TypeAdapter(tuple[Selection, ...])
_PASSED_OVER = TypeAdapter(tuple[PassedOver, ...])
"""Many at once: made one by one, the explanation took longer than the choice."""


class Choice(NamedTuple):
    """Who is asked, of how many, and who came close."""

    selections: tuple[Selection, ...] = ()
    nearest: tuple[PassedOver, ...] = ()
    eligible: int = 0


Choose = Callable[[UUID, RequestDetails, int, Collection[UUID], datetime], Choice]
"""At most so many partners for this request, without those who have been tried."""


def choosing(index: Index, weights: Weights) -> Choose:
    """Matching's own way to choose."""

    def choose(request_id: UUID, details: RequestDetails, count: int, tried: Collection[UUID], at: datetime) -> Choice:
        return select(request_id, details, index, count, tried, at=at, weights=weights)

    return choose


def select(  # noqa: PLR0913 - what a selection is of, and when
    request_id: UUID,
    details: RequestDetails,
    index: Index,
    count: int,
    tried: Collection[UUID] = (),
    *,
    at: datetime,
    weights: Weights,
) -> Choice:
    """At most `count` of the eligible, the best of the draw first."""
    pool = index.slice(details.service, at.toordinal())
    if pool is None or count < 1:
        return Choice()
    asked = Asking(details, index, pool, weights)
    out = index.excluded(pool, details.merchant.merchant_id, tried)
    if details.kind.names_a_partner:
        return asked.named(out)
    seed = seed_of(request_id, len(tried))
    near = asked.best(out, count, seed, tried)
    return asked.drawn(near, count, seed) if near.free else Choice()


def seed_of(request_id: UUID, tried: int) -> bytes:
    """What decides the lots and draws of a wave."""
    return blake2b(request_id.bytes + tried.to_bytes(4, "big"), digest_size=16).digest()


class Near(NamedTuple):
    """The rows that are looked at closely, the best first. `shared`: who has somebody in the team who is in that of one
    before it, or of one that has been asked, and cannot be chosen. `eligible` counts the whole slice.
    """

    rows: Array
    shared: Array
    eligible: int

    @property
    def free(self) -> int:
        """How many of them can be chosen."""
        return len(self.rows) - int(np.count_nonzero(self.shared))


class Asking:
    """One request, put to one slice."""

    def __init__(self, details: RequestDetails, index: Index, pool: Slice, weights: Weights) -> None:
        self._details = details
        self._index = index
        self._pool = pool
        self._weights = weights
        self._sort = learning.sort_of(learning.band_of(details.budget), details.kind.names_a_partner)
        self._mean = pool.mean(self._sort)
        self._parts = parts_of(details, weights)
        self._about = direction(f"{details.title} {details.business[:MOST_TEXT]} {details.requirements[:MOST_TEXT]}")
        self._budget = self._comparable_budget()

    def scores(self, out: Sequence[int]) -> tuple[Array, int]:
        """Each row's score / 100, float32, below 0 for who is not eligible; and how many are."""
        c, size, parts = self._pool.columns, self._pool.columns.size, self._parts
        score = c.table[:size] @ self._row_weights()
        fit = parts["fit"] / 2  # the half that every text has; the rest is in the table
        part = c.load[:size] * np.float32(1 / self._one_share())
        part += np.float32(1.0)
        np.divide(np.float32(parts["share"]), part, out=part)
        part += np.float32(fit)
        score += part
        if self._budget is None:
            score += np.float32(parts["cost"] / 2)
        else:
            score += _cost(c.price[:size], c.currency[:size], *self._budget, weight=parts["cost"])
        bits = np.uint32(needed(self._details))
        fails = (c.flags[:size] & bits) != bits
        fails[out] = True
        score -= fails * _OUT  # a masked copy takes ten times as long: it stumbles over each row that differs
        return score, size - int(np.count_nonzero(fails))

    def best(self, out: Sequence[int], count: int, seed: bytes, tried: Collection[UUID] = ()) -> Near:
        """Who comes near. However many organisations somebody has, the others come no less near."""
        scores, eligible = self.scores(out)
        wanted = looked = min(max(SHORTLIST, 2 * count), eligible)
        while True:
            rows = _best(scores, looked, self._pool.columns.lot, seed)
            near = Near(rows, self._sharing(rows, tried), eligible)
            if near.free >= wanted or looked == eligible:
                break
            looked = min(2 * looked, eligible)
        if near.free == len(rows):
            return near
        nth = np.cumsum(~near.shared)
        kept = np.where(near.shared, np.arange(len(rows)) < NEAREST + count, nth <= wanted)
        return Near(rows[kept], near.shared[kept], eligible)

    def probabilities(
        self, out: Sequence[int], count: int, seed: bytes, tried: Collection[UUID] = ()
    ) -> tuple[list[bytes], Array, Array]:
        """Of everybody who came near: the partner, the probability to be chosen, and the predicted chance."""
        near = self.best(out, count, seed, tried)
        draws = self._draws(near, self.values(near.rows), count, seed)
        return self._index.ids(self._pool, near.rows), draws.probability, draws.values[_CHANCE]

    def named(self, out: Sequence[int]) -> Choice:
        """The one partner that was asked by name, if it may be."""
        asked = self._details.partner_id
        row = self._index.row_of(self._pool, asked) if asked else None
        bits = needed(self._details)
        if row is None or row in out or int(self._pool.columns.flags[row]) & bits != bits:
            return Choice()
        return self.drawn(Near(np.array([row]), np.zeros(1, bool), 1), 1, seed=None)

    def drawn(self, close: Near, count: int, seed: bytes | None) -> Choice:
        """The selection among these rows, which stand in a fixed order. Without a seed there is no luck."""
        rows = close.rows
        drawn = self._draws(close, self.values(rows), count, seed)
        picked = drawn.taken[drawn.draw].tolist()
        left = [place for place in range(min(len(rows), NEAREST + count)) if place not in picked][:NEAREST]
        near = np.array([*picked, *left])
        told = _Told(
            names=tuple(self._parts),
            ids=self._index.ids(self._pool, rows[near]),
            weights=np.round(drawn.parts, 4).tolist(),
            values=np.round(drawn.values[:, near], 4).T.tolist(),
            points=drawn.points[:, near].T.tolist(),
            luck=np.round(drawn.luck[drawn.draw, near], 2).tolist(),
            spread=drawn.parts[_CHANCE],
            probability=drawn.probability[near].tolist(),
            reply_seconds=np.round(self._pool.reply_seconds(rows[picked])).tolist(),
        )
        good = drawn.score[near] >= drawn.score[picked].min()
        reasons = close.shared[near].tolist(), drawn.crowded[near].tolist(), good.tolist()
        why = [_why(*one) for one in zip(*reasons, strict=True)][len(picked) :]
        return Choice(told.selections(len(picked)), told.passed_over(len(picked), why), close.eligible)

    def _draws(self, near: Near, values: Array, count: int, seed: bytes | None) -> "_Draws":
        rows, count = near.rows, min(count, near.free)
        parts = np.array(list(self._parts.values()))
        points = np.round(100 * values * parts[:, None], 2)
        score = points.sum(axis=0)
        luck, draws = self._luck(rows, values[_CHANCE], seed if near.free > count else None)
        crowded = self._has_its_share(rows)
        last = 1000.0 * crowded + 10_000.0 * near.shared
        taken = np.argsort(last - score - luck, axis=1, kind="stable")[:, :count]
        draw = int.from_bytes(seed[8:], "big") % draws if seed else 0
        probability = np.bincount(taken.ravel(), minlength=len(rows)) / draws
        return _Draws(parts, values, points, score, luck, crowded, taken, draw, probability)

    def values(self, rows: Array) -> Array:
        """Each factor's value for these rows, 0..1, in the order of `parts_of`: (factors, rows), float64."""
        c, table = self._pool.columns, self._pool.columns.table[rows].astype(np.float64)
        values = np.empty((len(self._parts), len(rows)))
        values[0] = table[:, TIME]
        values[1] = 0.5 if self._budget is None else _cost(c.price[rows], c.currency[rows], *self._budget)
        values[2] = table[:, QUALITY]
        values[_CHANCE] = table[:, BASE + self._sort] + table[:, SLOPE + self._sort] * self._mean
        values[4] = table[:, ANSWERS]
        values[5] = 0.5 + (table[:, TEXT:] * self._about).sum(axis=1) / 2
        values[6] = table[:, CRAFT]
        values[7] = table[:, LANGUAGE[self._details.locale]]
        values[8] = 1.0 / (1.0 + c.load[rows] / self._one_share())
        return values

    def _luck(self, rows: Array, chance: Array, seed: bytes | None) -> tuple[Array, int]:
        """How far each draw strays for each row, in points: (draws, rows); and how many draws there are."""
        if seed is None:
            return np.zeros((1, len(rows))), 1
        spread = np.sqrt(chance * (1 - chance) / (self._pool.certainty(rows, self._sort) + 3.0))
        reach = 100 * self._weights.chance * self._weights.exploration * np.maximum(spread, LEAST_SPREAD)
        return _noise(seed, self._weights.draws, len(rows)) * reach, self._weights.draws

    def _has_its_share(self, rows: Array) -> Array:
        """Who has been sent so much more than its share that others come first."""
        much = self._pool.columns.load[rows] > self._weights.most_share * self._one_share()
        return much & (self._pool.exposures(rows) > FEW_OFFERS) if much.any() else much

    def _sharing(self, rows: Array, tried: Collection[UUID]) -> Array:
        """Who shares a member with one that stands before it, or with one that has been asked."""
        people = self._index.people(self._pool, rows)
        met = self._index.people_of(tried)
        shared = np.zeros(len(rows), bool)
        for place, theirs in enumerate(people):
            if met.isdisjoint(theirs):
                met.update(theirs)
            else:
                shared[place] = True
        return shared

    def _row_weights(self) -> Array:
        """What the columns of the slice's table are multiplied with, on the grids that keep the sum exact."""
        parts = self._parts
        weights = np.zeros(COLUMNS)
        weights[TIME], weights[QUALITY] = parts["time"], parts["quality"]
        weights[ANSWERS], weights[CRAFT] = parts["answers"], parts["craft"]
        weights[LANGUAGE[self._details.locale]] = parts["language"]
        weights[BASE + self._sort], weights[SLOPE + self._sort] = parts["chance"], parts["chance"] * self._mean
        weights[TEXT:] = self._about * (parts["fit"] / 2)
        return on_grid(weights, _STEPS)

    def _one_share(self) -> float:
        return max(self._pool.mean_load(), 1e-6)

    def _comparable_budget(self) -> tuple[Decimal, int] | None:
        budget = self._details.budget
        code = self._index.currency(budget.currency) if budget else None
        return (budget.amount, code) if budget and code is not None else None


class _Draws(NamedTuple):
    """All draws among some rows. Arrays by factor and row, by row, and by draw."""

    parts: Array
    values: Array
    points: Array
    score: Array
    luck: Array
    crowded: Array
    taken: Array
    draw: int
    probability: Array


class _Told(NamedTuple):
    """What there is to tell of the rows that came near, the chosen first. Lists by row, rounded as they are told."""

    names: tuple[str, ...]
    ids: list[bytes]
    weights: list[float]
    values: list[list[float]]
    points: list[list[float]]
    luck: list[float]
    spread: float
    probability: list[float]
    reply_seconds: list[float]

    def selections(self, chosen: int) -> tuple[Selection, ...]:
        return _SELECTIONS.validate_python([self._selection(place) for place in range(chosen)])

    def passed_over(self, chosen: int, why: Sequence[Why]) -> tuple[PassedOver, ...]:
        return _PASSED_OVER.validate_python(
            [
                {
                    "partner_id": self.ids[place],
                    "score": round(sum(self.points[place]), 2),
                    "points": dict(zip(self.names, self.points[place], strict=True)),
                    "probability": self.probability[place],
                    "why": reason,
                }
                for place, reason in enumerate(why, start=chosen)
            ]
        )

    def _selection(self, place: int) -> dict[str, Any]:
        values, points, luck = self.values[place], self.points[place], self.luck[place]
        told = zip(self.names, values, self.weights, points, strict=True)
        factors = [{"name": n, "value": v, "weight": w, "points": p} for n, v, w, p in told]
        if luck:
            weight = self.weights[_CHANCE]
            strayed = round(luck / self.spread / 100, 4)
            factors.append({"name": "exploration", "value": strayed, "weight": weight, "points": luck})
        return {
            "partner_id": self.ids[place],
            "score": round(sum(points) + luck, 2),
            "factors": factors,
            "chance": values[_CHANCE],
            "reply_seconds": self.reply_seconds[place],
            "probability": self.probability[place],
        }


def parts_of(details: RequestDetails, weights: Weights) -> dict[str, float]:
    """Each factor's weight for this request, in the order in which they are told; together 1."""
    matters = details.priorities.weights()
    return {
        **{name: weights.priorities * share for name, share in matters.items()},
        "chance": weights.chance,
        "answers": weights.answers,
        "fit": weights.fit,
        "craft": weights.craft,
        "language": weights.language,
        "share": weights.share,
    }


def _cost(price: Array, currency: Array, budget: Decimal, code: int, *, weight: float = 1.0) -> Array:
    """`weight` when the price starts at half the budget or below, half of it at the budget, falling to 0 at twice it;
    half for what cannot be compared.
    """
    whole, half = np.float32(weight), np.float32(weight / 2)
    if budget == 0:
        return np.where(currency == code, np.float32(0.0), half)
    ratio = price * np.float32(weight / float(budget))
    value = 3 * half - ratio
    ratio *= np.float32(-0.5)
    ratio += whole
    np.maximum(value, ratio, out=value)
    np.clip(value, np.float32(0.0), whole, out=value)
    same = (currency == code).astype(np.float32)
    value *= same
    same -= np.float32(1.0)
    same *= -half
    value += same
    return value


def _best(scores: Array, count: int, lot: Array, seed: bytes) -> Array:
    """The rows of the `count` best, the best first; equals by a lot of the request, so that nobody is first by their
    id in every request.
    """
    if count < len(scores):
        last = np.partition(scores, -count)[-count]
        rows = np.flatnonzero(scores >= last)
    else:
        rows = np.flatnonzero(scores > np.float32(-1.0))
    mixed = (lot[rows] ^ np.uint64(int.from_bytes(seed[:8], "big"))) * np.uint64(0x9E3779B97F4A7C15)
    return rows[np.lexsort((mixed, -scores[rows]))][:count]


def _noise(seed: bytes, draws: int, width: int) -> Array:
    """Standard normals, the same for the same seed."""
    start = int.from_bytes(seed[4:8], "big") % (len(_LUCK) - draws * width)
    return _LUCK[start : start + draws * width].reshape(draws, width)


def _why(shared: bool, full: bool, good_enough: bool) -> Why:  # noqa: FBT001 - sides of one answer
    if shared:
        return Why.SAME_PEOPLE
    if full:
        return Why.SHARE
    return Why.DRAW if good_enough else Why.SCORE
