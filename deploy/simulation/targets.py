"""What is promised of matching, and whether a report keeps it."""

from collections.abc import Callable, Mapping, Sequence
from math import isinf
from typing import NamedTuple

from deploy.simulation.policies import BEST_OF
from deploy.simulation.statistics import Interval, interval

Runs = Mapping[str, Sequence[Mapping[str, float]]]
"""The figures of each policy's runs, in the order of the seeds."""


class Target(NamedTuple):
    promise: str
    found: str
    met: bool


def difference(runs: Runs, policy: str, other: str, name: str) -> Interval:
    """Paired by seed."""
    pairs = zip(runs[policy], runs[other], strict=True)
    return interval([mine[name] - theirs[name] for mine, theirs in pairs])


def mean(runs: Runs, policy: str, name: str) -> float:
    return interval([figures[name] for figures in runs[policy]]).mean


def best_simple(runs: Runs) -> str | None:
    there = [policy for policy in BEST_OF if policy in runs]
    return max(there, key=lambda policy: mean(runs, policy, "satisfied"), default=None)


def way_to_oracle(runs: Runs) -> float | None:
    """How far matching has come from the best simple policy to somebody who knows the truth."""
    simple = best_simple(runs)
    if simple is None or not {"ours", "oracle"} <= set(runs):
        return None
    low, ours, high = (mean(runs, policy, "satisfied") for policy in (simple, "ours", "oracle"))
    return (ours - low) / (high - low)


def targets(runs: Runs) -> list[Target]:
    """Those that the policies of the report allow to judge."""
    judged = [(needs, judge) for needs, judge in _JUDGED if {"ours", *needs} <= set(runs)]
    found = [judge(runs) for _, judge in judged]
    way = way_to_oracle(runs)
    if way is not None:
        found.insert(
            1, Target("at least 0.4 of the way from the best simple policy to the oracle", f"{way:.2f}", way >= 0.4)
        )
    return found


def followed(offers: float) -> Target:
    return Target("a change of taste is followed within 20 offers (median)", f"{offers:.0f}", offers <= 20)


def _lead(runs: Runs) -> Target:
    lead = difference(runs, "ours", "blind", "satisfied")
    return Target("satisfied merchants: a lead over `blind` that excludes zero", shown(lead), lead.low > 0)


def _no_more_than(name: str, other: str, factor: float, promise: str) -> Callable[[Runs], Target]:
    def judge(runs: Runs) -> Target:
        mine, theirs = mean(runs, "ours", name), mean(runs, other, name)
        return Target(promise, f"{mine:.3f} against {theirs:.3f}", mine <= factor * theirs)

    return judge


def _bound(name: str, bound: float, promise: str, *, at_least: bool = False) -> Callable[[Runs], Target]:
    def judge(runs: Runs) -> Target:
        found = mean(runs, "ours", name)
        return Target(promise, f"{found:.3f}", found >= bound if at_least else found <= bound)

    return judge


def _newcomers(runs: Runs) -> Target:
    newcomer, usual = mean(runs, "ours", "newcomer_days"), mean(runs, "ours", "first_offer_days")
    return Target(
        "a newcomer's first offer no later than the others' was (days)",
        f"{newcomer:.2f} against {usual:.2f}",
        newcomer <= usual,
    )


_JUDGED: tuple[tuple[tuple[str, ...], Callable[[Runs], Target]], ...] = (
    (("blind",), _lead),
    (("random",), _no_more_than("messages", "random", 1.0, "messages per request: no more than `random` sends")),
    (("random",), _no_more_than("wasted", "random", 0.9, "declined or expired per message: at most 0.9 of `random`'s")),
    ((), _bound("brier_skill", 0.1, "Brier skill of the predicted chance: at least 0.1", at_least=True)),
    ((), _bound("calibration_error", 0.05, "expected calibration error: at most 0.05")),
    (("rating",), _no_more_than("gini", "rating", 0.5, "unevenness of exposure (Gini): at most half of `rating`'s")),
    ((), _newcomers),
)


def shown(one: Interval) -> str:
    if isinf(one.half):
        return f"{one.mean:+.4f}"
    return f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
