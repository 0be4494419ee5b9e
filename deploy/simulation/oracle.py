"""What could be reached: a policy that knows the truth, and how much everybody has to do."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from deploy.simulation.hats import Hat, Pick, partner_of
from deploy.simulation.loads import Loads
from deploy.simulation.market import Wish
from deploy.simulation.merchants import fit, satisfaction
from deploy.simulation.truth import HOUR, Truth

MOST_LIKELY = 24
"""It looks at so many of those who would be good for the merchant by themselves."""


class Hope(NamedTuple):
    """What the oracle expects of one row; `alone` is how likely it satisfies the merchant by itself."""

    place: int
    chance: float
    fits: float
    hours: float
    waited: timedelta
    alone: float


class Oracle:
    """Takes, one after the other, whoever adds most to the probability that this merchant will be satisfied. It spares
    nobody for the next merchant: no upper bound, only very good.
    """

    def __init__(self, truth: Truth, loads: Loads) -> None:
        self._truth = truth
        self._loads = loads
        self._wishes = {wish.request_id: wish for wish in truth.market.wishes}

    def __call__(self, hat: Hat, wanted: int) -> Sequence[Pick]:
        wish = self._wishes[hat.request_id]
        likely = sorted((self._hope(hat, place, wish) for place in range(len(hat.rows))), key=_alone, reverse=True)
        left, taken = likely[:MOST_LIKELY], list[Hope]()
        while left and len(taken) < wanted:
            best = max(left, key=lambda one: self._satisfied([*taken, one]))
            left.remove(best)
            taken.append(best)
        return [Pick(one.place, one.alone, one.chance, one.hours * 3600) for one in taken]

    def _hope(self, hat: Hat, place: int, wish: Wish) -> Hope:
        number = self._truth.numbers[partner_of(hat, place)]
        chance = self._truth.chance(number, wish, hat.at, self._loads.of(number, hat.at))
        hours = self._truth.characters[number].reply_hours
        fits = fit(self._truth, number, wish)
        waited = hat.at - wish.at + hours * HOUR
        return Hope(place, chance, fits, hours, waited, chance * satisfaction(self._truth, fits, 0, waited))

    def _satisfied(self, hopes: Sequence[Hope]) -> float:
        """The merchant takes the best of those who reply; the others are what it could choose from."""
        total, nobody_better = 0.0, 1.0
        best_first = sorted(hopes, key=lambda one: one.fits, reverse=True)
        for place, one in enumerate(best_first):
            others = sum(other.chance for other in best_first[place + 1 :])
            total += nobody_better * one.chance * satisfaction(self._truth, one.fits, others, one.waited)
            nobody_better *= 1 - one.chance
        return total


def _alone(hope: Hope) -> float:
    return hope.alone
