"""What an answer teaches: of this sort of job, of this service, of this partner. Pure.

A sort of job is a service, a budget band and whether the partner was asked by name. Evidence fades with a half-life.
The predicted chance that a partner replies is an empirical Bayes mean of beta-binomials, in three steps from the wide
to the narrow; each answer counts in one of them alone:

    wide   = (A + K_PARTNER * m)      / (A + B + K_PARTNER)      A, B of the partner's other services
    middle = (A + K_SERVICE * wide)   / (A + B + K_SERVICE)      A, B of other sorts of job of this service
    chance = (A + K_SORT    * middle) / (A + B + K_SORT)         A, B of this sort of job

with A the replies, B what declines and expiries weigh at that distance, and m the mean of this sort of job over
everybody who offers the service. The chance is linear in m, so `services/matching/index.py` keeps it as two numbers a
row.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from shared.contracts.base import Money
from shared.contracts.jobs import DeclineReason
from shared.contracts.matching import Evidence
from shared.contracts.requests import RequestKind

HALF_LIFE_DAYS = 60.0
"""After this long an answer counts half."""
EXPOSURE_HALF_LIFE_DAYS = 30.0
"""After this long what a partner was sent counts half against its share."""
OLDEST_DAYS = 720
"""What is older counts nothing."""

K_PARTNER, K_SERVICE, K_SORT = 6.0, 5.0, 6.0
"""How many imagined answers of the wider group stand beside the narrower group's own."""
K_MEAN, PRIOR_CHANCE = 12.0, 0.5
"""The mean of a sort of job shrinks to its service's mean, and that to what is expected before anybody has answered."""

BANDS = 4
_EDGES: Mapping[str, tuple[Decimal, Decimal]] = MappingProxyType(
    {currency: (Decimal(1_000), Decimal(5_000)) for currency in ("USD", "EUR", "GBP", "CAD", "AUD", "CHF")}
    | {"JPY": (Decimal(150_000), Decimal(750_000))}
)
"""Where a small budget ends and a large one begins, stated for each currency: nothing is converted (DECISIONS 10)."""

EXPIRED, REPLIED = "expired", "replied"


class Reach(NamedTuple):
    """How much an answer that is no reply weighs for this partner's jobs, its jobs of this service, and those of this
    very sort.
    """

    partner: float
    service: float
    sort: float


REACH: Mapping[str, Reach] = MappingProxyType(
    {
        EXPIRED: Reach(1.2, 1.2, 1.2),  # three days lost, and nobody told
        DeclineReason.NOT_MY_SERVICE.value: Reach(0.2, 1.5, 1.0),
        DeclineReason.BUDGET_TOO_LOW.value: Reach(0.3, 0.3, 1.0),
        DeclineReason.LANGUAGE.value: Reach(0.8, 1.0, 1.0),
        DeclineReason.NO_CAPACITY.value: Reach(1.0, 1.0, 0.8),  # about the moment, not about this work
        DeclineReason.TIMING.value: Reach(1.0, 1.0, 0.8),
        DeclineReason.DUPLICATE.value: Reach(0.0, 0.0, 0.0),
        DeclineReason.OTHER.value: Reach(0.8, 1.0, 1.0),
    }
)
"""How far each reason reaches. Withdrawn and blocked are the merchant's doing and stand in no line: they teach
nothing.
"""


NO_ROOM = frozenset({DeclineReason.NO_CAPACITY.value, DeclineReason.TIMING.value})
"""The reasons that are about how much a partner has to do."""


class Tally(NamedTuple):
    """How often a partner answered jobs of one sort in one way on one day. `end` is `replied`, or a key of `REACH`."""

    service: str
    band: int
    kind: RequestKind
    end: str
    day: date
    times: int


def band_of(budget: Money | None) -> int:
    """0 for a budget that is not stated or whose currency has no edges here; 1 small, 2 medium, 3 large."""
    edges = _EDGES.get(budget.currency) if budget else None
    if budget is None or edges is None:
        return 0
    return 1 + (budget.amount >= edges[0]) + (budget.amount >= edges[1])


def sort_of(band: int, by_name: bool) -> int:  # noqa: FBT001 - a coordinate
    """The number of a sort of job within its service, 0 to `SORTS - 1`."""
    return band + BANDS * by_name


SORTS = 2 * BANDS


def faded(day: date, as_of: date, half_life: float) -> float:
    """How much is left at `as_of` of something of this day."""
    age = (as_of - day).days
    return 0.5 ** (max(age, 0) / half_life) if age <= OLDEST_DAYS else 0.0


def evidence_of(tallies: Iterable[Tally], as_of: date) -> tuple[Evidence, ...]:
    """What the tallies amount to at `as_of`, by sort of job, in a fixed order. The same tallies in another order give
    the same numbers to the last digit.
    """
    parts: dict[tuple[str, int, RequestKind], list[float]] = defaultdict(lambda: [0.0] * 6)
    for tally in sorted(tallies):
        weight = tally.times * faded(tally.day, as_of, HALF_LIFE_DAYS)
        part = parts[tally.service, tally.band, tally.kind]
        if tally.end == REPLIED:
            part[0] += weight
            continue
        reach = REACH[tally.end]
        part[2 if tally.end == EXPIRED else 1] += weight
        for place, reaches in enumerate(reach, start=3):
            part[place] += weight * reaches
        if tally.end == DeclineReason.BUDGET_TOO_LOW:  # then a smaller one is, too
            for smaller in range(1, tally.band):
                parts[tally.service, smaller, tally.kind][5] += weight * reach.sort
    return tuple(
        Evidence(
            service=service,
            band=band,
            kind=kind,
            **dict(zip(("accepted", "declined", "expired"), (round(one, 4) for one in part[:3]), strict=True)),
            against=(round(part[3], 4), round(part[4], 4), round(part[5], 4)),
        )
        for (service, band, kind), part in sorted(parts.items())
    )


def busy_of(tallies: Iterable[Tally], as_of: date) -> float:
    """How often a partner has had no room lately, faded as its exposure is."""
    without_room = sorted(tally for tally in tallies if tally.end in NO_ROOM)
    return round(sum(one.times * faded(one.day, as_of, EXPOSURE_HALF_LIFE_DAYS) for one in without_room), 4)


def exposure_of(offered_on: Mapping[date, int], as_of: date) -> float:
    """How often matching has sent a partner something, faded."""
    days = sorted(offered_on.items())
    return round(sum(count * faded(day, as_of, EXPOSURE_HALF_LIFE_DAYS) for day, count in days), 4)
