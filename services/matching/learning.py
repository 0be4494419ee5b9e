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
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from shared.contracts.base import Money
from shared.contracts.jobs import DeclineReason
from shared.contracts.matching import Evidence
from shared.contracts.requests import RequestKind

HALF_LIFE_DAYS = 60
"""After this long an answer counts half."""
EXPOSURE_HALF_LIFE_DAYS = 30
"""After this long what a partner was sent counts half against its share."""
OLDEST_DAYS = 720
"""After this long nothing is left of the evidence of a partner of whom nothing was heard meanwhile."""

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
"""How far each reason reaches. What is no partner's doing stands in no line: it teaches nothing."""

NO_REQUEST = frozenset({DeclineReason.SPAM, DeclineReason.STOPPED})
"""The reasons that say that there was no request at all. They teach nothing either, and take nothing from a share."""


NO_ROOM = frozenset({DeclineReason.NO_CAPACITY.value, DeclineReason.TIMING.value})
"""The reasons that are about how much a partner has to do."""


class Sort(NamedTuple):
    """Answers of one way to jobs of one sort. `end` is `replied`, or a key of `REACH`."""

    service: str
    band: int
    kind: str
    end: str


class Fading:
    """Sums of what halves with time, in whole numbers, so that what was added can be taken back without a trace and
    the order does not matter. The parts of a day are 2^(day / half-life), counted from `BEGIN` in 2^-53: each day's are
    as many more as the sum will be divided by on a later one, and nothing has to be counted again because a day passed.
    """

    BEGIN = date(2020, 1, 1)

    def __init__(self, half_life: int) -> None:
        self._half_life = half_life
        self._parts: list[int] = [round(2.0 ** (53 + age / half_life)) for age in range(half_life)]

    def parts(self, day: date) -> int:
        """What one of this day adds to a sum."""
        halvings, rest = divmod((day - self.BEGIN).days, self._half_life)
        parts: int = self._parts[rest]
        return parts << halvings if halvings >= 0 else parts >> -halvings

    def left(self, total: int, as_of: date) -> float:
        """What a sum of parts amounts to at `as_of`: one of that very day is 1."""
        return total / (self.parts(as_of) or 1)

    def left_of(self, totals: Mapping[Sort, int], as_of: date) -> dict[Sort, float]:
        """`left` of each of these."""
        one = self.parts(as_of) or 1
        return {sort: total / one for sort, total in totals.items()}


ANSWERS = Fading(HALF_LIFE_DAYS)
OFFERS = Fading(EXPOSURE_HALF_LIFE_DAYS)


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


def evidence_of(answers: Mapping[Sort, float]) -> tuple[Evidence, ...]:
    """What the faded counts of answers teach, by sort of job, in a fixed order."""
    parts: dict[tuple[str, int, str], list[float]] = defaultdict(lambda: [0.0] * 6)
    for sort, weight in sorted(answers.items()):
        part = parts[sort.service, sort.band, sort.kind]
        if sort.end == REPLIED:
            part[0] += weight
            continue
        reach = REACH[sort.end]
        part[2 if sort.end == EXPIRED else 1] += weight
        for place, reaches in enumerate(reach, start=3):
            part[place] += weight * reaches
        if sort.end == DeclineReason.BUDGET_TOO_LOW:  # then a smaller one is, too
            for smaller in range(1, sort.band):
                parts[sort.service, smaller, sort.kind][5] += weight * reach.sort
    return tuple(
        Evidence(
            service=service,
            band=band,
            kind=RequestKind(kind),
            **dict(zip(("accepted", "declined", "expired"), (round(one, 4) for one in part[:3]), strict=True)),
            against=(round(part[3], 4), round(part[4], 4), round(part[5], 4)),
        )
        for (service, band, kind), part in sorted(parts.items())
    )
