"""The parts of a service, before anything is connected. `main.py` of a service names them and nothing more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared import timers
from shared.aggregate import Aggregate, AggregateLoop
from shared.clock import Clock, SystemClock
from shared.commands import Commander, Policy, Reaction
from shared.consumer import Consumer, Handler
from shared.contracts.base import Message
from shared.failures import is_transient
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.mongo import Database
from shared.parking import COLLECTION, MongoParking
from shared.publisher import Publisher
from shared.records import Received
from shared.security_events import SecurityLog
from shared.settings import Settings
from shared.shares import Sharing
from shared.store import MongoAggregateStore
from shared.tail import Begun, TailConsumer
from shared.timers import Telling, Timers
from shared.topics import REPLIES, Topic

log = get_logger(__name__)


@dataclass(frozen=True)
class Hearing:
    """One consumer of a service and how it is fed."""

    consumer: Consumer
    everyone: bool
    from_start: bool


class Service:
    """The parts of one service, before anything is connected. Tests build the same parts over edges in memory."""

    def __init__(  # noqa: PLR0913 - the edges, named
        self,
        name: str,
        settings: Settings,
        *,
        publisher: Publisher,
        database: Database,
        clock: Clock | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.publisher = publisher
        self.database = database
        self.clock = clock or SystemClock()
        self.metrics = metrics or Metrics(name)
        self.security = SecurityLog(self.metrics)
        self.hearings: list[Hearing] = []
        self.tasks: dict[str, Callable[[], Awaitable[None]]] = {}
        self.preparations: list[Callable[[], Awaitable[None]]] = []
        self.stopping = asyncio.Event()

    def hears(
        self, group: str, topics: Sequence[Topic], handler: Handler, *, everyone: bool = False, from_start: bool = True
    ) -> None:
        """Feed `handler` with `topics` as the consumer group `group`; with `everyone` in every replica, from the
        start or from now.
        """
        parking = MongoParking(self.database[COLLECTION], group)
        if not everyone:
            self.prepares(parking.prepare)
        edges = self._edges()
        consumer = Consumer(self.name, group, topics, handler, everyone=everyone, parking=parking, **edges)
        self.hearings.append(Hearing(consumer, everyone, from_start))

    def follows(self, group: str, topics: Sequence[Topic], handler: Handler, begun: Begun) -> None:
        """Feed `handler` in every replica from now on; `begun` is told what offsets that is."""
        consumer = TailConsumer(self.name, group, topics, handler, everyone=True, begun=begun, **self._edges())
        self.hearings.append(Hearing(consumer, everyone=True, from_start=False))

    def _edges(self) -> dict[str, Any]:
        return {
            "publisher": self.publisher,
            "metrics": self.metrics,
            "clock": self.clock,
            "prove": self._write_something,
        }

    def inspects(self, group: str, topics: Sequence[Topic]) -> None:
        """Only put aside what cannot be read: for topics that nobody else hears as a group."""

        async def ignore(_batch: Sequence[Received]) -> None:
            return

        self.hears(group, topics, ignore)

    def owns(self, aggregate: Aggregate[Any]) -> None:
        """Be the one owner of `aggregate`: its loop behind its one door."""
        collection = self.database[f"{aggregate.name}s"]
        store = MongoAggregateStore(collection, aggregate.state)
        self.hears(
            aggregate.commands.heard_by[0],
            [aggregate.commands],
            AggregateLoop(self.name, aggregate, store, self.publisher, self.metrics),
        )

    def tells_time(self, aggregate: Aggregate[Any], tell: Telling, *, every: float = 0.5) -> None:
        """Tell each of these aggregates when the time of its `timer` has come, by the command that `tell` makes."""
        collection = self.database[f"{aggregate.name}s"]
        self.prepares(lambda: timers.prepare(collection))
        scanner = Timers(
            self.name,
            aggregate.commands,
            collection,
            tell,
            sharing=Sharing(self.database["leases"], f"timers of {aggregate.name}s"),
            stopping=self.stopping,
            publisher=self.publisher,
            clock=self.clock,
            metrics=self.metrics,
        )
        self.repeats("timers", scanner.tick, every=every)

    def reacts(
        self, group: str, topics: Sequence[Topic], door: Topic, reactions: dict[type[Message], Reaction]
    ) -> None:
        """Run a policy: whenever one of these events, then those commands on `door`."""
        self.hears(group, topics, Policy(self.name, door, self.publisher, reactions))

    def asks(self) -> Commander:
        """A commander that hears the answers in every replica, from now on."""
        commander = Commander(self.name, self.publisher, self.clock, self.metrics, self.settings.reply_timeout_seconds)
        self.hears(f"{self.name}.replies", [REPLIES], commander.on_replies, everyone=True, from_start=False)
        return commander

    def repeats(self, name: str, work: Callable[[], Awaitable[None]], *, every: float) -> None:
        """Do `work` again and again with `every` seconds between. What is away is waited for; a bug ends the
        process.
        """

        async def forever() -> None:
            while not self.stopping.is_set():
                try:
                    await work()
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("waiting", task=name, error=f"{type(error).__name__}: {error}")
                    await self._pause(1.0)
                await self._pause(every)

        self.tasks[name] = forever

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _write_something(self) -> None:
        """Raises while MongoDB takes no writes, whatever the reason."""
        await self.database["proofs"].update_one({"_id": self.name}, {"$inc": {"count": 1}}, upsert=True)

    def prepares(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` (indexes, say) before anything is consumed."""
        self.preparations.append(work)
