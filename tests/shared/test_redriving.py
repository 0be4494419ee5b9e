"""Dead letters on their way back."""

from dataclasses import replace

import pytest
from pydantic_core import from_json

from services.jobs.main import JOB
from shared.aggregate import AggregateLoop
from shared.consumer import Consumer
from shared.contracts.base import derived_id
from shared.contracts.jobs import JobOpened, OpenJob
from shared.dead_letters import letter_of, redriven
from shared.failures import Invalid
from shared.memory import MemoryAggregateStore
from shared.metrics import Metrics
from shared.publisher import Outgoing
from shared.records import Dead
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES
from tests.builders import BY_PARTNER, JOB_ID, NOW, Raw, a_command, a_creation, a_job, an_event, raw
from tests.fakes import Group, ManualClock, MemoryLog, MemoryPublisher

EVENT = raw(
    an_event(JobOpened(actor=BY_PARTNER), a_job()), "jobs.events", offset=41, headers=(("traceparent", b"00-1"),)
)
COMMAND = raw(a_command(OpenJob(actor=BY_PARTNER), digest="its body"), offset=7)


def the_letter(record: Raw, group: str = "jobs", offset: int = 3) -> Raw:
    """The record in the dead letters, where an operator finds it."""
    letter = letter_of(Dead(record, "bug", "ZeroDivisionError"), "jobs", group, NOW)
    return Raw(letter.topic, 0, offset, 0, letter.key, letter.value, tuple(letter.headers))


class Jobs:
    """The jobs' loop behind its door, over a log in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        publisher, metrics = MemoryPublisher(self.log), Metrics("tests")
        loop = AggregateLoop("jobs", JOB, MemoryAggregateStore(), publisher, metrics)
        parts = {"publisher": publisher, "metrics": metrics, "clock": ManualClock()}
        self._door = Group(self.log, Consumer("jobs", "jobs", [JOB_COMMANDS], loop, **parts))

    async def handle(self, record: Outgoing) -> None:
        self.log.append(record)
        while places := self._door.behind():
            await self._door.feed(places[0])

    def events(self) -> list[str]:
        """Each event once: what comes again is said again, under its id."""
        events = [from_json(record.value) for record in self.log.records("jobs.events")]
        return list({event["id"]: event["type"] for event in events}.values())

    def answers(self) -> list[str]:
        replies = [REPLIES.codec.decode(reply.value) for partition in self.log.topics["replies"] for reply in partition]
        return [getattr(reply.data, "code", "applied") for reply in replies]


def said(record: Raw) -> Outgoing:
    return Outgoing("jobs.commands", record.key, record.value, record.headers)


async def test_a_command_that_named_nothing_is_decided_anew_once_there_is_something() -> None:
    """Its refusal is remembered for good: under its old id it was refused again after its job was there."""
    jobs = Jobs()
    await jobs.handle(said(COMMAND))
    await jobs.handle(said(raw(a_command(a_creation()))))
    await jobs.handle(said(COMMAND))
    (letter, *_) = jobs.log.records("dead-letters.jobs")
    assert jobs.events() == ["JobCreated"]

    for _ in range(2):  # and an operator who does it twice does it once
        await jobs.handle(redriven(letter))
    assert jobs.events() == ["JobCreated", "JobOpened"]
    assert sorted(jobs.answers()) == ["applied"] * 3 + ["not_found"] * 2


def test_a_redriven_command_keeps_its_cause_its_story_and_its_key() -> None:
    record = redriven(the_letter(COMMAND))
    before, after = from_json(COMMAND.value), from_json(record.value)
    assert (record.topic, record.key) == ("jobs.commands", str(JOB_ID).encode())
    assert after["id"] != before["id"]
    assert (after["causationid"], after["correlationid"]) == (before["id"], before["correlationid"])
    assert after["data"] == before["data"]
    assert "digest" not in after
    assert dict(record.headers) == {"x-redriven-from": b"dead-letters.jobs/0/3"}


def test_two_records_of_one_id_are_redriven_as_two() -> None:
    ids = {from_json(redriven(the_letter(replace(COMMAND, offset=offset))).value)["id"] for offset in (7, 8)}
    assert len(ids) == 2


def test_an_event_goes_back_as_it_was_to_the_group_that_put_it_aside() -> None:
    record = redriven(the_letter(EVENT, "jobs.platform"))
    assert (record.topic, record.key, record.value) == (JOB_EVENTS.name, EVENT.key, EVENT.value)
    assert dict(record.headers) == {
        "traceparent": b"00-1",
        "x-redriven-from": b"dead-letters.jobs/0/3",
        "x-for-group": b"jobs.platform",
    }


def test_a_letter_of_another_namespace_is_none_of_ours() -> None:
    blue = the_letter(replace(EVENT, topic="blue.jobs.events"))
    with pytest.raises(Invalid, match="no-letter"):
        redriven(blue)
    assert redriven(blue, lambda name: f"blue.{name}").topic == JOB_EVENTS.name


def test_what_was_cut_and_what_is_no_command_cannot_be_redriven() -> None:
    with pytest.raises(Invalid, match="cut"):
        redriven(the_letter(replace(EVENT, value=b"x" * 3_000_000)))
    for value in (b"{", b"[]", b"{}", None):
        with pytest.raises(Invalid, match="not-json"):
            redriven(the_letter(replace(COMMAND, value=value)))
    with pytest.raises(Invalid, match="no-letter"):
        redriven(EVENT)


def test_the_id_says_from_which_letter_it_came() -> None:
    stood = ("jobs.commands", "0", "7", str(COMMAND.timestamp))
    new_id = from_json(redriven(the_letter(COMMAND)).value)["id"]
    assert new_id == str(derived_id("redriven", from_json(COMMAND.value)["id"], *stood))
