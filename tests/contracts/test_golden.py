"""Yesterday's records still parse, and today's look the same."""

import json
from typing import Any

import pytest

from shared.contracts.base import Message
from shared.contracts.codec import encode
from shared.topics import Topic
from tests.contracts import golden, make_golden
from tests.contracts.golden import GOLDEN, golden_file, readable, types


def assert_says_all_of(yesterday: Any, today: Any, where: str) -> None:
    """Fields may have joined since; nothing may be gone or say something else."""
    if isinstance(yesterday, dict):
        for name, value in yesterday.items():
            assert_says_all_of(value, today[name], f"{where}.{name}")
    elif isinstance(yesterday, list) and len(yesterday) == len(today):
        for number, value in enumerate(yesterday):
            assert_says_all_of(value, today[number], f"{where}.{number}")
    else:
        assert today == yesterday, where


EACH = pytest.mark.parametrize(
    ("topic", "message"), [pytest.param(*one, id=f"{one[0].name}/{one[1].__name__}") for one in types()]
)


@EACH
def test_yesterdays_record_parses_and_says_the_same_again(topic: Topic, message: type[Message]) -> None:
    path = golden_file(topic, message)
    assert path.exists(), "A new type needs its golden file: python -m tests.contracts.make_golden"
    yesterday = path.read_bytes()
    record = topic.codec.decode(yesterday)
    assert record.type == message.__name__
    assert_says_all_of(json.loads(yesterday), json.loads(encode(record)), message.__name__)


@EACH
def test_todays_record_parses_back_to_the_same_bytes(topic: Topic, message: type[Message]) -> None:
    today = json.loads(readable(topic, message))
    assert json.loads(encode(topic.codec.decode(json.dumps(today).encode()))) == today


@EACH
def test_yesterdays_batch_parses_in_one_call(topic: Topic, message: type[Message]) -> None:
    values = [golden_file(topic, message).read_bytes()] * 3
    assert [record.type for record in topic.codec.decode_all(values)] == [message.__name__] * 3


def test_every_golden_file_has_its_type() -> None:
    assert set(GOLDEN.rglob("*.json")) == {golden_file(topic, message) for topic, message in types()}


def test_no_two_topics_have_a_type_of_the_same_name() -> None:
    names = [message.__name__ for _, message in types()]
    assert sorted(names) == sorted(set(names))


def test_regenerating_never_replaces_a_file_unless_it_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(golden, "GOLDEN", tmp_path)
    assert make_golden.main([]) == 0
    topic, message = next(types())
    mine, name = golden_file(topic, message), f"{topic.name}/{message.__name__}"
    mine.write_text("yesterday")
    assert make_golden.main([]) == 0
    assert mine.read_text() == "yesterday"
    assert make_golden.main([name, "no.topic/NoType"]) == 1
    assert mine.read_text() == readable(topic, message)
    assert "There is no type no.topic/NoType." in capsys.readouterr().err
