"""The pictures of a report, as SVG. The one module that needs matplotlib."""

from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from deploy.simulation.measures import Played, TurnSeen
from deploy.simulation.report import runs_of
from deploy.simulation.statistics import interval

SHOWN_TURNS = 4
COLOURS = {
    "ours": "#0b6e4f",
    "blind": "#7fb69e",
    "random": "#7a7f87",
    "round-robin": "#3f6fb5",
    "rating": "#b3261e",
    "static": "#8e5aa8",
    "eager": "#c98fb9",
    "oracle": "#c58b00",
}


def draw(folder: Path, played: Sequence[Played]) -> None:
    """One file for each picture that these runs have something for."""
    mpl.rcParams["svg.hashsalt"] = "jobwire"  # the same picture is the same file
    for name, picture in PICTURES.items():
        figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
        picture(axes, played)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


def _satisfied(axes: Any, played: Sequence[Played]) -> None:
    for policy, runs in runs_of(played).items():
        mean, half = interval([figures["satisfied"] for figures in runs])
        axes.barh(policy, mean, xerr=half if isfinite(half) else None, color=COLOURS[policy], capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel("satisfied merchants (share, 95 % interval)")


def _against_messages(axes: Any, played: Sequence[Played]) -> None:
    for policy, runs in runs_of(played).items():
        messages, satisfied = (interval([figures[name] for figures in runs]) for name in ("messages", "satisfied"))
        axes.plot(messages.mean, satisfied.mean, "o", color=COLOURS[policy])
        axes.annotate(policy, (messages.mean, satisfied.mean), xytext=(5, 4), textcoords="offset points")
    axes.set_xlabel("messages per request")
    axes.set_ylabel("satisfied merchants (share)")


def _lorenz(axes: Any, played: Sequence[Played]) -> None:
    first = min(one.seed for one in played)
    for one in played:
        if one.seed == first:
            axes.plot(*zip(*one.lorenz, strict=True), label=one.policy, color=COLOURS[one.policy])
    axes.plot((0, 1), (0, 1), ":", color="black")
    axes.set_xlabel("share of what all partners can and want to do, least served first")
    axes.set_ylabel("share of the requests they were sent")
    axes.legend(fontsize="small")


def _calibration(axes: Any, played: Sequence[Played]) -> None:
    for one in played:
        if one.policy == "ours":
            said, got, count = zip(*one.bins, strict=True)
            axes.scatter(said, got, s=[number / 8 for number in count], color=COLOURS["ours"], alpha=0.5)
    axes.plot((0, 1), (0, 1), ":", color="black")
    axes.set_xlabel("predicted chance of a reply (ours; larger dots: more predictions)")
    axes.set_ylabel("share of replies")


def _turns(axes: Any, played: Sequence[Played]) -> None:
    turns = [turn for one in played if one.policy == "ours" for turn in one.turns]
    ways = [sorted((turn for turn in turns if turn.to_refusing is way), key=_looked_at) for way in (True, False)]
    for way, colour in zip(ways, ("#b3261e", "#0b6e4f"), strict=True):
        for turn in way[-SHOWN_TURNS:]:
            axes.plot(*zip(*turn.looks, strict=True), color=colour, linewidth=1)
            axes.plot(turn.looks[-1][0], turn.after, "x", color=colour)
    axes.set_xlabel("day (crosses: the true chance after the change of taste at half time)")
    axes.set_ylabel("predicted chance of a reply")


def _looked_at(turn: TurnSeen) -> int:
    return len(turn.looks)


PICTURES: dict[str, Callable[[Any, Sequence[Played]], None]] = {
    "satisfied": _satisfied,
    "satisfied-against-messages": _against_messages,
    "exposure": _lorenz,
    "calibration": _calibration,
    "turns": _turns,
}
