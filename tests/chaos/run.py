"""One run: the story, the kills, the wait, the verdict."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter

from tests.chaos.driver import Driver
from tests.chaos.evidence import behind, gather
from tests.chaos.story import story
from tests.chaos.verdict import Verdict, judge
from tests.chaos.world import WHAT, Killer, World, schedule
from tests.patience import patience

# A client whose broker is dead says so a hundred times a second. That it is dead is the point.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

STALLED_SECONDS = patience(90)
"""How long there may be no new answer. Generous: it is a limit, not an expectation."""
DONE_SECONDS = patience(10)
"""The same once everything is committed: whatever is unanswered then stays so."""


@dataclass(frozen=True)
class Plan:
    seed: int
    commands: int = 30_000
    jobs: int = 1_500
    kills: int = 20
    zombies: int = 4
    server_kills: int = 1
    troubles: int = 1
    trouble_seconds: float = 60.0
    sabotage: str | None = None

    def counts(self) -> dict[str, int]:
        servers = {"kafka": self.server_kills, "mongodb": self.server_kills}
        troubles = dict.fromkeys(("door", "password", "poison", "offsets"), self.troubles)
        return {"consumer": self.kills, "zombie": self.zombies, **servers, **troubles}


@dataclass
class Report:
    plan: Plan
    counts: dict[str, float] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.differences


async def run(
    plan: Plan,
    folder: Path,
    *,
    said: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _answered, _sent: None,
) -> Report:
    random = Random(plan.seed)
    report = Report(plan)
    async with World(folder, plan.sabotage, plan.trouble_seconds) as world:
        said("Kafka, MongoDB, two processes of jobs and an HTTP door are running")
        driver = Driver(world.settings, world.door_url)
        killer = Killer(world, schedule(random, plan.commands, plan.counts()), random)
        ahead = max(plan.commands // 10, 500)
        sendings = list(story(Random(plan.seed), plan.commands, plan.jobs))
        began = perf_counter()
        tasks = [
            asyncio.create_task(driver.send(sendings, ahead, lambda: killer.next_at)),
            asyncio.create_task(killer.run(lambda: len(driver.answered), said)),
        ]
        others = [asyncio.create_task(driver.watch()), asyncio.create_task(_show(driver, progress))]
        try:
            report.differences += await _quiet(driver, world, tasks)
        finally:
            for task in (*tasks, *others):
                task.cancel()
        seconds = perf_counter() - began
        said("quiet; reading what is left")
        await world.stop_replicas()
        verdict: Verdict = judge(driver.acked, await gather(world.settings))
        report.differences += verdict.differences
        report.differences += [f"HTTP answered {status}" for status in sorted(driver.unexpected)]
        report.counts = {
            **verdict.counts,
            "commands sent twice": driver.repeats,
            "sent again unsure": driver.resent,
            **{WHAT[what]: count for what, count in world.kills.items()},
            "replicas that gave up": sum(len(replica.ends) for replica in world.replicas),
            "doors that gave up": len(world.door.ends),
            "seconds": round(seconds, 1),
        }
    return report


async def _quiet(driver: Driver, world: World, tasks: list[asyncio.Task[None]]) -> list[str]:
    """Wait until all is sent, answered and committed, and everybody dead who had to die. Says what never came."""
    answered, since = -1, perf_counter()
    while True:
        for task in tasks:
            if task.done():
                task.result()
        finished = all(task.done() for task in tasks)
        if finished and len(driver.answered) >= len(driver.acked) and not await behind(world.settings):
            return []
        if len(driver.answered) > answered:
            answered, since = len(driver.answered), perf_counter()
        waited = perf_counter() - since
        # `behind` asks Kafka: it may be dead while somebody is being killed, and nobody is once all is sent.
        if waited > STALLED_SECONDS or (waited > DONE_SECONDS and finished and not await behind(world.settings)):
            left = f"{len(driver.acked) - answered} unanswered, {await behind(world.settings)} uncommitted"
            return [f"stalled for {waited:.0f} s: {left}, {'' if finished else 'not '}all sent and killed"]
        await asyncio.sleep(0.05)


async def _show(driver: Driver, progress: Callable[[int, int], None]) -> None:
    while True:
        progress(len(driver.answered), len(driver.acked))
        await asyncio.sleep(0.2)
