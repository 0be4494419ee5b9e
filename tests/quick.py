"""`make quick`: rules and units within a minute. What is quick is found out, not declared."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest

FIXTURES = {"servers": "live", "eyes": "browser"}
"""Whoever asks for one of these is such a test."""
APPLICATIONS = ("World", "Public")
"""A module that imports one of these builds a whole service with its pages for each test, or all five."""
OTHERS = ("live", "browser", "chaos", "processes", "slow")
"""Everything else is quick."""
FOLDERS = ("live", "browser", "chaos", "api", "flow", "simulation")
"""Nothing in them is quick, and some take seconds to be collected."""
LONG_SECONDS = 1.0
"""Of the processor's time: a busy machine makes no test slow."""


class Quick:
    """With `only`, everything but the quick tests is left out, and those that take long are listed at the end."""

    def __init__(self, *, only: bool) -> None:
        self._only = only
        self._seconds = Counter[str]()
        self._unmarked: pytest.Item | None = None
        sys.addaudithook(self._heard)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        here = Path(__file__).parent
        return True if self._only and collection_path.parent == here and collection_path.name in FOLDERS else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        for item in items:
            for fixture in FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
                item.add_marker(FIXTURES[fixture])
            if any(hasattr(getattr(item, "module", None), name) for name in APPLICATIONS):
                item.add_marker("slow")
        if self._only:
            left_out = [item for item in items if not _is_quick(item)]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if _is_quick(item)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        self._unmarked = item if not _starts_processes(item) else None
        began = process_time()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = process_time() - began
            self._unmarked = None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        long = [(seconds, name) for name, seconds in self._seconds.most_common() if seconds > LONG_SECONDS]
        if self._only and long:
            terminalreporter.section(f"longer than {LONG_SECONDS:g} s: make them faster, or mark them `slow`")
            for seconds, name in long:
                terminalreporter.line(f"{seconds:6.1f} s  {name}")

    def _heard(self, event: str, _arguments: object) -> None:
        if event == "subprocess.Popen" and self._unmarked is not None:
            raise AssertionError("A test that starts a process is not quick: mark it `@pytest.mark.processes`.")


def _is_quick(item: pytest.Item) -> bool:
    return not any(item.get_closest_marker(name) for name in OTHERS)


def _starts_processes(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("live", "browser", "chaos", "processes"))
