"""The table of `asvs.md` names what is there: each module, each test, each item once."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("asvs.md")
PENDING = "pending: "
_NAME = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    item: str
    level: str
    asks: str
    how: str
    test: str


def rows() -> list[Row]:
    """Those of the items that apply."""
    lines = (
        line for line in TABLE.read_text(encoding="utf-8").splitlines() if re.match(r"\| [0-9.]+ \| [12] \|", line)
    )
    return [Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in lines]


@cache
def collected_in(path: str) -> frozenset[str]:
    """What pytest would collect there: functions, and classes with what is in them."""
    return frozenset(_tests(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def _tests(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield name
            case ast.ClassDef(name=name) if name.startswith("Test"):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("Test"):
                yield name  # a state machine's


def test_every_row_says_what_it_asks_how_it_is_met_and_where() -> None:
    for row in rows():
        assert all(row), row
        assert "/" in "".join(_NAME.findall(row.how)[-1:]), f"{row.item} names no module."


def test_no_item_stands_there_twice() -> None:
    items = [row.item for row in rows()]
    assert len(items) == len(set(items)) > 100


def test_every_module_that_is_named_is_there() -> None:
    named = {name for row in rows() for name in _NAME.findall(row.how) if re.fullmatch(r"\w+(/[\w.-]+)+", name)}
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_test_that_is_named_is_there() -> None:
    named = [(row.item, *name.split("::")) for row in rows() for name in _NAME.findall(row.test)]
    missing = [
        (item, path, name) for item, path, name in named if not (ROOT / path).exists() or name not in collected_in(path)
    ]
    assert missing == []


def test_what_is_pending_is_said() -> None:
    """Rows that have no test yet, counted and printed: `pytest -rP` shows them."""
    pending = [row for row in rows() if PENDING in row.test]
    for row in pending:
        print(f"{row.item}: {row.test}")  # noqa: T201 - what this test is for
    print(f"{len(pending)} of {len(rows())} rows are pending.")  # noqa: T201 - as above
    assert all(_NAME.findall(row.test) or PENDING in row.test for row in rows())


def test_every_component_is_pinned_with_its_hash() -> None:
    lines = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8").splitlines()
    pinned = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z0-9_.\[\],-]+==", line)]
    assert pinned
    for number in pinned:
        assert "--hash=sha256:" in lines[number + 1], lines[number]
