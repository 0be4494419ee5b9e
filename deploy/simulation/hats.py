"""Who could be chosen for a request, and ways to choose among them: by the same hard filters as matching, and with
matching's own rules for whoever is asked by name.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching import learning
from services.matching.index import Index, Slice, needed
from services.matching.selection import Choice, Choose, choosing
from services.matching.weights import Weights
from shared.contracts.matching import Selection
from shared.contracts.requests import RequestDetails

Array = NDArray[Any]
Choosing = Callable[[Index], Choose]


class Hat(NamedTuple):
    """Those who could be chosen for one request. `lots` are equal chances, the same for whatever order of rows."""

    request_id: UUID
    details: RequestDetails
    market: Index
    pool: Slice
    rows: Array
    lots: Array
    at: datetime


class Pick(NamedTuple):
    """One of the rows of a hat, by its place, and what is expected of it."""

    place: int
    goodness: float
    chance: float
    reply_seconds: float | None = None


Picking = Callable[[Hat, int], Sequence[Pick]]
Order = Callable[[Hat], Array]
"""For each row how good it is; equals are drawn by lot."""


def picking(pick: Picking) -> Choosing:
    """A way to choose out of everybody eligible."""

    def of(index: Index) -> Choose:
        named = choosing(index, Weights())

        def choose(
            request_id: UUID, details: RequestDetails, wanted: int, tried: Collection[UUID], at: datetime
        ) -> Choice:
            if details.kind.names_a_partner:
                return named(request_id, details, wanted, tried, at)
            hat = _hat(request_id, details, index, tried, at)
            picks = pick(hat, wanted) if hat is not None and wanted > 0 else ()
            return Choice(tuple(_selection(hat, one) for one in picks), (), len(hat.rows)) if hat else Choice()

        return choose

    return of


def by(order: Order, *, more: float = 1.0) -> Choosing:
    """The best by a simple order. What is expected of each is what is usual for this sort of job."""

    def pick(hat: Hat, wanted: int) -> Sequence[Pick]:
        return the_best(hat, order(hat), ceil(wanted * more))

    return picking(pick)


def the_best(hat: Hat, goodness: Array, wanted: int) -> Sequence[Pick]:
    sort = learning.sort_of(learning.band_of(hat.details.budget), by_name=False)
    usual = round(hat.pool.mean(sort), 4)
    best = np.lexsort((hat.lots, -goodness))[:wanted]
    return [Pick(int(place), round(float(goodness[place]), 4), usual) for place in best]


def _hat(request_id: UUID, details: RequestDetails, index: Index, tried: Collection[UUID], at: datetime) -> Hat | None:
    pool = index.slice(details.service, at.toordinal())
    if pool is None:
        return None
    c, bits = pool.columns, np.uint32(needed(details))
    passes = (c.flags[: c.size] & bits) == bits
    passes[index.excluded(pool, details.merchant.merchant_id, tried)] = False
    rows = np.flatnonzero(passes)
    rows = rows[np.argsort(c.lot[rows])]
    seed = int.from_bytes(request_id.bytes, "big") ^ len(tried)
    return Hat(
        request_id, details, index, pool, rows, np.random.Generator(np.random.Philox(seed)).random(len(rows)), at
    )


def _selection(hat: Hat, pick: Pick) -> Selection:
    return Selection(
        partner_id=partner_of(hat, pick.place),
        score=pick.goodness,
        factors=(),
        chance=pick.chance,
        reply_seconds=pick.reply_seconds,
    )


def partner_of(hat: Hat, place: int) -> UUID:
    return hat.market.id_of(int(hat.pool.columns.number[hat.rows[place]]))
