"""The tree tells the story: every service has its card and the same anatomy, and failures are caught in one place."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from shared.topics import SERVICES, TOPICS

ROOT = Path(__file__).parents[2]
CODE = sorted(path for folder in ("shared", "services", "deploy") for path in (ROOT / folder).rglob("*.py"))

ENDS = {
    "shared/fetching.py": "the fetch: the consumer stays where it is until its process is replaced",
    "shared/consumer.py": "the batch: a bug becomes a dead letter",
    "shared/service.py": "repeated work: what is away is waited for, the rest goes on to the process",
    "shared/process.py": "the process: it leaves",
}
"""Where an unknown exception may end, and what becomes of it."""

EVERY = pytest.mark.parametrize("service", SERVICES)


def card(service: str) -> dict[str, str]:
    """The lines of a service's docstring by their first word."""
    text = import_module(f"services.{service}").__doc__ or ""
    return {
        name: " ".join(rest.split())
        for name, rest in re.findall(r"^(\w+): ((?:.+\n?(?:    )?)+?)(?=^\w+:|\Z)", text, re.MULTILINE)
    }


def topics_in(line: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", line))


def test_there_are_five_services_and_each_has_a_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")}
    assert folders == set(SERVICES)


@EVERY
def test_a_card_says_in_a_sentence_what_the_service_is_and_what_it_owns(service: str) -> None:
    assert set(card(service)) == {"hears", "says", "owns"}
    first = import_module(f"services.{service}").__doc__.splitlines()[0]
    assert first.endswith(".")
    assert card(service)["owns"]


@EVERY
def test_a_card_names_the_topics_that_the_service_hears(service: str) -> None:
    heard = {topic.name for topic in TOPICS if any(re.match(rf"{service}(\.|$)", group) for group in topic.heard_by)}
    assert topics_in(card(service)["hears"]) == heard


@EVERY
def test_a_card_names_the_topics_that_the_service_says(service: str) -> None:
    assert topics_in(card(service)["says"]) == {topic.name for topic in TOPICS if service in topic.said_by}


@EVERY
def test_a_service_is_wired_in_one_page(service: str) -> None:
    main = ROOT / "services" / service / "main.py"
    module = import_module(f"services.{service}.main")
    assert callable(module.build)
    assert callable(module.main)
    assert len(main.read_text(encoding="utf-8").splitlines()) <= 80


@EVERY
def test_no_package_but_the_card_has_code_in_its_init(service: str) -> None:
    tree = ast.parse((ROOT / "services" / service / "__init__.py").read_text(encoding="utf-8"))
    assert [type(node) for node in tree.body] == [ast.Expr]


def broad_handlers(path: Path) -> list[ast.ExceptHandler]:
    names = ("Exception", "BaseException")
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in names))
    ]


def test_an_unknown_exception_ends_in_the_fetch_the_batch_or_the_process_and_nowhere_else() -> None:
    """Elsewhere in services and shared a broad `except` may look at an exception, if it always raises on."""
    ends = {
        str(path.relative_to(ROOT))
        for path in CODE
        if path.parts[len(ROOT.parts)] != "deploy"
        for handler in broad_handlers(path)
        if not isinstance(handler.body[-1], ast.Raise)
    }
    assert ends == set(ENDS)


def test_nothing_is_suppressed_wholesale() -> None:
    wholesale = re.compile(r"suppress\(\s*(Base)?Exception\b")
    assert [str(path) for path in CODE if wholesale.search(path.read_text(encoding="utf-8"))] == []


def test_only_one_module_makes_a_mongodb_client() -> None:
    makers = {
        str(path.relative_to(ROOT))
        for path in CODE
        if path.parts[len(ROOT.parts)] != "deploy"
        and re.search(r"(AsyncMongoClient|MotorClient)\(", path.read_text(encoding="utf-8"))
    }
    assert makers == {"shared/mongo.py"}
