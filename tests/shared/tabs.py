"""A small aggregate, the partition that feeds it, and owners that go on one step at a time, or die."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from shared.aggregate import Aggregate, AggregateLoop
from shared.contracts.base import Message, Record, Snapshot
from shared.contracts.codec import Codec
from shared.contracts.replies import CommandApplied
from shared.decisions import Decision, Rejection
from shared.memory import MemoryAggregateStore
from shared.metrics import Metrics
from shared.store import Change, Stored
from shared.topics import REPLIES, Topic
from tests.builders import NOW, received
from tests.fakes import MemoryLog, MemoryPublisher

LIMIT = 10


class Tab(Snapshot):
    total: int = 0


class Open(Message):
    pass


class Put(Message):
    """Puts each of `amounts` on the tab, a fact each; refused when it would be more than ten."""

    amounts: tuple[int, ...]


class Opened(Message):
    pass


class WasPut(Message):
    amount: int


def decide(tab: Tab | None, command: Message, _id: UUID, _at: datetime) -> Decision:
    if isinstance(command, Open):
        return [] if tab else [Opened()]
    if tab.total + sum(command.amounts) > LIMIT:
        return Rejection("too_much", "Ten is the limit.")
    return [WasPut(amount=amount) for amount in command.amounts]


def evolve(tab: Tab | None, fact: Message, _id: UUID, _at: datetime) -> Tab:
    return Tab() if isinstance(fact, Opened) else tab.model_copy(update={"total": tab.total + fact.amount})


COMMANDS = Topic("tabs.commands", "tab id", (), ("tabs",), Codec((Open, Put)))
EVENTS = Topic("tabs", "tab id", ("tabs",), (), Codec((Opened, WasPut), Tab))
TAB = Aggregate("tab", COMMANDS, EVENTS, Tab, (Open,), decide, evolve)


class Crash(BaseException):
    """The process dies here."""


class World:
    """One partition of the command topic, its committed offset, and everything that was said."""

    def __init__(self, commands: Sequence[Record]) -> None:
        self.commands = [received(command, topic=COMMANDS.name, offset=n) for n, command in enumerate(commands)]
        self.log = MemoryLog(partitions=1)
        self.store = MemoryAggregateStore()
        self.committed = 0
        self.generation = 0
        self.owners: list[Owner] = []

    def join(self, cuts: Sequence[int]) -> "Owner":
        """A new owner of the partition. The one before does not know it yet."""
        self.generation += 1
        owner = Owner(self, self.generation, cuts)
        self.owners.append(owner)
        return owner


class Owner:
    """A process with the loop. Before each step it waits to be told to go on, or to die."""

    def __init__(self, world: World, generation: int, cuts: Sequence[int]) -> None:
        self._world = world
        self._generation = generation
        self._cuts = cuts or [256]
        publisher = MemoryPublisher(world.log, before=lambda _record: self._step())
        self._loop = AggregateLoop("tabs", TAB, self, publisher, Metrics("tests"))
        self._waiting = asyncio.Event()
        self._go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live())

    async def load(self, ids: Sequence[UUID]) -> dict[UUID, Stored[Tab]]:
        await self._step()
        return await self._world.store.load(ids)

    async def save(self, changes: Sequence[Change[Tab]]) -> bool:
        await self._step()
        return await self._world.store.save(changes)

    async def go_on(self, *, crash: bool = False) -> bool:
        """One step further, or to its death. False when it has come to its end."""
        await self._parked()
        if self._task.done():
            return False
        go, self._go = self._go, asyncio.get_running_loop().create_future()
        self._waiting.clear()
        go.set_exception(Crash()) if crash else go.set_result(None)
        await self._parked()
        return not self._task.done()

    async def _parked(self) -> None:
        """Until it waits before a step, or is dead."""
        waiting = asyncio.create_task(self._waiting.wait())
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _step(self) -> None:
        self._waiting.set()
        await self._go

    async def _live(self) -> None:
        with suppress(Crash):
            await self._consume()

    async def _consume(self) -> None:
        position, cut = self._world.committed, 0
        while position < len(self._world.commands):
            size = self._cuts[cut % len(self._cuts)]
            batch = self._world.commands[position : position + size]
            await self._loop(batch)
            await self._step()
            if self._world.generation != self._generation:
                return  # somebody else has the partition: the commit is refused
            position, cut = position + len(batch), cut + 1
            self._world.committed = position


Plan = Sequence[tuple[str, int, Sequence[int]]]


async def lived(commands: Sequence[Record], plan: Plan) -> World:
    """The world after the plan, and after a last owner has come to the end undisturbed while the others finish too."""
    world = World(commands)
    world.join([256])
    for what, which, cuts in plan:
        owner = world.owners[which % len(world.owners)]
        if what == "join":
            world.join(cuts)
        elif what == "run":
            for _ in range(which):
                await owner.go_on()
        else:
            await owner.go_on(crash=what == "crash")
    world.join([3])
    for owner in reversed(world.owners):
        while await owner.go_on():
            pass
        await owner._task
    assert world.committed == len(commands)
    return world


def check(world: World) -> None:
    replies, events = defaultdict(set), {}
    for raw in world.log.records(REPLIES.name):
        reply = REPLIES.codec.decode(raw.value)
        applied = isinstance(reply.data, CommandApplied)
        replies[reply.subject].add("applied" if applied else reply.data.code)
    by_tab = defaultdict(list)
    for raw in world.log.records(EVENTS.name):
        said = EVENTS.codec.decode(raw.value)
        first = events.setdefault(said.id, said)
        assert (first.version, first.fact, first.time) == (said.version, said.fact, said.time), "An event changed."
        if first is said:
            by_tab[said.subject].append(said)
    causes = defaultdict(list)
    for said in events.values():
        causes[said.causationid].append(said.fact)
    sent = {one.record.id: one.record for one in world.commands}
    assert set(replies) == set(sent), "Every command is answered."
    for command_id, outcomes in replies.items():
        assert len(outcomes) == 1, f"{sent[command_id].data} was answered {outcomes}."
        if outcomes != {"applied"}:
            assert command_id not in causes, "A refused command left an event."
        elif isinstance(sent[command_id].data, Put):
            amounts = [fact.amount for fact in causes[command_id]]
            assert amounts == list(sent[command_id].data.amounts), "An applied command has each of its events once."
    for tab_id, said in by_tab.items():
        assert [one.version for one in said] == list(range(1, len(said) + 1)), "A gap, or an overtaking."
        state = None
        for one in said:
            state = evolve(state, one.fact, tab_id, NOW)
        stored = asyncio.run(world.store.load([tab_id]))[tab_id]
        assert stored.state == state.model_copy(update={"version": len(said)})
        assert stored.version == len(said)
