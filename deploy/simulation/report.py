"""The runs as text, and as JSON."""

from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from typing import Any

from deploy.simulation.measures import Figures, Played, of_turns
from deploy.simulation.policies import POLICIES
from deploy.simulation.statistics import Interval, interval
from deploy.simulation.targets import (
    Runs,
    Target,
    best_simple,
    difference,
    followed,
    shown,
    targets,
    way_to_oracle,
)

COLUMNS = {
    "satisfied": "satisfied",
    "answered": "answered",
    "first_reply_hours": "1st reply h",
    "messages": "messages",
    "declined": "declined",
    "expired": "expired",
    "gini": "Gini",
    "newcomer_days": "newcomer d",
    "first_offer_days": "1st offer d",
    "gap_days": "gap d",
}
OF_PREDICTIONS = {
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "truths_skill": "  that of the truth itself: nobody can do better",
    "calibration_error": "expected calibration error",
    "too_hopeful": "  how much more was predicted than came, on average",
}
COMPARED = ("satisfied", "messages", "declined", "expired", "gini")


TURNS = (("all", (True, False)), ("to refusing", (True,)), ("to taking", (False,)))


def runs_of(played: Iterable[Played]) -> Runs:
    ordered = sorted(played, key=lambda one: one.seed)
    return {
        policy: [one.figures for one in ordered if one.policy == policy]
        for policy in POLICIES
        if any(one.policy == policy for one in ordered)
    }


def as_text(played: Sequence[Played]) -> str:
    runs = runs_of(played)
    seeds = sorted({one.seed for one in played})
    parts = [f"{len(seeds)} markets (seeds {seeds[0]} to {seeds[-1]}); mean ± half of the 95 % interval", _table(runs)]
    if "ours" in runs:
        parts += [_differences(runs), _predictions(runs), _turns(played), _way(runs), _targets(played)]
    return "\n\n".join(part for part in parts if part)


def as_json(played: Sequence[Played]) -> dict[str, Any]:
    runs = runs_of(played)
    return {
        "seeds": sorted({one.seed for one in played}),
        "policies": {policy: {name: _plain(_over(runs, policy, name)) for name in runs[policy][0]} for policy in runs},
        "differences": {
            other: {name: _plain(difference(runs, "ours", other, name)) for name in COMPARED}
            for other in runs
            if "ours" in runs and other != "ours"
        },
        "best_simple": best_simple(runs),
        "way_to_oracle": way_to_oracle(runs),
        "targets": [target._asdict() for target in all_targets(played)],
        "turns": {told: _finite(turns_of(played, ways)) for told, ways in TURNS},
        "runs": [{"seed": one.seed, "policy": one.policy, **_finite(one.figures)} for one in played],
    }


def _table(runs: Runs) -> str:
    rows = [["", *COLUMNS.values()]]
    rows += [[policy, *(_cell(_over(runs, policy, name)) for name in COLUMNS)] for policy in runs]
    return aligned(rows)


def _differences(runs: Runs) -> str:
    rows = [["ours minus", *COMPARED]]
    rows += [
        [other, *(shown(difference(runs, "ours", other, name)) for name in COMPARED)]
        for other in runs
        if other != "ours"
    ]
    return aligned(rows) if len(rows) > 1 else ""


def _predictions(runs: Runs) -> str:
    return aligned([["ours", ""], *([told, _cell(_over(runs, "ours", name))] for name, told in OF_PREDICTIONS.items())])


def _way(runs: Runs) -> str:
    way = way_to_oracle(runs)
    return "" if way is None else f"From {best_simple(runs)} to oracle, ours has come {way:.2f} of the way."


def _turns(played: Sequence[Played]) -> str:
    rows = [["changes of taste", "seen", "offers until followed (median)", "share followed within 20 offers"]]
    rows += [[told, *(f"{figure:.3g}" for figure in turns_of(played, ways).values())] for told, ways in TURNS]
    return aligned(rows)


def turns_of(played: Sequence[Played], ways: Collection[bool] = (True, False)) -> Figures:
    """Over all runs of `ours`: one market has too few."""
    return of_turns([turn for one in played if one.policy == "ours" for turn in one.turns if turn.to_refusing in ways])


def all_targets(played: Sequence[Played]) -> list[Target]:
    runs = runs_of(played)
    return [*targets(runs), followed(turns_of(played)["offers"])] if "ours" in runs else []


def _targets(played: Sequence[Played]) -> str:
    return aligned([["met" if one.met else "MISSED", one.promise, one.found] for one in all_targets(played)])


def _over(runs: Runs, policy: str, name: str) -> Interval:
    return interval([figures[name] for figures in runs[policy]])


def _cell(one: Interval) -> str:
    return f"{one.mean:.3f} ±{one.half:.3f}" if isfinite(one.half) else f"{one.mean:.3f}"


def _plain(one: Interval) -> dict[str, float | None]:
    return _finite({"mean": one.mean, "low": one.low, "high": one.high})


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    """JSON knows no infinity."""
    return {name: figure if isfinite(figure) else None for name, figure in figures.items()}


def aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
