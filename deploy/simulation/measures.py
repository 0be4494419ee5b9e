"""What one run amounts to. Requests of the first quarter are left out (nobody has learned anything yet), as are those
that were withdrawn and those for a partner by name, whom matching does not choose; predictions are judged for both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import NamedTuple

from deploy.simulation.market import START, Firm, Wish
from deploy.simulation.run import Run, Sent, Story
from deploy.simulation.statistics import kaplan_meier, lorenz, median_of, unevenness
from deploy.simulation.truth import DAY, HOUR, Truth
from deploy.simulation.turns import Followed

WARM_UP = 0.25
BINS = 10
ENOUGH_BEFORE = 3
"""A turn counts if so many offers before it have given the prediction a chance to be right."""
WITHIN_OFFERS = 20
USUAL_WISHES = 60

Figures = dict[str, float]
Bin = tuple[float, float, int]
"""Mean prediction, share of replies, how many."""


class TurnSeen(NamedTuple):
    """A turn that could be followed: after how many offers it was (or for how many it was not), and day and prediction
    of each look at it. `before` and `after` are the true chances.
    """

    to_refusing: bool
    before: float
    after: float
    offers: int
    followed: bool
    looks: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Played:
    """A run's figures, and what is counted over all runs or drawn."""

    seed: int
    policy: str
    figures: Figures
    lorenz: list[tuple[float, float]]
    bins: list[Bin]
    turns: list[TurnSeen]


def measured(truth: Truth, policy: str, run: Run) -> Played:
    warm = START + WARM_UP * timedelta(days=truth.nature.days)
    stories = [one for one in run.stories.values() if one.wish.at >= warm and _counts(one)]
    judged = [sent for story in run.stories.values() for sent in story.sent if sent.at >= warm and _judged(sent)]
    shares = exposures(truth, run, warm)
    bins = calibration(judged)
    figures = {
        **of_requests(stories),
        **of_partners(truth, run),
        "gini": unevenness(shares),
        **of_predictions(judged, bins),
    }
    turns = [_seen(one) for one in run.turns.followed.values() if _can_be_followed(one)]
    return Played(truth.seed, policy, figures, lorenz(shares), bins, turns)


def of_requests(stories: Sequence[Story]) -> Figures:
    sent = [one for story in stories for one in story.sent]
    ended = [one for one in sent if one.end is not None]
    expired = sum(one.end == "expired" for one in ended) / len(ended)
    declined = sum(one.end not in ("expired", "replied") for one in ended) / len(ended)
    return {
        "satisfied": fmean(story.verdict.satisfied for story in stories),
        "answered": fmean(story.verdict.best is not None for story in stories),
        "first_reply_hours": median(
            min(reply.after for reply in story.replies) / HOUR for story in stories if story.replies
        ),
        "messages": len(sent) / len(stories),
        "declined": declined,
        "expired": expired,
        "wasted": declined + expired,
    }


def of_partners(truth: Truth, run: Run) -> Figures:
    """How long partners wait to be chosen. Whoever never was has waited until the end, and longer: that is too kind to
    a policy that forgets somebody, and is the same for all.
    """
    offers = offers_to(truth, run)
    firms, ends = truth.market.firms, truth.market.ends
    waits = {firm.number: _days(min([*offers[firm.number], ends]) - firm.joins) for firm in firms}
    present = sum(_days(ends - firm.joins) for firm in firms)
    return {
        "newcomer_days": fmean(waits[firm.number] for firm in firms if firm.joins > START),
        "first_offer_days": fmean(waits[firm.number] for firm in firms if firm.joins == START),
        "gap_days": present / sum(map(len, offers.values())),
    }


def offers_to(truth: Truth, run: Run) -> Mapping[int, list[datetime]]:
    """When matching chose each partner out of others."""
    offers: dict[int, list[datetime]] = {firm.number: [] for firm in truth.market.firms}
    for story in run.stories.values():
        if story.wish.details.partner_id is None:
            for sent in story.sent:
                offers[sent.number].append(sent.at)
    return offers


def exposures(truth: Truth, run: Run, since: datetime) -> list[tuple[float, float]]:
    """For each partner its fair claim (what it can look at, times how willing it is, times the days it was there) and
    what it was sent.
    """
    offers = offers_to(truth, run)
    got = [sum(at >= since for at in offers[firm.number]) for firm in truth.market.firms]
    return [(claim(truth, firm, since), count) for firm, count in zip(truth.market.firms, got, strict=True)]


def claim(truth: Truth, firm: Firm, since: datetime) -> float:
    who, starts, ends = truth.characters[firm.number], max(firm.joins, since), truth.market.ends
    wishes = _usual(truth, firm)
    willing = fmean([truth.wants(firm.number, wish, wish.at) for wish in wishes] or [0.0])
    away = sum(max(_days(min(one.back, ends) - max(one.first, starts)), 0.0) for one in who.holidays)
    return who.jobs_a_week * willing * max(_days(ends - starts) - away, 0.0)


def _usual(truth: Truth, firm: Firm) -> list[Wish]:
    profile = firm.partner.profile
    services = {offer.service for offer in profile.services}
    fitting = (
        wish
        for wish in truth.market.wishes
        if wish.details.service in services and wish.details.locale.value in profile.languages
    )
    return [wish for wish, _ in zip(fitting, range(USUAL_WISHES), strict=False)]


def of_predictions(judged: Sequence[Sent], bins: Iterable[Bin]) -> Figures:
    """Brier's score, its skill against whoever knows nothing but the share of replies of this very run, the skill of
    the truth itself (more is luck), and the expected calibration error.
    """
    replied = [float(sent.end == "replied") for sent in judged]
    brier, of_truth = (
        _brier([_chance(sent) for sent in judged], replied),
        _brier([one.truly for one in judged], replied),
    )
    knows_nothing = _brier([fmean(replied)] * len(judged), replied)
    error = sum(count * abs(said - got) for said, got, count in bins) / len(judged)
    return {
        "brier": brier,
        "brier_skill": 1 - brier / knows_nothing,
        "truths_skill": 1 - of_truth / knows_nothing,
        "calibration_error": error,
        "too_hopeful": fmean(map(_chance, judged)) - fmean(replied),
    }


def _brier(said: Sequence[float], happened: Sequence[float]) -> float:
    return fmean((one - came) ** 2 for one, came in zip(said, happened, strict=True))


def calibration(judged: Iterable[Sent]) -> list[Bin]:
    parts: list[list[Sent]] = [[] for _ in range(BINS)]
    for sent in judged:
        parts[min(int(_chance(sent) * BINS), BINS - 1)].append(sent)
    return [
        (fmean(map(_chance, part)), fmean(sent.end == "replied" for sent in part), len(part)) for part in parts if part
    ]


def of_turns(turns: Sequence[TurnSeen]) -> Figures:
    """How many offers of the service it took until the prediction had gone more than half of the way. Turns that were
    not followed before the run ended count as far as they were seen (Kaplan and Meier).
    """
    curve = kaplan_meier((one.offers, one.followed) for one in turns)
    still = [left for offers, left in curve if offers <= WITHIN_OFFERS]
    return {"turns": len(turns), "offers": median_of(curve), "within_20": 1 - min(still, default=1.0)}


def _seen(one: Followed) -> TurnSeen:
    over = (look for look in one.looks if abs(look.predicted - one.after) < abs(look.predicted - one.before))
    first = next(over, None)
    looks = [(look.day, look.predicted) for look in (*one.earlier, *one.looks)]
    offers = one.offers if first is None else first.offers
    return TurnSeen(one.turn.to_refusing, one.before, one.after, offers, first is not None, looks)


def _can_be_followed(one: Followed) -> bool:
    """Somebody was offered the service often enough before the turn, and was then predicted to do as before."""
    if one.offers_before < ENOUGH_BEFORE or not one.looks:
        return False
    at_turn = one.looks[0].predicted
    return abs(at_turn - one.before) < abs(at_turn - one.after)


def _counts(story: Story) -> bool:
    return story.wish.withdrawn_at is None and story.wish.details.partner_id is None


def _judged(sent: Sent) -> bool:
    return sent.end is not None and sent.chance is not None


def _chance(sent: Sent) -> float:
    assert sent.chance is not None, "Only predictions are judged."
    return sent.chance


def _days(span: timedelta) -> float:
    return span / DAY
