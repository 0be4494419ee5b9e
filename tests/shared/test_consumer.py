"""Between a fetched batch and its commit: what is put aside, what is waited for, and when to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from shared.consumer import Consumer, Handler
from shared.contracts.base import derived_id
from shared.contracts.jobs import OpenJob
from shared.dead_letters import CUT_BYTES
from shared.failures import Draining, Invalid, Transient, Wedged
from shared.metrics import Metrics
from shared.progress import progressed
from shared.publisher import Outgoing
from shared.records import FOR_GROUP_HEADER, REPLAY_HEADER, Dead, Received
from shared.topics import JOB_COMMANDS, MAX_MESSAGE_BYTES
from tests.builders import BY_PARTNER, NOW, Raw, a_command, raw
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher

LETTERS = "dead-letters.jobs"


def records(count: int, start: int = 0, *, of: UUID | None = None) -> list[Raw]:
    """One record of each of so many jobs; or all of one."""
    return [
        raw(a_command(OpenJob(actor=BY_PARTNER), of or derived_id("job", offset)), offset=offset)
        for offset in range(start, start + count)
    ]


class Desk:
    """A consumer of `jobs.commands` over a log in memory, and what its handler has done."""

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        bugs: Sequence[int] = (),
        invalid: Sequence[int] = (),
        everyone: bool = False,
        prove: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.log = MemoryLog()
        self.publisher = MemoryPublisher(self.log)
        self.handled: list[int] = []
        self._bugs, self._invalid = bugs, invalid
        self.consumer = Consumer(
            "jobs",
            "jobs",
            [JOB_COMMANDS],
            handler or self._handle,
            publisher=self.publisher,
            metrics=Metrics("tests"),
            clock=ManualClock(),
            everyone=everyone,
            prove=prove,
            backoff=lambda _attempt: 0.0,
        )

    async def _handle(self, batch: Sequence[Received]) -> list[Dead]:
        if any(one.raw.offset in self._bugs for one in batch):
            raise ZeroDivisionError("a bug of ours")
        self.handled += [one.raw.offset for one in batch if one.raw.offset not in self._invalid]
        return [Dead(one.raw, "unknown-aggregate", "Nobody.") for one in batch if one.raw.offset in self._invalid]

    def letters(self) -> list[Raw]:
        return self.log.records(LETTERS)

    def dead_offsets(self) -> list[int]:
        return sorted(int(dict(letter.headers)["x-original-offset"]) for letter in self.letters())


@given(st.integers(1, 40), st.sets(st.integers(0, 39), max_size=6), st.sets(st.integers(0, 39), max_size=6))
def test_halving_isolates_the_culprits_and_keeps_the_order_of_the_rest(count: int, bugs: set, invalid: set) -> None:
    bugs &= set(range(count))
    invalid = (invalid & set(range(count))) - bugs
    desk = Desk(bugs=bugs, invalid=invalid)
    asyncio.run(settle(desk, records(count)))
    assert desk.handled == [offset for offset in range(count) if offset not in bugs | invalid]
    assert desk.dead_offsets() == sorted(bugs | invalid)


async def settle(desk: Desk, batch: Sequence[Raw]) -> None:
    """Without the breaker, which has tests of its own."""
    desk.consumer._breaker = type("NoBreaker", (), {"judge": lambda *_: None})()
    await desk.consumer.process(batch)


async def test_a_dead_letter_is_the_record_byte_for_byte_with_where_when_and_why() -> None:
    original = replace(
        records(1, 41)[0], partition=2, value=b"\xff not JSON", headers=(("traceparent", b"00-1"), ("x", None))
    )
    desk = Desk()
    await desk.consumer.process([original])
    (letter,) = desk.letters()
    assert (letter.key, letter.value) == (original.key, original.value)
    assert dict(letter.headers) == {
        "traceparent": b"00-1",
        "x": None,
        "x-reason": b"not-json",
        "x-detail": dict(letter.headers)["x-detail"],
        "x-group": b"jobs",
        "x-original-topic": b"jobs.commands",
        "x-original-partition": b"2",
        "x-original-offset": b"41",
        "x-original-timestamp": str(original.timestamp).encode(),
        "x-failed-at": NOW.isoformat().encode(),
    }
    assert dict(letter.headers)["x-detail"]


async def test_a_record_that_no_letter_can_hold_is_cut_and_says_so() -> None:
    """Kafka counts compressed bytes: a record can be larger than what may be sent. It still stands where it was."""
    size = MAX_MESSAGE_BYTES + 1
    large = replace(records(1)[0], value=b"x" * size, headers=(("theirs", b"1"),))
    desk = Desk()
    await desk.consumer.process([large])
    (letter,) = desk.letters()
    assert letter.value == b"x" * CUT_BYTES
    headers = dict(letter.headers)
    assert headers["x-cut-from"] == str(size).encode()
    assert "theirs" not in headers


async def test_a_record_that_is_large_by_its_headers_is_cut_too() -> None:
    large = replace(records(1)[0], value=None, headers=(("x", b"x" * MAX_MESSAGE_BYTES),))
    desk = Desk()
    await desk.consumer.process([large])
    (letter,) = desk.letters()
    assert (letter.value, dict(letter.headers)["x-cut-from"]) == (None, b"0")
    assert "x" not in dict(letter.headers)


async def test_what_every_replica_hears_for_itself_is_skipped_and_not_put_aside() -> None:
    """Each replica would put the same record aside at each of its starts."""
    desk = Desk(everyone=True)
    await desk.consumer.process([records(1)[0], replace(records(1, 1)[0], value=b"{"), records(1, 2)[0]])
    assert (desk.handled, desk.letters()) == ([0, 2], [])


async def test_a_letter_that_dies_again_carries_its_last_reason_only() -> None:
    again = replace(records(1)[0], value=b"", headers=(("x-reason", b"old"), ("x-group", b"old")))
    desk = Desk()
    await desk.consumer.process([again])
    names = [name for name, _ in desk.letters()[0].headers]
    assert len(names) == len(set(names))
    assert dict(desk.letters()[0].headers)["x-reason"] == b"empty"


async def test_a_bug_says_what_broke() -> None:
    desk = Desk(bugs=[1])
    await desk.consumer.process(records(3))
    headers = dict(desk.letters()[0].headers)
    assert (headers["x-reason"], headers["x-detail"]) == (b"bug", b"ZeroDivisionError: a bug of ours")


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        ("wrong-key", {"key": b"another"}),
        ("wrong-key", {"key": None}),
        ("bad-header", {"headers": (("x-who", b"\xff"),)}),
        ("not-json", {"value": b"{"}),
        ("empty", {"value": None}),
        ("bad-time", {"timestamp": 2**62}),
        ("bad-time", {"timestamp": -(2**62)}),
    ],
)
async def test_a_record_that_cannot_be_used_dies_alone(reason: str, bad: dict) -> None:
    batch = records(3)
    batch[1] = replace(batch[1], **bad)
    desk = Desk()
    await desk.consumer.process(batch)
    assert desk.handled == [0, 2]
    assert [dict(letter.headers)["x-reason"].decode() for letter in desk.letters()] == [reason]


async def test_what_names_something_that_does_not_exist_is_isolated() -> None:
    async def handler(batch: Sequence[Received]) -> None:
        if any(one.raw.offset == 2 for one in batch):
            raise Invalid("unknown-partner", "There is no such partner.")

    desk = Desk(handler)
    await desk.consumer.process(records(4))
    assert desk.dead_offsets() == [2]
    assert dict(desk.letters()[0].headers)["x-reason"] == b"unknown-partner"


@pytest.mark.parametrize("away", [Transient("away"), ConnectionError("away"), TimeoutError("away")], ids=repr)
async def test_what_is_away_is_waited_for_in_order_and_nothing_dies(away: Exception) -> None:
    batches: list[list[int]] = []

    async def handler(batch: Sequence[Received]) -> None:
        batches.append([one.raw.offset for one in batch])
        if len(batches) < 5:
            assert desk.consumer.waiting_since is None or len(batches) > 1
            raise away

    desk = Desk(handler)
    await desk.consumer.process(records(3))
    assert batches == [[0, 1, 2]] * 5
    assert desk.letters() == []
    assert desk.consumer.waiting_since is None


async def test_dead_letters_wait_for_kafka_too() -> None:
    failures = iter([ConnectionError("away"), ConnectionError("away")])
    desk = Desk()

    async def before(_record: Outgoing) -> None:
        for failure in failures:
            raise failure

    desk.publisher._before = before
    await desk.consumer.process([replace(records(1)[0], value=b"")])
    assert len(desk.letters()) == 1


async def test_when_the_partitions_leave_waiting_ends_and_the_batch_is_given_back() -> None:
    async def handler(_batch: Sequence[Received]) -> None:
        desk.consumer.stop_waiting()
        raise Transient("away")

    desk = Desk(handler)
    with pytest.raises(Draining):
        await desk.consumer.process(records(3))
    assert desk.letters() == []
    assert desk.consumer.failure is None


async def test_a_new_assignment_may_wait_again() -> None:
    attempts = 0

    async def handler(_batch: Sequence[Received]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise Transient("away")

    desk = Desk(handler)
    desk.consumer.stop_waiting()
    desk.consumer.resume()
    await desk.consumer.process(records(1))
    assert attempts == 3


async def test_after_a_minute_of_waiting_the_batch_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.patience.SECONDS", -1.0)

    async def handler(_batch: Sequence[Received]) -> None:
        raise Transient("away")

    desk = Desk(handler)
    with pytest.raises(Draining):
        await desk.consumer.process(records(1))


async def test_a_wedged_producer_is_a_reason_to_be_replaced() -> None:
    async def handler(_batch: Sequence[Received]) -> None:
        raise Wedged("out of order") from OutOfOrderSequenceNumber()

    desk = Desk(handler)
    with pytest.raises(Draining):
        await desk.consumer.process(records(2))
    assert desk.consumer.failure == "Wedged: out of order"
    assert desk.letters() == []


async def test_what_cannot_be_put_aside_is_not_passed_over() -> None:
    """An exception that left the consumer would let the next batch commit past this one."""
    desk = Desk()

    async def before(_record: Outgoing) -> None:
        raise ZeroDivisionError("a bug of ours")

    desk.publisher._before = before
    with pytest.raises(Draining):
        await desk.consumer.process([replace(records(1)[0], value=b"")])
    assert desk.consumer.failure == "ZeroDivisionError: a bug of ours"
    with pytest.raises(Draining):  # and it stays stopped
        await desk.consumer.process(records(1, 1))
    assert desk.handled == []


async def test_the_handler_gets_the_logs_time_and_learns_of_replays() -> None:
    seen: list[Received] = []

    async def handler(batch: Sequence[Received]) -> None:
        seen.extend(batch)

    plain, replayed = records(2)
    await Desk(handler).consumer.process([plain, replace(replayed, headers=((REPLAY_HEADER, b"1"),))])
    assert [(one.at, one.replayed) for one in seen] == [(NOW, False), (NOW, True)]


async def test_a_topic_may_have_another_name_on_the_broker() -> None:
    desk = Desk()
    batch = [replace(record, topic="blue.jobs.commands") for record in records(2)]
    await desk.consumer.process(batch, lambda name: f"blue.{name}")
    assert desk.handled == [0, 1]


async def test_while_nothing_is_written_at_all_no_record_is_to_blame() -> None:
    """A wrong password, say, under a code that stands in no table: three lives of a process cost 21 commands once."""
    failures = iter([OperationFailure("no", 99_999)] * 3)

    async def prove() -> None:
        for failure in failures:
            raise failure

    async def handler(batch: Sequence[Received]) -> None:
        handled.append([one.raw.offset for one in batch])
        if len(handled) < 2:
            raise OperationFailure("no", 99_999)

    handled: list[list[int]] = []
    desk = Desk(handler, prove=prove)
    await desk.consumer.process(records(1))
    assert desk.letters() == []
    assert handled == [[0], [0]], "judged again when the servers took something"


async def test_a_redriven_record_is_for_the_group_that_put_it_aside() -> None:
    desk = Desk()
    ours, theirs, plain = records(3)
    named = [
        replace(one, headers=((FOR_GROUP_HEADER, group),)) for one, group in ((ours, b"jobs"), (theirs, b"gateway"))
    ]
    await desk.consumer.process([*named, plain])
    assert desk.handled == [0, 2]


async def test_what_a_handler_gets_done_in_the_middle_of_a_batch_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    now, seen = [1000.0], []
    monkeypatch.setattr("shared.consumer.monotonic", lambda: now[0])

    async def handler(_batch: Sequence[Received]) -> None:
        for _ in range(3):
            now[0] += 50
            progressed()
            seen.append(desk.consumer.progress_at)

    desk = Desk(handler)
    await desk.consumer.process(records(1))
    assert seen == [1050.0, 1100.0, 1150.0]
    progressed()  # nobody's, out here
