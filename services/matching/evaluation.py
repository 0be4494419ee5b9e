"""Would other weights have chosen better? Estimated from a recorded log, without asking anybody again.

A log holds, for every partner that was chosen, the probability p with which it was. For other weights, the probability
q with which they would have chosen it follows from the same records. With r = 1 for a reply and 0 for a decline or an
expiry, and m the predicted chance, one wave of k partners is worth, per partner asked,

    inverse propensity   sum over the chosen of q/p * r, over the sum of q/p, all waves together (Hajek 1971)
    doubly robust        sum over everybody near of q * m, plus
                         sum over the chosen of q/p * (r - m), divided by k     (Dudik, Langford and Li 2011)

The first is right if the log says p truly; the second also where the predictions are right. Both know nothing of
partners whom the log would never have chosen: `covered` says how much of what the other weights would choose the log
could have. Choose wider draws (`exploration`) to learn more from a log. Intervals are normal ones over waves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple
from uuid import UUID

from services.matching.index import Index
from services.matching.learning import REPLIED
from services.matching.offline import Learner
from services.matching.selection import Asking, seed_of
from services.matching.standings import end_of
from services.matching.weights import Weights
from shared.contracts.jobs import Job
from shared.contracts.matching import Match, RequestMatched
from shared.contracts.requests import RequestKind

Z95 = 1.959964


class Estimate(NamedTuple):
    """A mean over waves with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What one set of weights would have been worth: replies per partner asked. `effective` is how many waves the
    estimate stands on, as if they all counted alike (Kish).
    """

    weights: str
    inverse_propensity: Estimate
    doubly_robust: Estimate
    effective: float
    covered: float


class Wave(NamedTuple):
    """What one wave says about one set of weights."""

    ips: float
    dr: float
    weight: float
    covered: float


async def evaluate(records: Sequence[Any], candidates: Sequence[Weights]) -> tuple[int, float, list[Verdict]]:
    """How many waves the log tells the end of, what they were worth, and what each candidate would have been."""
    ends = ends_in(records)
    learner = Learner(candidates[0])
    waves: list[list[Wave]] = [[] for _ in candidates]
    worth: list[float] = []
    for record in records:
        snapshot, fact = getattr(record.data, "snapshot", None), getattr(record.data, "fact", None)
        if isinstance(snapshot, Match) and isinstance(fact, RequestMatched):
            replied = _known(fact, snapshot, ends)
            if replied and fact.details.kind is RequestKind.MATCH:
                worth.append(sum(replied.values()) / len(replied))
                for weights, judged in zip(candidates, waves, strict=True):
                    judged.append(_wave(learner.index, weights, record, replied))
        await learner.take(record)
    verdicts = [_verdict(weights.name, judged) for weights, judged in zip(candidates, waves, strict=True)]
    return len(worth), sum(worth) / len(worth) if worth else 0.0, verdicts


def ends_in(records: Iterable[Any]) -> dict[tuple[UUID, UUID], bool]:
    """Whether each partner replied to each request, as far as the log tells."""
    jobs = (getattr(record.data, "snapshot", None) for record in records)
    ended = ((job, end_of(job)) for job in jobs if isinstance(job, Job))
    return {(job.request_id, job.partner_id): end == REPLIED for job, end in ended if end}


def _known(fact: RequestMatched, match: Match, ends: dict[tuple[UUID, UUID], bool]) -> dict[UUID, bool]:
    """The ends of a wave, by partner; nothing unless all are known."""
    keys = [(match.request_id, one.partner_id) for one in fact.selections]
    return {key[1]: ends[key] for key in keys} if all(key in ends for key in keys) else {}


def _wave(index: Index, weights: Weights, event: Any, replied: dict[UUID, bool]) -> Wave:
    """What these weights would have done in the place of those that matched, with the index as it was."""
    match, fact, day = event.snapshot, event.fact, event.time.date()
    details = fact.details
    tried = {one.partner_id for one in match.asked if one.wave < fact.wave}
    pool = index.slice(details.service, day.toordinal())
    if pool is None:
        return Wave(0.0, 0.0, 0.0, 0.0)
    out = index.excluded(pool, details.merchant.merchant_id, tried)
    count = len(fact.selections)
    asking = Asking(details, index, pool, weights)
    ids, probability, chance = asking.probabilities(out, count, seed_of(match.request_id, len(tried)), tried)
    wanted = {UUID(bytes=one): (float(q), float(m)) for one, q, m in zip(ids, probability, chance, strict=True)}
    logged = {one.partner_id: one.probability for one in fact.selections}
    ips = dr = weight = 0.0
    for partner_id, end in replied.items():
        q, m = wanted.get(partner_id, (0.0, 0.0))
        ratio = q / logged[partner_id]
        weight += ratio
        ips += ratio * end
        dr += ratio * (end - m)
    dr += sum(q * m for q, m in wanted.values())
    possible = {one.partner_id for one in fact.nearest if one.probability > 0} | logged.keys()
    covered = sum(q for partner_id, (q, _) in wanted.items() if partner_id in possible)
    return Wave(ips / count, dr / count, weight / count, covered / count)


def _verdict(name: str, waves: Sequence[Wave]) -> Verdict:
    weights = [wave.weight for wave in waves]
    squares = sum(weight * weight for weight in weights)
    return Verdict(
        name,
        _ratio([wave.ips for wave in waves], weights),
        _estimate([wave.dr for wave in waves]),
        effective=sum(weights) ** 2 / squares if squares else 0.0,
        covered=sum(wave.covered for wave in waves) / len(waves) if waves else 0.0,
    )


def _ratio(values: Sequence[float], weights: Sequence[float]) -> Estimate:
    """The ratio of the sums, with the variance of its linearisation."""
    total = sum(weights)
    if not total:
        return Estimate(0.0, 0.0, 0.0)
    mean = sum(values) / total
    rest = sum((value - mean * weight) ** 2 for value, weight in zip(values, weights, strict=True))
    reach = Z95 * sqrt(rest) / total
    return Estimate(mean, mean - reach, mean + reach)


def _estimate(values: Sequence[float]) -> Estimate:
    if not values:
        return Estimate(0.0, 0.0, 0.0)
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    reach = Z95 * sqrt(variance / len(values))
    return Estimate(mean, mean - reach, mean + reach)
