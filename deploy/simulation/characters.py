"""Who the partners are: drawn around what they say of themselves, out of what `nature.Nature` allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log
from random import Random
from typing import NamedTuple

from deploy.simulation import texts
from deploy.simulation.luck import drawing
from deploy.simulation.market import START, Firm, dollars, terms_of
from deploy.simulation.nature import Nature
from services.matching.learning import BANDS
from shared.contracts.partners import Away

LARGE = 3


class Turn(NamedTuple):
    """A service that a partner comes to refuse, or stops refusing."""

    service: str
    to_refusing: bool


class Holiday(NamedTuple):
    first: datetime
    back: datetime


@dataclass(frozen=True, slots=True)
class Character:
    """One partner as it is. `bands` are its tastes for budgets that are not stated, small, medium and large."""

    quality: dict[str, float]
    slip: float
    willingness: float
    services: dict[str, float]
    bands: tuple[float, ...]
    likes: frozenset[int]
    dislikes: frozenset[int]
    dropshipping: float
    weak_languages: frozenset[str]
    reliability: float
    reply_hours: float
    jobs_a_week: float
    hands: int
    holidays: tuple[Holiday, ...]
    turn: Turn | None


def make_character(seed: int, firm: Firm, nature: Nature) -> Character:
    draw = drawing(seed, "character", firm.number)
    offered = [offer.service for offer in firm.partner.profile.services]
    services = _tastes(draw, offered, nature)
    turn = Turn(draw.choice(offered), draw.random() < 0.5) if draw.random() < nature.changes_taste else None
    only_large = draw.random() < nature.only_large
    bands = [draw.gauss(0, nature.taste_spread) for _ in range(BANDS)]
    if only_large:
        bands = [taste if band in (0, LARGE) else nature.small_is_too_small for band, taste in enumerate(bands)]
    others = [one for one in range(len(texts.INDUSTRIES)) if one not in firm.industries]
    sloppy = draw.random() < nature.sloppy
    return Character(
        quality=_qualities(draw, firm, nature),
        slip=exp(draw.gauss(0.05, 0.2)),
        willingness=draw.gauss(nature.willingness, nature.willingness_spread),
        services=services,
        bands=tuple(bands),
        likes=frozenset(one for one in firm.industries if draw.random() < 0.8),
        dislikes=frozenset(draw.sample(others, 2)),
        dropshipping=nature.dropshipping if draw.random() < nature.secretly_no_dropshipping else 0.0,
        weak_languages=_weak(draw, firm, nature),
        reliability=min(draw.gauss(nature.reliability[sloppy], 0.03), 1.0),
        reply_hours=nature.reply_hours * exp(draw.gauss(0, nature.reply_hours_spread)),
        jobs_a_week=_capacity(draw, firm.partner.preferences.jobs_per_week, nature),
        hands=draw.randint(*nature.hands),
        holidays=tuple(_holidays(draw, firm, nature)),
        turn=turn,
    )


def _tastes(draw: Random, offered: Sequence[str], nature: Nature) -> dict[str, float]:
    tastes = {service: draw.gauss(0, nature.taste_spread) for service in offered}
    if len(offered) > 1 and draw.random() < nature.refuses_a_service:
        tastes[draw.choice(offered)] = nature.refusal
    return tastes


def _qualities(draw: Random, firm: Firm, nature: Nature) -> dict[str, float]:
    """Somebody good is mostly good at all it does, and the dear are a little better."""
    own = draw.gauss(0, 0.8 * nature.quality_spread)
    qualities = {}
    for offer in firm.partner.profile.services:
        dear = nature.quality_of_price * log(dollars(offer.price_from) / terms_of(offer.service).price)
        quality = nature.quality + own + dear + draw.gauss(0, 0.6 * nature.quality_spread)
        qualities[offer.service] = min(max(quality, 0.02), 0.98)
    return qualities


def _weak(draw: Random, firm: Firm, nature: Nature) -> frozenset[str]:
    """The first is its own."""
    return frozenset(one for one in firm.partner.profile.languages[1:] if draw.random() < nature.weak_language)


def _capacity(draw: Random, stated: int | None, nature: Nature) -> float:
    return draw.uniform(*nature.jobs_a_week) if stated is None else stated * draw.uniform(*nature.of_its_limit)


def _holidays(draw: Random, firm: Firm, nature: Nature) -> list[Holiday]:
    away = firm.partner.preferences.away
    holidays = [_announced(away)] if away else []
    if draw.random() < nature.silent_holidays:
        first = START + timedelta(days=draw.uniform(0, nature.days))
        holidays.append(Holiday(first, first + timedelta(days=draw.randint(*nature.holiday))))
    return holidays


def _announced(away: Away) -> Holiday:
    first, last = (
        datetime(day.year, day.month, day.day, tzinfo=START.tzinfo) for day in (away.first_day, away.last_day)
    )
    return Holiday(first, last + timedelta(days=1))
