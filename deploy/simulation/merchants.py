"""What merchants do with the replies: look after three days, take the best by what they said matters, and be satisfied
or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import exp

from deploy.simulation.luck import luck, normal
from deploy.simulation.market import Wish
from deploy.simulation.truth import DAY, Truth

SLOW_LEAD_DAYS = 45.0
MOST_CHOICE = 2


@dataclass(frozen=True, slots=True)
class Reply:
    """By whom, and how long after the request."""

    number: int
    after: timedelta


@dataclass(frozen=True, slots=True)
class Verdict:
    """`best` is who was taken into view, `hired` whether it got the order."""

    best: int | None = None
    satisfied: bool = False
    hired: bool = False


def verdict(truth: Truth, wish: Wish, replies: Sequence[Reply]) -> Verdict:
    if not replies:
        return Verdict()
    best = max(replies, key=lambda reply: _seen(truth, wish, reply.number)).number
    first = min(reply.after for reply in replies)
    chance = satisfaction(truth, fit(truth, best, wish), len(replies) - 1, first)
    satisfied = luck(truth.seed, wish.number, "satisfied") < chance
    hires = truth.nature.hires[0 if satisfied else 1]
    return Verdict(best, satisfied, luck(truth.seed, wish.number, "hires") < hires)


def fit(truth: Truth, number: int, wish: Wish) -> float:
    """How well what this partner does suits what matters to the merchant, 0..1."""
    service, matters = wish.details.service, wish.details.priorities.weights()
    cost = min(max(1.5 - truth.price_over_budget(number, wish), 0.0), 1.0)
    time = max(1 - truth.lead_days(number, service) / SLOW_LEAD_DAYS, 0.0)
    return (
        matters["quality"] * truth.characters[number].quality[service] + matters["cost"] * cost + matters["time"] * time
    )


def satisfaction(truth: Truth, fits: float, others: float, waited: timedelta) -> float:
    """The probability of being satisfied: grows with the fit of what was taken and with how many more there were to
    choose from (the third adds nothing), falls with each day without a reply.
    """
    nature = truth.nature
    odds = nature.contented + nature.by_fit * fits + nature.by_choice * min(others, MOST_CHOICE)
    return 1 / (1 + exp(-(odds + nature.by_day_of_waiting * (waited / DAY))))


def rating(truth: Truth, number: int, wish: Wish) -> int:
    """What a merchant that had the work done says of it, 1..5: people are kind."""
    quality = truth.characters[number].quality[wish.details.service]
    said = 2.7 + 2.4 * quality + truth.nature.rating_spread * normal(truth.seed, wish.number, number, "rating")
    return min(max(round(said), 1), 5)


def _seen(truth: Truth, wish: Wish, number: int) -> float:
    return fit(truth, number, wish) + truth.nature.eyes * normal(truth.seed, wish.number, number, "eyes")
