"""The statistics of the reports. Pure."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf, sqrt
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""The 97.5 % quantile of Student's t for 1, 2, 3 … degrees of freedom."""


class Interval(NamedTuple):
    """A mean and half of its 95 % interval: infinite for a single value."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half


def interval(values: Sequence[float]) -> Interval:
    free = len(values) - 1
    if free < 1:
        return Interval(fmean(values), inf)
    t = _T[free - 1] if free <= len(_T) else NormalDist().inv_cdf(0.975)
    return Interval(fmean(values), t * stdev(values) / sqrt(len(values)) if max(values) < inf else inf)


def lorenz(shares: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of pairs of claim and exposure, those with the least for their claim first: which share of all claims has got
    which share of all exposure.
    """
    ordered = sorted(shares, key=lambda one: one[1] / one[0] if one[0] else inf)
    claims, got = sum(claim for claim, _ in ordered) or 1.0, sum(exposure for _, exposure in ordered) or 1.0
    points, x, y = [(0.0, 0.0)], 0.0, 0.0
    for claim, exposure in ordered:
        x, y = x + claim / claims, y + exposure / got
        points.append((x, y))
    return points


def unevenness(shares: Iterable[tuple[float, float]]) -> float:
    """Gini's coefficient of exposure per claim, each partner weighing as much as its claim: 0 when everybody gets what
    it can and wants to do, 1 when one gets all.
    """
    points = lorenz(shares)
    return 1 - sum((x - x0) * (y + y0) for (x0, y0), (x, y) in pairwise(points))


def kaplan_meier(times: Iterable[tuple[int, bool]]) -> list[tuple[int, float]]:
    """After how long which share is still waiting, of pairs of a time and whether it happened then, or was only seen
    until then.
    """
    ordered = sorted(times)
    left, curve = 1.0, list[tuple[int, float]]()
    for at in sorted({time for time, _ in ordered}):
        waiting = sum(time >= at for time, _ in ordered)
        happened = sum(time == at and seen for time, seen in ordered)
        left *= 1 - happened / waiting
        curve.append((at, left))
    return curve


def median_of(curve: Iterable[tuple[int, float]]) -> float:
    return next((float(at) for at, left in curve if left <= 0.5), inf)
