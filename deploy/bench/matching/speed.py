"""A whole selection, with its explanations, beside the bare matrix product over the same rows."""

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from deploy.bench.matching.market import AT, POPULAR, Known, request_id
from services.matching.index import Index
from services.matching.selection import select
from services.matching.weights import Weights
from shared.contracts.requests import RequestDetails

TARGET = 3.0
COUNT = 4
"""Partners in a wave."""
WARM_UP = 20


@dataclass(frozen=True)
class Speed:
    """Microseconds, medians. `rows` is everybody in the slice."""

    rows: int
    eligible: int
    bare: float
    select: float

    @property
    def ratio(self) -> float:
        return self.select / self.bare

    @property
    def holds(self) -> bool:
        return self.ratio <= TARGET


def filled(market: Iterable[Known]) -> Index:
    """An index of them all, with everything derived that depends on the day."""
    index = Index()
    for partner, standing in market:
        index.put(partner)
        if standing is not None:
            index.learn(standing)
    for service in index.slices:
        index.slice(service, AT.toordinal())
    return index


def steady() -> None:
    """As `shared.process` does it once a service is ready."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def measure(index: Index, asked: Sequence[RequestDetails]) -> Speed:
    """Each request once, both ways in turns, so that noise falls on both."""
    bare, weights = _bare(index), Weights()
    times: list[tuple[float, float]] = []
    eligible = []
    for number, details in enumerate(asked):
        began = perf_counter()
        bare()
        between = perf_counter()
        choice = select(request_id(number), details, index, COUNT, at=AT, weights=weights)
        times.append((between - began, perf_counter() - between))
        eligible.append(choice.eligible)
    counted = times[WARM_UP:]
    rows = index.slices[POPULAR].columns.size
    return Speed(rows, int(median(eligible)), *(1e6 * median(one[way] for one in counted) for way in (0, 1)))


def _bare(index: Index) -> Callable[[], Any]:
    """What nobody could do without: a product over all rows, and the best of it."""
    columns = index.slices[POPULAR].columns
    table = np.ascontiguousarray(columns.table[: columns.size])
    weights = np.random.default_rng(1).random(table.shape[1], np.float32)
    return lambda: np.argpartition(table @ weights, -COUNT)[-COUNT:]
