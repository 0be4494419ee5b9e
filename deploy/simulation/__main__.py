"""`python -m deploy.simulation`: plays the markets, prints the report, and writes it down."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path

from deploy.simulation.measures import Played
from deploy.simulation.nature import CROWDED, QUICK, Nature
from deploy.simulation.playing import Playing, play, quietly
from deploy.simulation.policies import POLICIES
from deploy.simulation.report import as_json, as_text


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    nature = QUICK if asked.quick else CROWDED if asked.crowded else Nature()
    jobs = [Playing(seed, policy, nature) for seed in asked.seeds for policy in asked.policies]
    played = []
    for one in _played(jobs, asked.processes):
        played.append(one)
        sys.stderr.write(f"{len(played)}/{len(jobs)} seed {one.seed} {one.policy}: {_told(one)}\n")
    played.sort(key=lambda one: (one.seed, POLICIES.index(one.policy)))
    sys.stdout.write(as_text(played) + "\n")
    if asked.out:
        _write(asked.out, played)


def _played(jobs: Sequence[Playing], processes: int) -> Iterator[Played]:
    if processes == 1:
        yield from map(play, jobs)
        return
    with get_context("spawn").Pool(processes, initializer=quietly) as pool:
        yield from pool.imap_unordered(play, jobs)


def _write(folder: Path, played: Sequence[Played]) -> None:
    # Plots need matplotlib, which only developers have.
    from deploy.simulation.plots import draw  # noqa: PLC0415 - see above

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(played), indent=2, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    draw(folder, played)


def _told(one: Played) -> str:
    figures = one.figures
    return f"{figures['satisfied']:.3f} satisfied, {figures['messages']:.2f} messages, {figures['seconds']:.0f} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m deploy.simulation", description="How good is matching?")
    parser.add_argument("--seeds", type=_seeds, default=[1], help="101-108, or 1,4,7")
    parser.add_argument("--policies", type=_policies, default=list(POLICIES), help=",".join(POLICIES))
    parser.add_argument("--quick", action="store_true", help="a small market")
    parser.add_argument("--crowded", action="store_true", help="a market in which everybody has too much to do")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="where report.json and the plots go")
    return parser


def _seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def _policies(text: str) -> list[str]:
    policies = text.split(",")
    unknown = [one for one in policies if one not in POLICIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(POLICIES)}")
    return policies


if __name__ == "__main__":
    quietly()
    main()
