"""What the code of the services never does, whatever it is given. Read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for room in ("services", "shared") for path in (ROOT / room).rglob("*.py"))
NEVER_IMPORTED = frozenset({"pickle", "marshal", "shelve", "subprocess", "ctypes", "xml", "lxml", "yaml", "ldap3"})
NEVER_CALLED = frozenset({"eval", "exec", "compile", "__import__", "system", "popen"})
HASHES = frozenset({"sha256", "blake2b", "new"})


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in FILES:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def called(tree: ast.Module) -> set[str]:
    """The bare names and those of the modules `os` and `builtins`; `re.compile` is another."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="os" | "builtins"), attr=name):
                    found.add(name)
    return found


def test_nothing_that_was_read_is_executed_or_unpickled_or_given_to_a_shell() -> None:
    for name, tree in trees():
        assert not imported(tree) & NEVER_IMPORTED, name
        assert not called(tree) & NEVER_CALLED, name


def test_hashes_are_those_that_hold() -> None:
    """Ids are derived by SHA-1 (`uuid5`), and guard nothing."""
    for name, tree in trees():
        used = {
            one.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "hashlib"
            for one in node.names
        }
        assert used <= HASHES, name
        assert "hashlib" not in {
            one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
        }


def test_templates_are_files_and_never_made_of_what_somebody_wrote() -> None:
    for name, tree in trees():
        made = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"from_string", "Template"}
        ]
        assert made == [], name


@pytest.mark.parametrize("secret", ["password", "api_key", "BEGIN PRIVATE KEY"])
def test_no_secret_stands_in_the_code(secret: str) -> None:
    for name, tree in trees():
        texts = [
            node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            and any(secret in ast.unparse(target).lower() for target in node.targets)
        ]
        assert not any(texts), name
