"""Bytes to records: whatever arrives is a record or a named reason, and one bad record harms no other."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.base import Record
from shared.contracts.codec import MAX_RECORD_BYTES, Codec, encode
from shared.contracts.jobs import JobOpened, OpenJob, SendMessage
from shared.failures import Invalid
from shared.topics import JOB_COMMANDS, JOB_EVENTS, TOPICS
from tests.builders import BY_PARTNER, a_command, a_job, an_event, details

OPEN = a_command(OpenJob(actor=BY_PARTNER))
GOOD = encode(OPEN)


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(GOOD), **fields}).encode()


def without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in json.loads(GOOD).items() if name not in names}).encode()


BAD = {
    "no value": (None, "empty"),
    "nothing": (b"", "empty"),
    "too much": (b" " * (MAX_RECORD_BYTES + 1), "too-large"),
    "no JSON": (b"hello", "not-json"),
    "half a record": (GOOD[:-5], "not-json"),
    "two records": (GOOD + b"," + GOOD, "not-json"),
    "a record and a half": (GOOD + b"{", "not-json"),
    "bytes that are not UTF-8": (GOOD.replace(b"Aiko", b"\xff\xfe"), "not-json"),
    "a number": (b"7", "wrong-content"),
    "a list": (b"[" + GOOD + b"]", "wrong-content"),
    "null": (b"null", "wrong-content"),
    "a type of another topic": (changed(type="PartnerChanged"), "unknown-type"),
    "a type that is no string": (changed(type=7), "unknown-type"),
    "no id": (without("id"), "missing-field"),
    "no data": (without("data"), "missing-field"),
    "no actor": (changed(data={}), "missing-field"),
    "an id that is none": (changed(id="seven"), "wrong-content"),
    "a time that is none": (changed(time="soon"), "wrong-content"),
    "an actor of no kind": (changed(data={"actor": {"kind": "ghost"}}), "unknown-value"),
    "depth": (b"[" * 100_000, "not-json"),
}


@pytest.mark.parametrize(("value", "reason"), BAD.values(), ids=BAD)
def test_a_bad_record_has_its_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        JOB_COMMANDS.codec.decode(value)
    assert caught.value.reason == reason
    assert caught.value.detail


@pytest.mark.parametrize("value", [value for value, _ in BAD.values()], ids=BAD)
def test_one_bad_record_in_a_batch_leaves_the_others(value: bytes | None) -> None:
    other = a_command(SendMessage(text="Hello.", actor=BY_PARTNER))
    first, bad, last = JOB_COMMANDS.codec.decode_all([GOOD, value, encode(other)])
    assert (first.id, last.id, last.data.text) == (OPEN.id, other.id, "Hello.")
    assert isinstance(bad, Invalid)


def test_a_record_without_a_type_misses_a_field() -> None:
    with pytest.raises(Invalid) as caught:
        JOB_COMMANDS.codec.decode(without("type"))
    assert caught.value.reason == "missing-field"


def test_a_topic_with_one_type_names_unknown_types_too() -> None:
    single = Codec((OpenJob,))
    assert single.decode(GOOD).data == OPEN.data
    with pytest.raises(Invalid) as caught:
        single.decode(changed(type="CloseJob"))
    assert caught.value.reason == "unknown-type"


def test_a_field_of_tomorrow_is_ignored() -> None:
    assert JOB_COMMANDS.codec.decode(changed(tomorrow=1, data={"actor": {"kind": "system"}, "new": 2})).id == OPEN.id


def test_a_command_comes_back_as_it_was_sent() -> None:
    back = JOB_COMMANDS.codec.decode(GOOD)
    assert {name: getattr(back, name) for name in Record.model_fields} == {
        name: getattr(OPEN, name) for name in Record.model_fields
    }
    assert back.data == OPEN.data


def test_an_event_comes_back_with_its_fact_and_its_snapshot() -> None:
    job = a_job(details=details(requirements="日本茶\n\n“Tea” & <thread>"))
    back = JOB_EVENTS.codec.decode(encode(an_event(JobOpened(actor=BY_PARTNER), job)))
    assert (back.fact, back.snapshot, back.version) == (JobOpened(actor=BY_PARTNER), job, job.version)


def test_a_record_says_that_it_is_a_cloud_event() -> None:
    said = json.loads(GOOD)
    assert (said["specversion"], said["datacontenttype"], said["type"]) == ("1.0", "application/json", "OpenJob")
    assert "traceparent" not in said


def test_an_empty_batch_is_empty() -> None:
    assert JOB_COMMANDS.codec.decode_all([]) == []


anything = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["id", "type", "data", "subject", "fact", "snapshot", "x"]), inner, max_size=5
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
    st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=4)).map(
        lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + 1 :]
    ),
    st.none(),
)


@given(st.lists(anything | st.just(GOOD), max_size=6), st.sampled_from(TOPICS))
def test_whatever_arrives_is_a_record_or_invalid(values: list[bytes | None], topic) -> None:
    decoded = topic.codec.decode_all(values)
    assert len(decoded) == len(values)
    for value, one in zip(values, decoded, strict=True):
        assert isinstance(one, Invalid | Record)
        if value == GOOD:
            assert isinstance(one, Record) == (topic is JOB_COMMANDS)
