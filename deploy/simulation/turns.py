"""How a prediction follows a partner that changes its mind about a service."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean

from deploy.simulation.characters import Turn
from deploy.simulation.market import START, Wish
from deploy.simulation.truth import Truth
from services.matching.index import BASE, SLOPE, Index
from services.matching.learning import BANDS, band_of, sort_of

USUAL_WISHES = 40


@dataclass(frozen=True, slots=True)
class Look:
    """What was predicted at a moment, after so many offers since the turn."""

    day: float
    offers: int
    predicted: float


@dataclass(slots=True)
class Followed:
    """One turn. `before` and `after` are the true chances that this partner replies to a usual request for the service;
    the first of `looks` is at the turn, those before it are `earlier`.
    """

    number: int
    turn: Turn
    before: float
    after: float
    bands: tuple[float, ...]
    offers: int = 0
    offers_before: int = 0
    earlier: list[Look] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)


class Turns:
    """All turns of a run, seen through the index that a policy chooses from. Looking changes nothing."""

    def __init__(self, truth: Truth, index: Index) -> None:
        self._truth = truth
        self._index = index
        self.followed = {
            number: _followed(truth, number, who.turn) for number, who in enumerate(truth.characters) if who.turn
        }

    def offered(self, number: int, service: str, at: datetime) -> None:
        one = self.followed.get(number)
        if one is None or one.turn.service != service:
            return
        if at < self._truth.market.half_time:
            one.offers_before += 1
        else:
            self.look(number, service, at)
            one.offers += 1

    def look(self, number: int, service: str, at: datetime) -> None:
        one = self.followed.get(number)
        if one is not None and one.turn.service == service:
            looks = one.earlier if at < self._truth.market.half_time else one.looks
            looks.append(Look((at - START) / timedelta(days=1), one.offers, self._predicted(one, at)))

    def look_at_all(self, at: datetime) -> None:
        for number, one in self.followed.items():
            if self._truth.market.firms[number].joins <= at:
                self.look(number, one.turn.service, at)

    def _predicted(self, one: Followed, at: datetime) -> float:
        pool = self._index.slice(one.turn.service, at.toordinal())
        assert pool is not None, "Its partner offers the service."
        row = self._index.row_of(pool, self._truth.market.firms[one.number].partner_id)
        sorts = [sort_of(band, by_name=False) for band in range(BANDS)]
        table = pool.columns.table[row]
        chances = [float(table[BASE + sort] + table[SLOPE + sort] * pool.mean(sort)) for sort in sorts]
        return sum(share * chance for share, chance in zip(one.bands, chances, strict=True))


def _followed(truth: Truth, number: int, turn: Turn) -> Followed:
    wishes = _usual(truth, number, turn.service)
    bands = Counter(band_of(wish.details.budget) for wish in wishes)
    half = truth.market.half_time
    before, after = (fmean([truth.at_home(number, wish, at) for wish in wishes] or [0.0]) for at in (START, half))
    shares = tuple(bands[band] / max(len(wishes), 1) for band in range(BANDS))
    return Followed(number, turn, before, after, shares)


def _usual(truth: Truth, number: int, service: str) -> Sequence[Wish]:
    """Some of the requests for the service that this partner could be sent."""
    partner = truth.market.firms[number].partner
    fitting = (
        wish
        for wish in truth.market.wishes
        if wish.details.service == service
        and wish.details.partner_id is None
        and wish.details.locale.value in partner.profile.languages
        and (partner.preferences.dropshippers or not wish.details.dropshipping)
    )
    return [wish for wish, _ in zip(fitting, range(USUAL_WISHES), strict=False)]
