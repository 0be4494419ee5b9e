"""What stands in no record: what partners can do, what they like, when they are really there, and so what becomes of a
request that is sent to them.

Whether a partner replies in time is the product of four things, each with its own luck:

    it answers at all      `reliability`; on holiday next to nothing is answered before it ends
    it has room            its load (jobs of the last week over what it can look at, plus orders over hands) is bearable
    it wants the job       log odds: willingness + taste for the service, the budget band and the industry
                           + what it thinks of dropshipping, of its weak languages, of budgets below its price
    it is quick enough     lognormal around its own median, from when it is there

A partner without room declines, or lets the job expire; one that does not want it declines, for a reason that usually
is the cause. At half time some partners turn: they refuse a service that they took, or take one that they refused.
Every number stands in `nature.Nature`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from math import exp, log
from statistics import NormalDist
from typing import NamedTuple

from deploy.simulation.characters import Character, make_character
from deploy.simulation.luck import lognormal, luck, one_of
from deploy.simulation.market import Market, Wish, dollars, usual_budget
from services.matching.learning import band_of
from shared.contracts.jobs import DeclineReason

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW = 72 * HOUR
GLAD = 1.0
"""The taste for a service after it was taken up, or before it was dropped."""
DECLINES_SOONER = 0.6
FULL_AND_SILENT = 0.35
"""How often somebody without room says nothing at all."""

Reasons = Sequence[tuple[str, float]]
R = DeclineReason
REASONS: dict[str, Reasons] = {
    "room": ((R.NO_CAPACITY, 0.75), (R.TIMING, 0.15), (R.OTHER, 0.1)),
    "mood": ((R.OTHER, 0.45), (R.TIMING, 0.3), (R.NO_CAPACITY, 0.25)),
    "service": ((R.NOT_MY_SERVICE, 0.7), (R.OTHER, 0.25), (R.TIMING, 0.05)),
    "band": ((R.BUDGET_TOO_LOW, 0.75), (R.OTHER, 0.25)),
    "price": ((R.BUDGET_TOO_LOW, 0.85), (R.OTHER, 0.15)),
    "industry": ((R.OTHER, 0.65), (R.NOT_MY_SERVICE, 0.2), (R.TIMING, 0.15)),
    "dropshipping": ((R.OTHER, 0.7), (R.NOT_MY_SERVICE, 0.3)),
    "language": ((R.LANGUAGE, 0.65), (R.OTHER, 0.35)),
}
"""What is said for which cause."""


class Outcome(NamedTuple):
    """What becomes of a job: `end` is `replied`, `expired` or the reason of the decline."""

    end: str
    after: timedelta


class Truth:
    """The truth around a market. Another `seed` is another truth behind the same records."""

    def __init__(self, market: Market, seed: int | None = None) -> None:
        self.market = market
        self.nature = market.nature
        self.seed = market.seed if seed is None else seed
        self.characters = [make_character(self.seed, firm, market.nature) for firm in market.firms]
        self._in_time = NormalDist(0, self.nature.reply_spread)

    @cached_property
    def numbers(self) -> dict[object, int]:
        return {firm.partner_id: firm.number for firm in self.market.firms}

    def chance(self, number: int, wish: Wish, at: datetime, load: float = 0.0) -> float:
        """The probability that this partner replies in time to what is sent now."""
        who = self.characters[number]
        room = 1 - self.no_room(load)
        return who.reliability * room * self.wants(number, wish, at) * self._quick_enough(who, at)

    def at_home(self, number: int, wish: Wish, at: datetime) -> float:
        """The same for somebody who is there and has room."""
        who = self.characters[number]
        return who.reliability * self.wants(number, wish, at) * self._within(who, WINDOW)

    def wants(self, number: int, wish: Wish, at: datetime) -> float:
        return _probability(sum(self._feelings(number, wish, at).values()))

    def no_room(self, load: float) -> float:
        return _probability((load - self.nature.full_at) / self.nature.full_spread)

    def outcome(self, number: int, wish: Wish, at: datetime, load: float) -> Outcome:
        """What this partner does with this request, sent now."""
        who, about = self.characters[number], (self.seed, number, wish.number)
        begins = self._begins(who, at, *about)
        hours = lognormal(who.reply_hours, self.nature.reply_spread, *about, "hours")
        if luck(*about, "answers") > who.reliability or begins + hours * HOUR >= at + WINDOW:
            return Outcome("expired", WINDOW)
        declined = begins - at + DECLINES_SOONER * hours * HOUR
        if luck(*about, "room") < self.no_room(load):
            if luck(*about, "silent") < FULL_AND_SILENT:
                return Outcome("expired", WINDOW)
            return Outcome(one_of(REASONS["room"], *about, "reason"), declined)
        if luck(*about, "wants") < self.wants(number, wish, at):
            return Outcome("replied", begins - at + hours * HOUR)
        return Outcome(self._reason(number, wish, at), declined)

    def lead_days(self, number: int, service: str) -> float:
        offer = self.market.firms[number].partner.offer(service)
        assert offer is not None, "Nobody is sent what it does not offer."
        return offer.lead_days * self.characters[number].slip

    def price_over_budget(self, number: int, wish: Wish) -> float:
        """Where no budget is stated, what such work usually costs stands for it."""
        offer = self.market.firms[number].partner.offer(wish.details.service)
        assert offer is not None, "Nobody is sent what it does not offer."
        budget = wish.details.budget
        return dollars(offer.price_from) / (dollars(budget) if budget else usual_budget(wish.details.service))

    def _feelings(self, number: int, wish: Wish, at: datetime) -> dict[str, float]:
        """The log odds of wanting a job, by what they come from."""
        who, nature, details = self.characters[number], self.nature, wish.details
        liked = nature.likes * (wish.industry in who.likes) + nature.dislikes * (wish.industry in who.dislikes)
        return {
            "mood": who.willingness + nature.by_name * details.kind.names_a_partner,
            "service": self.taste(number, details.service, at),
            "band": who.bands[band_of(details.budget)],
            "price": nature.below_price * max(log(self.price_over_budget(number, wish)), 0.0),
            "industry": liked,
            "dropshipping": who.dropshipping * details.dropshipping,
            "language": nature.in_weak_language * (details.locale.value in who.weak_languages),
        }

    def taste(self, number: int, service: str, at: datetime) -> float:
        who = self.characters[number]
        if who.turn is None or who.turn.service != service:
            return who.services[service]
        refuses = who.turn.to_refusing == (at >= self.market.half_time)
        return self.nature.refusal if refuses else GLAD

    def _reason(self, number: int, wish: Wish, at: datetime) -> str:
        feelings = self._feelings(number, wish, at)
        against = [("mood", 1.0), *((cause, -odds) for cause, odds in feelings.items() if odds < 0 and cause != "mood")]
        about = (self.seed, number, wish.number)
        return one_of(REASONS[one_of(against, *about, "cause")], *about, "reason")

    def _begins(self, who: Character, at: datetime, *about: object) -> datetime:
        """When somebody looks at it: at once, or back from holiday."""
        back = _back(who, at)
        return at if back is None or luck(*about, "holiday") < self.nature.answers_on_holiday else back

    def _quick_enough(self, who: Character, at: datetime) -> float:
        at_once, back = self._within(who, WINDOW), _back(who, at)
        if back is None:
            return at_once
        some = self.nature.answers_on_holiday
        return some * at_once + (1 - some) * self._within(who, at + WINDOW - back)

    def _within(self, who: Character, left: timedelta) -> float:
        return self._in_time.cdf(log(left / HOUR / who.reply_hours)) if left > timedelta() else 0.0


def _probability(odds: float) -> float:
    return 1 / (1 + exp(-odds))


def _back(who: Character, at: datetime) -> datetime | None:
    return next((holiday.back for holiday in who.holidays if holiday.first <= at < holiday.back), None)
