"""The ways to choose that are compared. All go by the same hard filters and the same rules for waves; whoever is asked
by name is chosen by matching's own rules under each of them.

    ours         matching as it is
    blind        the same without learning from answers: what it remembers are exposure, open jobs and reviews
    random       any of the eligible
    round-robin  whoever of them was asked longest ago, per service
    rating       the best reviewed
    static       the best by what the merchant said matters: lead days, price, reviews
    eager        as static, and half as many again at a time
    oracle       knows the truth, and takes whoever makes it likeliest that the merchant will be satisfied
"""

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np

from deploy.simulation.hats import Array, Choosing, Hat, Pick, by, picking, the_best
from deploy.simulation.loads import Loads
from deploy.simulation.oracle import Oracle
from deploy.simulation.truth import Truth
from services.matching.offline import Matcher
from services.matching.weights import Weights
from shared.contracts.matching import StandingChanged
from shared.settings import Settings

LEARNED = ("replied", "opened", "declined", "expired", "reply_seconds")


def _any(hat: Hat) -> Array:
    return np.zeros(len(hat.rows))


def _rating(hat: Hat) -> Array:
    """By the mean review (Bayesian: three imagined ones of 4.2), then by how many there are."""
    of, numbers = hat.market.partners, hat.pool.columns.number[hat.rows]
    reviews, ratings = of.reviews[numbers].astype(np.float64), of.ratings[numbers].astype(np.float64)
    return (3 * 4.2 + ratings) / (3 + reviews) + 1e-6 * reviews


def _static(hat: Hat) -> Array:
    matters, c = hat.details.priorities.weights(), hat.pool.columns
    time = 1 - np.minimum(c.lead[hat.rows] / 30, 1.0)
    score = matters["time"] * time + matters["cost"] * _cost(hat) + matters["quality"] * (_rating(hat) - 1) / 4
    return np.asarray(score.round(9))


def _cost(hat: Hat) -> Array:
    """1 for a price of half the budget, 0 for one and a half; 0.5 for what cannot be compared."""
    c, budget = hat.pool.columns, hat.details.budget
    if budget is None:
        return np.full(len(hat.rows), 0.5)
    ratio = c.price[hat.rows] / float(budget.amount)
    comparable = c.currency[hat.rows] == (hat.market.currency(budget.currency) or -1)
    return np.where(comparable, np.clip(1.5 - ratio, 0.0, 1.0), 0.5)


def _round_robin() -> Choosing:
    turns = count()
    asked: dict[tuple[str, int], int] = {}

    def longest_ago(hat: Hat) -> Array:
        numbers = hat.pool.columns.number[hat.rows]
        return -np.array([asked.get((hat.details.service, int(one)), -1) for one in numbers], np.float64)

    def pick(hat: Hat, wanted: int) -> Sequence[Pick]:
        picks = the_best(hat, longest_ago(hat), wanted)
        for one in picks:
            asked[hat.details.service, int(hat.pool.columns.number[hat.rows[one.place]])] = next(turns)
        return picks

    return picking(pick)


class Blind(Matcher):
    """Matching that is told nothing of answers."""

    def __init__(self, settings: Settings, weights: Weights) -> None:
        super().__init__(settings, weights)
        learn = self.index.learn

        def learn_less(standing: StandingChanged) -> None:
            learn(without_answers(standing))

        self.index.learn = learn_less  # type: ignore[method-assign]  # the index is made in `Matcher`, and this is the one way in


def without_answers(standing: StandingChanged) -> StandingChanged:
    services = {service: one.model_copy(update=dict.fromkeys(LEARNED, 0)) for service, one in standing.services.items()}
    return standing.model_copy(update={"services": services, "evidence": ()})


SIMPLE: dict[str, Callable[[], Choosing]] = {
    "random": lambda: by(_any),
    "round-robin": _round_robin,
    "rating": lambda: by(_rating),
    "static": lambda: by(_static),
    "eager": lambda: by(_static, more=1.5),
}
BEST_OF = ("random", "round-robin", "rating", "static")
"""The simple policies with the same number of partners a wave: one of them is what matching has to beat."""
POLICIES = ("ours", "blind", *SIMPLE, "oracle")


def matcher_for(policy: str, truth: Truth, loads: Loads) -> Matcher:
    """A fresh matcher. `truth` and `loads` are for the oracle alone."""
    settings, weights = Settings(), Weights()
    if policy == "ours":
        return Matcher(settings, weights)
    if policy == "blind":
        return Blind(settings, weights)
    if policy == "oracle":
        return Matcher(settings, weights, choice=picking(Oracle(truth, loads)))
    return Matcher(settings, weights, choice=SIMPLE[policy]())
