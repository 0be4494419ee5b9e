"""One story after another: the attack, beside honest people, and what it came to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.security.stories.abuse import Told
from tests.security.stories.town import Attack, Times, Town, beside, town
from tests.servers import servers_in

QUIET_ROUNDS, LEAST_ROUNDS = 6, 3


@dataclass
class Report:
    """`quiet` and `attacked` are what honest people waited for without and with the attack."""

    name: str
    sentence: str
    attack: Attack
    processor: dict[str, float]
    quiet: Times
    attacked: Times
    wrong: list[str]

    def honest(self) -> str:
        (sign_in, work), (sign_in_then, work_then) = self.quiet.medians(), self.attacked.medians()
        return (
            f"sign-in {sign_in_then:,.0f} ms ({sign_in_then / sign_in:.1f} times the quiet {sign_in:,.0f}), "
            f"work {work_then:,.0f} ms ({work_then / work:.1f} times {work:,.0f}), {len(self.attacked.working)} rounds"
        )


async def tell_all(
    stories: Sequence[Told], folder: Path, size: float, *, on_told: Callable[[Report], None] = lambda _report: None
) -> list[Report]:
    """Each attack at `size` of its whole. An honest person who is refused or waits too long raises."""
    async with servers_in(folder / "servers") as servers, town(servers, folder / "logs") as people:
        member, _merchant, job_id = await people.a_conversation()
        quiet = Times()
        for _ in range(QUIET_ROUNDS):
            await people.honest_round(quiet, member, job_id)
            await asyncio.sleep(0.5)
        reports = []
        for one in stories:
            report = await _told(one, people, size, quiet, lambda times: people.honest_round(times, member, job_id))
            on_told(report)
            reports.append(report)
    return reports


async def _told(
    one: Told, people: Town, size: float, quiet: Times, honest: Callable[[Times], Awaitable[None]]
) -> Report:
    before, times = people.processor_seconds(), Times()
    attack = await beside(one.attack(people, size), lambda: honest(times), LEAST_ROUNDS)
    used = people.processor_seconds()
    processor = {name: used[name] - before.get(name, 0.0) for name in used}
    return Report(one.name, one.sentence, attack, processor, quiet, times, one.holds(attack))
