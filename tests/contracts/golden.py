"""The golden files: one full record per type of each topic, as it was on the wire when the type was made."""

import json
from collections.abc import Iterator
from pathlib import Path

from shared.contracts.base import Message
from shared.contracts.codec import encode
from shared.topics import TOPICS, Topic
from tests.contracts.example import a_record

GOLDEN = Path(__file__).parent / "golden"


def types() -> Iterator[tuple[Topic, type[Message]]]:
    """Every type of every topic."""
    for topic in TOPICS:
        for message in topic.codec.messages:
            yield topic, message


def golden_file(topic: Topic, message: type[Message]) -> Path:
    return GOLDEN / topic.name / f"{message.__name__}.json"


def readable(topic: Topic, message: type[Message]) -> str:
    """What the file of this type would hold if it were made today."""
    return json.dumps(json.loads(encode(a_record(topic, message))), indent=2, ensure_ascii=False) + "\n"
