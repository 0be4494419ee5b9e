"""No test passes or fails by how fast a machine is: it waits for conditions, and limits come from one place."""

import ast
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIMITS = {"timeout", "wait_for", "wait_ready", "result"}
MEANT_TO_PASS = 1.0
"""So many seconds or less is a limit that a test wants to see reached."""
SPREADS = {
    "patience.py",  # the waiting itself
    "live/races.py",  # races are spread over time
    "live/smtp.py",  # a server takes a moment to answer
    "chaos/driver.py",
    "chaos/run.py",
    "chaos/world.py",  # what dies does so at some moment
    "gateway/test_live_http.py",  # whoever reads slowly gets turns to do so
    "security/test_connections.py",  # clients that are too slow on purpose
    "live/test_catching_up.py",  # that nobody joins shows by waiting
    "security/stories/abuse.py",  # an attack lasts, and what it came to shows once it is over
    "security/stories/telling.py",  # quiet rounds are quiet
    "security/stories/town.py",  # as above
}
"""Files that let time pass, and why."""


def test_a_limit_on_waiting_is_a_matter_of_patience() -> None:
    assert _found(lambda call: _limit(call) > MEANT_TO_PASS) == []


def test_nobody_waits_for_time_to_pass() -> None:
    found = _found(lambda call: _name(call) == "sleep" and getattr(call.args[0], "value", None) != 0)
    assert [one for one in found if one.partition(":")[0] not in SPREADS] == []


def _limit(call: ast.Call) -> float:
    """Seconds after which a wait is given up, where they are written out as a number; 0 where it is none."""
    name = _name(call)
    values = [keyword.value for keyword in call.keywords if keyword.arg in {"timeout", "within"}]
    values += call.args if name in LIMITS else []
    if name == "until":
        return 0.0  # it stretches the limit by itself
    return max((one.value for one in values if isinstance(one, ast.Constant) and _is_number(one.value)), default=0.0)


def _name(call: ast.Call) -> str:
    """Of what is called, without whose it is."""
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _found(wrong: Callable[[ast.Call], bool]) -> list[str]:
    return sorted(f"{path}:{call.lineno}" for path, call in _calls() if wrong(call))


@cache
def _calls() -> Sequence[tuple[Path, ast.Call]]:
    return [
        (path.relative_to(TESTS), node)
        for path in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
