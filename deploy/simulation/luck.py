"""Luck that depends on what it is about, not on when it is drawn: all policies of a seed meet the same."""

from collections.abc import Sequence
from hashlib import blake2b
from math import exp
from random import Random
from statistics import NormalDist

_NORMAL = NormalDist()


def luck(*about: object) -> float:
    """Uniform between 0 and 1, never either."""
    digest = blake2b("/".join(map(str, about)).encode(), digest_size=6).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**48


def normal(*about: object) -> float:
    return _NORMAL.inv_cdf(luck(*about))


def lognormal(median: float, spread: float, *about: object) -> float:
    return median * exp(spread * normal(*about))


def one_of(weighted: Sequence[tuple[str, float]], *about: object) -> str:
    """One of the names, as often as its weight says."""
    left = luck(*about) * sum(weight for _, weight in weighted)
    for name, weight in weighted:
        left -= weight
        if left < 0:
            return name
    return weighted[-1][0]


def drawing(*purpose: object) -> Random:
    """A generator of its own for each purpose."""
    return Random("/".join(map(str, ("jobwire simulation", *purpose))))  # noqa: S311 - the same market every time
