"""The loop's promises, with a crash between any two steps, any cut of the batches, and owners that do not know that
they have been replaced.

Every command is answered, and with one outcome. An applied command has its events, each under one id; a refused one has
none. Versions have no gap, no event overtakes an earlier one, and the state is the fold of the events.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aggregate import KEY_REUSED, NOT_FOUND, TOO_LARGE, AggregateLoop
from shared.contracts.base import Message, Record, derived_id
from shared.metrics import Metrics
from shared.records import Parked, Received
from shared.store import Stored
from shared.topics import REPLIES
from tests.builders import NOW, Raw, a_command, received
from tests.fakes import MemoryPublisher
from tests.shared.tabs import COMMANDS, EVENTS, TAB, Open, Plan, Put, World, check, lived


def tab(number: int) -> UUID:
    return derived_id("tab", number)


def numbered(messages: Sequence[tuple[int, Message, int]], *, opened: bool) -> list[Record]:
    """Commands with ids of their own; a few are sent twice under the same id. With `opened` every tab exists first."""
    first = [(number, Open(), -1 - number) for number in range(2)] if opened else []
    return [
        a_command(message, tab(number), command_id=derived_id("command", sender, number))
        for number, message, sender in [*first, *messages]
    ]


amounts = st.lists(st.integers(0, 6), max_size=2).map(tuple)


@st.composite
def histories(draw: st.DrawFn, *, opened: bool) -> list[Record]:
    message = st.builds(lambda amounts: Put(amounts=amounts), amounts)
    if not opened:
        message = st.just(Open()) | message
    sent = draw(st.lists(st.tuples(st.integers(0, 1), message), min_size=1, max_size=10))
    numbers = [(number, data, position) for position, (number, data) in enumerate(sent)]
    again = draw(st.lists(st.integers(0, len(numbers) - 1), max_size=3))
    for position in sorted(again, reverse=True):
        later = draw(st.integers(position + 1, len(numbers)))
        numbers.insert(later, numbers[position])
    return numbered(numbers, opened=opened)


cuts = st.lists(st.integers(1, 5), min_size=1, max_size=4)
steps = st.tuples(
    st.sampled_from(["step", "step", "run", "crash", "join"]),
    st.integers(0, 12),
    cuts,
)


@pytest.fixture(autouse=True, scope="module")
def races_are_retried_at_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.aggregate.random.uniform", lambda _low, _high: 0.0)
        yield


@settings(max_examples=300, deadline=None)
@given(commands=histories(opened=True), plan=st.lists(steps, max_size=30))
@pytest.mark.slow
def test_the_promises_hold_whatever_crashes_and_whoever_thinks_to_be_the_owner(commands, plan: Plan) -> None:
    check(asyncio.run(lived(commands, plan)))


@settings(max_examples=300, deadline=None)
@given(commands=histories(opened=False), plan=st.lists(steps, max_size=30))
@pytest.mark.slow
def test_the_promises_hold_for_what_does_not_exist_yet_too(commands, plan: Plan) -> None:
    check(asyncio.run(lived(commands, plan)))


def test_a_late_owner_does_not_answer_otherwise_what_was_not_there_before() -> None:
    commands = numbered(
        [(0, Put(amounts=(1,)), 1), (0, Put(amounts=(2,)), 2), (0, Put(amounts=(3,)), 3), (0, Open(), 4)], opened=False
    )
    check(asyncio.run(lived(commands, [])))


EVERY_STEP = numbered([(0, Put(amounts=(4,)), 1), (1, Put(amounts=(1, 2)), 2), (0, Put(amounts=(9,)), 3)], opened=True)


@pytest.mark.parametrize("cut", [1, 2, 3, 256])
@pytest.mark.parametrize("at", range(16))
def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(at: int, cut: int) -> None:
    async def world() -> World:
        world = World(EVERY_STEP)
        owner = world.join([256])
        for _ in range(at):
            await owner.go_on()
        await owner.go_on(crash=True)
        await owner._task
        heir = world.join([cut])
        while await heir.go_on():
            pass
        await heir._task
        return world

    lived = asyncio.run(world())
    check(lived)
    assert {REPLIES.codec.decode(raw.value).type for raw in lived.log.records(REPLIES.name)} == {
        "CommandApplied",
        "CommandRejected",
    }


async def answers(*commands: Record) -> list[Raw]:
    world = World(commands)
    await AggregateLoop("tabs", TAB, world.store, MemoryPublisher(world.log), Metrics("tests"))(world.commands)
    return [REPLIES.codec.decode(raw.value) for raw in world.log.records(REPLIES.name)]


async def test_what_does_not_exist_is_answered_and_is_a_dead_letter() -> None:
    command = a_command(Put(amounts=(1,)), tab(0))
    world = World([command])
    loop = AggregateLoop("tabs", TAB, world.store, MemoryPublisher(world.log), Metrics("tests"))
    (dead,) = await loop(world.commands)
    assert (dead.reason, dead.raw.offset) == ("unknown-aggregate", 0)
    (reply,) = [REPLIES.codec.decode(raw.value) for raw in world.log.records(REPLIES.name)]
    assert (reply.data.code, reply.subject) == (NOT_FOUND, command.id)


async def test_a_command_sent_twice_is_answered_twice_and_applied_once() -> None:
    put = a_command(Put(amounts=(3,)), tab(0))
    opened, first, second = await answers(a_command(Open(), tab(0)), put, put)
    assert first.id == second.id
    assert (opened.data.version, second.data.version, second.data.snapshot["total"]) == (2, 2, 3)


async def test_a_command_that_changes_nothing_is_applied_without_an_event() -> None:
    replies = await answers(a_command(Open(), tab(0)), a_command(Open(), tab(0)))
    assert [(reply.type, reply.data.version) for reply in replies] == [("CommandApplied", 1)] * 2


KEY = derived_id("a client's key")


async def test_a_key_that_is_taken_refuses_another_body_and_stands_for_the_first() -> None:
    first = a_command(Put(amounts=(3,)), tab(0), command_id=KEY, digest="three")
    other = a_command(Put(amounts=(4,)), tab(0), command_id=KEY, digest="four")
    world = World([a_command(Open(), tab(0)), first, other, first])
    loop = AggregateLoop("tabs", TAB, world.store, MemoryPublisher(world.log), Metrics("tests"))
    await loop(world.commands[:2])
    await loop(world.commands[2:])
    _, applied, refused, again = [REPLIES.codec.decode(raw.value) for raw in world.log.records(REPLIES.name)]
    assert (refused.data.code, refused.digest, refused.subject) == (KEY_REUSED, "four", KEY)
    assert (applied.id, applied.digest, applied.data.version) == (again.id, "three", 2)
    assert refused.id != applied.id
    assert (await world.store.load([tab(0)]))[tab(0)].state.total == 3


async def test_a_refused_command_does_not_give_its_key_away_either() -> None:
    refused = a_command(Put(amounts=(11,)), tab(0), command_id=KEY, digest="eleven")
    other = a_command(Put(amounts=(4,)), tab(0), command_id=KEY, digest="four")
    _, first, second = await answers(a_command(Open(), tab(0)), refused, other)
    assert (first.data.code, second.data.code) == ("too_much", KEY_REUSED)


@pytest.mark.parametrize(("before", "after"), [(None, "four"), ("four", None)], ids=["before", "after"])
async def test_a_command_from_a_release_without_digests_is_known_by_its_id(before: str | None, after: str) -> None:
    put = [a_command(Put(amounts=(4,)), tab(0), command_id=KEY, digest=digest) for digest in (before, after)]
    _, first, second = await answers(a_command(Open(), tab(0)), *put)
    assert (first.data.version, second.data.version) == (2, 2)


def again(world: World, commands: Sequence[Record]) -> list[Received]:
    """The log with these commands, the first at offset 0, at the world's time."""
    return [received(one, topic=COMMANDS.name, offset=offset) for offset, one in enumerate(commands)]


def loop_of(world: World) -> AggregateLoop:
    return AggregateLoop("tabs", TAB, world.store, MemoryPublisher(world.log), Metrics("tests"))


async def fed(world: World, log: Sequence[Received], size: int = 256) -> None:
    for start in range(0, len(log), size):
        await loop_of(world)(log[start : start + size])


def puts(count: int, amount: int = 0) -> list[Record]:
    commands = [a_command(Put(amounts=(amount,)), tab(0), command_id=derived_id("put", n)) for n in range(count)]
    return [a_command(Open(), tab(0), command_id=derived_id("open")), *commands]


@pytest.mark.parametrize("size", [1, 100, 256])
async def test_a_log_that_is_read_again_from_far_behind_decides_nothing_anew(size: int) -> None:
    """301 commands again: the ring remembers the last 256, and 44 were applied twice."""
    world = World([])
    log = again(world, puts(300))
    await fed(world, log)
    before = (await world.store.load([tab(0)]))[tab(0)]
    said = len(world.log.records(EVENTS.name))
    await fed(world, log, size)
    after = (await world.store.load([tab(0)]))[tab(0)]
    assert (after.version, after.revision) == (before.version, before.revision) == (301, 2)
    assert {EVENTS.codec.decode(raw.value).version for raw in world.log.records(EVENTS.name)[said:]} <= set(
        range(1, 302)
    )
    late = received(a_command(Put(amounts=(1,)), tab(0)), topic=COMMANDS.name, offset=len(log))
    await loop_of(world)([late])
    assert (await world.store.load([tab(0)]))[tab(0)].version == 302


async def test_a_command_that_was_sent_again_long_after_is_not_decided_anew_when_the_log_is_read_again() -> None:
    """Its first copy has left the ring; the second was answered from it and stands nowhere else."""
    world, commands = World([]), puts(200)
    commands += [a_command(Put(amounts=(0,)), tab(0)) for _ in range(50)]
    commands += [commands[100], *(a_command(Put(amounts=(0,)), tab(0)) for _ in range(200))]
    log = again(world, commands)
    await fed(world, log, 64)
    before = (await world.store.load([tab(0)]))[tab(0)].version
    await fed(world, log, 64)
    assert (await world.store.load([tab(0)]))[tab(0)].version == before == len(commands) - 1


async def test_a_batch_does_not_forget_what_it_was_answered_from() -> None:
    """A command that comes a second time, among as many others as push its outcome out of the ring; and then a crash
    before the commit.
    """
    world, commands = World([]), puts(255)
    log = again(world, [*commands, *(a_command(Put(amounts=(0,)), tab(0)) for _ in range(100)), commands[1]])
    await fed(world, log[:256])
    for _ in range(2):
        await loop_of(world)([replace(one, fetched_from=256) for one in log[256:]])
    assert (await world.store.load([tab(0)]))[tab(0)].version == 356


async def test_an_aggregate_whose_ring_has_forgotten_nothing_decides_whatever_it_has_not_met() -> None:
    """An operator may let a group pass over records, and come back to them."""
    world = World([])
    log = again(world, puts(20))
    await fed(world, [log[0], *log[15:]])
    await fed(world, log)
    assert (await world.store.load([tab(0)]))[tab(0)].version == 21


async def test_a_topic_that_was_made_anew_is_heard() -> None:
    """Its offsets begin again; the broker's clock has gone on."""
    world = World([])
    await fed(world, again(world, puts(300)))
    later = NOW + timedelta(hours=1)
    anew = [
        received(a_command(Put(amounts=(0,)), tab(0)), topic=COMMANDS.name, offset=offset, at=later)
        for offset in range(10)
    ]
    await fed(world, anew, 3)
    assert (await world.store.load([tab(0)]))[tab(0)].version == 311


async def test_what_broke_its_handler_is_met_again_after_a_crash_though_others_were_applied_since() -> None:
    """It stands in no ring. Were it passed over, its dead letter would be lost with the crash."""
    world = World([])
    log = again(world, puts(400))
    broken = log.pop(390)
    await fed(world, log[:300])
    await loop_of(world)(log[300:])
    before = (await world.store.load([tab(0)]))[tab(0)].version
    for part in (log[300:390], [broken], log[390:]):  # halved around it
        await loop_of(world)([replace(one, fetched_from=300) for one in part])
    assert (await world.store.load([tab(0)]))[tab(0)].version == before + 1


async def test_an_aggregate_that_cannot_be_read_is_parked_and_the_others_go_on() -> None:
    commands = [a_command(Open(), tab(number)) for number in (0, 1)]
    more = [a_command(Put(amounts=(1,)), tab(number)) for number in (0, 1, 0)]
    world = World([*commands, *more])
    await loop_of(world)(world.commands[:2])
    world.store._stored[tab(0)] = Stored(tab(0), unreadable="total: not a number that I know")
    parked = await loop_of(world)(world.commands[2:])
    assert [(type(one), one.raw.offset, one.reason) for one in parked] == [
        (Parked, 2, "unreadable-document"),
        (Parked, 4, "unreadable-document"),
    ]
    assert (await world.store.load([tab(1)]))[tab(1)].version == 2
    assert len(world.log.records(REPLIES.name)) == 3


async def test_a_command_that_would_make_a_record_too_large_is_refused_and_its_neighbours_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such an event was a dead letter of everybody who heard it, while its sender was told that it was done."""
    monkeypatch.setattr("shared.aggregate.MAX_RECORD_BYTES", 4000)
    monkeypatch.setattr("tests.shared.tabs.LIMIT", 10**2001)
    small, large = (1,), (10**2000,)
    opened, first, refused, second = await answers(
        a_command(Open(), tab(0)), *[a_command(Put(amounts=amounts), tab(0)) for amounts in (small, large, small)]
    )
    assert [one.data.version for one in (opened, first, second)] == [3, 3, 3]
    assert refused.data.code == TOO_LARGE


async def test_what_is_too_large_already_may_become_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([a_command(Open(), tab(0)), a_command(Put(amounts=(-(10**8),)), tab(0))])
    await loop_of(world)(world.commands[:1])
    stored = (await world.store.load([tab(0)]))[tab(0)]
    world.store._stored[tab(0)] = replace(stored, state=stored.state.model_copy(update={"total": 10**8}))
    monkeypatch.setattr("shared.aggregate.MAX_RECORD_BYTES", 1)
    await loop_of(world)(world.commands[1:])
    assert (await world.store.load([tab(0)]))[tab(0)].state.total == 0
