"""Records that cannot be used, and their way back once they can.

A letter is the record byte for byte, with headers that say where it stood, who put it aside, when and why. Redriving
says it again: a *command* under a new id, because the old one's refusal is remembered for good, with the old id as its
cause; anything else as it was, for the one group that put it aside, since all others have handled it.
"""

from collections.abc import Callable
from datetime import datetime

from pydantic_core import from_json, to_json

from shared.contracts.base import derived_id
from shared.failures import Invalid
from shared.publisher import Headers, Outgoing
from shared.records import FOR_GROUP_HEADER, Dead, RawRecord, header_of
from shared.topics import COMMAND_TOPICS, MAX_MESSAGE_BYTES, TOPICS, dead_letters_of

CUT_BYTES = 64 * 1024
"""How much is kept of a record that no dead letter can hold."""
REDRIVEN_HEADER = "x-redriven-from"

_GROUP, _TOPIC, _PARTITION, _OFFSET, _TIME = (
    "x-group",
    "x-original-topic",
    "x-original-partition",
    "x-original-offset",
    "x-original-timestamp",
)
_OURS = {"x-reason", "x-detail", _GROUP, _TOPIC, _PARTITION, _OFFSET, _TIME, "x-failed-at", "x-cut-from"}


def letter_of(dead: Dead, service: str, group: str, now: datetime) -> Outgoing:
    """The dead letter of a record that `group` puts aside."""
    raw = dead.raw
    headers = {
        "x-reason": dead.reason,
        "x-detail": dead.detail[:2000],
        _GROUP: group,
        _TOPIC: raw.topic,
        _PARTITION: str(raw.partition),
        _OFFSET: str(raw.offset),
        _TIME: str(raw.timestamp),
        "x-failed-at": now.isoformat(),
    }
    theirs = [header for header in raw.headers if header[0] not in headers]
    key, value = raw.key, raw.value
    if _size(raw) > MAX_MESSAGE_BYTES:  # Kafka counts compressed bytes; where it was found it still stands whole
        headers["x-cut-from"] = str(len(value or b""))
        theirs, key, value = [], key and key[:CUT_BYTES], value and value[:CUT_BYTES]
    ours = [(name, text.encode()) for name, text in headers.items()]
    return Outgoing(dead_letters_of(service), key, value, [*theirs, *ours])


def redriven(letter: RawRecord, named: Callable[[str], str] = lambda name: name) -> Outgoing:
    """The letter's record, to be published again. Redriving a letter twice gives the same record.

    `named` maps a topic of the table to its name on the broker. Raises `Invalid` for what is no letter, was cut, or is
    a command that nobody can read.
    """
    where, group = header_of(letter, _TOPIC), header_of(letter, _GROUP)
    topic = next((topic for topic in TOPICS if named(topic.name) == where), None)
    if topic is None or group is None:
        raise Invalid("no-letter", "Its headers do not say from which of our topics it came, or who put it aside.")
    if header_of(letter, "x-cut-from"):
        raise Invalid("cut", "The letter holds a part of its record only. Where it was found it may still stand whole.")
    origin = (REDRIVEN_HEADER, f"{letter.topic}/{letter.partition}/{letter.offset}".encode())
    headers: Headers = [*((name, value) for name, value in letter.headers if name not in _OURS), origin]
    if topic in COMMAND_TOPICS:
        return Outgoing(topic.name, letter.key, _under_a_new_id(letter), headers)
    return Outgoing(topic.name, letter.key, letter.value, [*headers, (FOR_GROUP_HEADER, group.encode())])


def _under_a_new_id(letter: RawRecord) -> bytes:
    try:
        fields = from_json(letter.value or b"")
        fields["causationid"] = fields["id"]
    except (ValueError, TypeError, KeyError):
        raise Invalid("not-json", "A command that cannot be read has no id to replace.") from None
    stood = [header_of(letter, name) for name in (_TOPIC, _PARTITION, _OFFSET, _TIME)]
    fields["id"] = str(derived_id("redriven", fields["id"], *stood))
    fields.pop("digest", None)  # it belongs to the key that the old id came from
    return to_json(fields)


def _size(raw: RawRecord) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in raw.headers)
    return len(raw.key or b"") + len(raw.value or b"") + headers
