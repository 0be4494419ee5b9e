"""The kill test's short form. `python -m tests.chaos` is the long one."""

from pathlib import Path
from random import SystemRandom

import pytest

from tests.chaos.run import Plan, run
from tests.chaos.world import WHAT


@pytest.mark.live
@pytest.mark.chaos
async def test_no_command_is_lost_or_done_twice_whoever_is_killed(tmp_path: Path) -> None:
    plan = Plan(seed=SystemRandom().randrange(10**6), commands=3_000, jobs=200, kills=4, zombies=1, trouble_seconds=8)
    said: list[str] = []
    report = await run(plan, tmp_path, said=said.append)
    assert report.ok, f"seed {plan.seed}: {report.differences} {report.counts} {said}"
    assert {what: report.counts[WHAT[what]] for what in WHAT} == plan.counts()
    assert report.counts["doors that gave up"] >= 1
    assert 0.15 < report.counts["refused"] / report.counts["commands"] < 0.4
