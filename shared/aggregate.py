"""The one loop that changes state (DESIGN §3): read, decide, compare-and-set, publish, and only then commit.

Redelivery sweeps the outbox. A crash between write and publish leaves the batch uncommitted; it comes again, its
commands are found among the remembered ones, and their stored events and outcomes are published again with the same
ids.

The argument needs: one command topic per aggregate, rejections remembered, a ring of at least a batch, majority reads
and writes, one consumer task per process and topic, and nothing else that changes the aggregate.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic_core import to_json

from shared import timers
from shared.contracts.base import Message, Snapshot, derived_id
from shared.contracts.codec import MAX_RECORD_BYTES, encode_parts
from shared.contracts.replies import CommandApplied, CommandRejected
from shared.decisions import Decision, Rejection, Timer
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.publisher import Outgoing, Publisher, key_of
from shared.records import Aside, Dead, Parked, Received
from shared.store import RING, AggregateStore, Change, Entry, LogPosition, Outcome, Stored
from shared.topics import REPLIES, Topic

log = get_logger(__name__)

StateT = TypeVar("StateT", bound=Snapshot)


NOT_FOUND = "not_found"
KEY_REUSED = "key_reused"
TOO_LARGE = "too_large"

ENVELOPE_BYTES = 2048
"""Above what stands around an event's fact and snapshot."""

Indexed = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Aggregate(Generic[StateT]):
    """The rules of one kind of aggregate and its topics.

    `decide(state, command, at)` gives the facts that follow, or a Rejection; `state` is None while there is none, and
    `at` is the log's time. `creates` are the commands that make sense then; any other names what does not exist.
    `evolve(state, fact, aggregate_id, at)` gives the next state. Both are pure. `indexed(state)` names the fields
    that are stored beside the state because a query needs them; `timer(state)` what the clock has to tell it next, if
    `Service.tells_time` is to do so.
    """

    name: str
    commands: Topic
    events: Topic
    state: type[StateT]
    creates: tuple[type[Message], ...]
    decide: Callable[[StateT | None, Any, UUID, datetime], Decision]
    evolve: Callable[[StateT | None, Any, UUID, datetime], StateT]
    indexed: Indexed = field(default=lambda _state: {})
    timer: Callable[[Any], Timer | None] | None = None

    def beside(self, state: StateT | None) -> dict[str, Any]:
        """What is stored beside the state."""
        if state is None:
            return {}
        return {**(timers.indexed(self.timer(state)) if self.timer else {}), **self.indexed(state)}


class AggregateLoop(Generic[StateT]):
    """A `shared.consumer.Handler` for the aggregate's one door."""

    def __init__(
        self,
        service: str,
        aggregate: Aggregate[StateT],
        store: AggregateStore[StateT],
        publisher: Publisher,
        metrics: Metrics,
    ) -> None:
        self._source = f"/{service}"
        self._aggregate = aggregate
        self._store = store
        self._publisher = publisher
        self._metrics = metrics

    async def __call__(self, batch: Sequence[Received]) -> Iterable[Aside]:
        folds, said = await self._settle(_by_aggregate(batch))
        await self._publisher.publish(said)
        self._count(folds)
        return [one for fold in folds for one in fold.aside]

    async def _settle(self, commands: dict[UUID, list[Received]]) -> tuple[list["Fold[StateT]"], list[Outgoing]]:
        """Fold until every write is held. Another owner of the partition may be faster: then its outcomes are the
        ones that count.
        """
        while True:
            stored = await self._store.load(list(commands))
            folds: list[Fold[StateT]] = []
            said: list[Outgoing] = []
            for subject, received in commands.items():
                fold, records = self._folded(stored.get(subject) or Stored(subject), received)
                folds.append(fold)
                said += records
            changes = [change for fold in folds if (change := fold.change()) is not None]
            if not changes or await self._store.save(changes):
                return folds, said
            self._metrics.lost_races.labels(self._aggregate.name).inc()
            await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - jitter, no secret

    def _folded(self, stored: Stored[StateT], received: Sequence[Received]) -> tuple["Fold[StateT]", list[Outgoing]]:
        """The fold and what it says, which is made before anything is written: if it cannot be, nothing has happened
        yet. No consumer would take a record above the limit, so a command that leads to one is refused.
        """
        fold = Fold(self._aggregate, stored).over(received)
        said = list(self._said(fold))
        if any(len(record.value or b"") > MAX_RECORD_BYTES for record in said):
            fold = Fold(self._aggregate, stored, measured=True).over(received)
            said = list(self._said(fold))
        return fold, said

    def _said(self, fold: "Fold[StateT]") -> Iterable[Outgoing]:
        snapshot = to_json(fold.state)
        if fold.state is not None:
            events, key = self._aggregate.events.name, key_of(fold.id)
            for entry in fold.to_publish():
                yield Outgoing(events, key, self._event(entry, fold.id, snapshot))
        version = b"%d" % fold.version
        for received, outcome in fold.answers:
            data = (
                {"version": version, "snapshot": snapshot}
                if outcome.version is not None
                else {"code": to_json(outcome.code), "reason": to_json(outcome.reason)}
            )
            yield Outgoing(REPLIES.name, key_of(received.record.id), self._reply(received, outcome, data))

    def _event(self, entry: Entry, subject: UUID, snapshot: bytes) -> bytes:
        return encode_parts(
            {
                "id": entry.id,
                "type": entry.type,
                "source": self._source,
                "subject": subject,
                "time": entry.time,
                "correlationid": entry.correlationid,
                "causationid": entry.causationid,
                "traceparent": entry.traceparent,
                "version": entry.version,
            },
            {"fact": to_json(entry.fact), "snapshot": snapshot},
        )

    def _reply(self, received: Received, outcome: Outcome, data: dict[str, bytes]) -> bytes:
        record = received.record
        answer = CommandApplied if outcome.version is not None else CommandRejected
        other = (record.digest,) if outcome.code == KEY_REUSED else ()
        return encode_parts(
            {
                "id": derived_id("reply", record.id, *other),
                "type": answer.__name__,
                "source": self._source,
                "subject": record.id,
                "time": received.at,
                "correlationid": record.correlationid,
                "causationid": record.id,
                "traceparent": record.traceparent,
                "digest": record.digest,
            },
            data,
        )

    def _count(self, folds: Sequence["Fold[StateT]"]) -> None:
        name, counts = self._aggregate.name, Counter[str]()
        for fold in folds:
            if fold.forgotten:
                counts["forgotten"] += fold.forgotten
                log.warning("commands_read_again", aggregate=name, id=str(fold.id), count=fold.forgotten)
            for _, outcome in fold.answers:
                fresh = outcome.command_id in fold.fresh or outcome.code == KEY_REUSED
                word = "repeated" if not fresh else "applied" if outcome.version is not None else "rejected"
                counts[word] += 1
        for word, count in counts.items():
            self._metrics.commands.labels(name, word).inc(count)


class Fold(Generic[StateT]):
    """One aggregate's commands of one batch, in the log's order, folded over what is stored."""

    def __init__(self, aggregate: Aggregate[StateT], stored: Stored[StateT], *, measured: bool = False) -> None:
        """`measured` weighs the state after each command, to find the one that makes it too large to be told."""
        self._aggregate = aggregate
        self._stored = stored
        self._measured = measured
        self.id = stored.id
        self.state = stored.state
        self.version = stored.version
        self.answers: list[tuple[Received, Outcome]] = []
        self.aside: list[Aside] = []
        self.fresh: dict[UUID, Outcome] = {}
        self.forgotten = 0
        self._log = stored.log
        self._events: list[Entry] = []
        self._repeated: dict[UUID, Outcome] = {}

    def over(self, commands: Sequence[Received]) -> "Fold[StateT]":
        if self._stored.unreadable:
            self.aside += [Parked(one.raw, "unreadable-document", self._stored.unreadable) for one in commands]
            return self
        if self._log.precedes(commands[0].raw):
            self._log = LogPosition()
        for received in commands:
            command_id = received.record.id
            outcome = self.fresh.get(command_id) or self._stored.outcomes.get(command_id)
            if outcome is None:
                if received.raw.offset <= self._log.floor:
                    self.forgotten += 1
                    continue
                outcome = self._decide(received)
                self.fresh[command_id] = outcome
            elif not outcome.answers(received.record.digest):
                outcome = _key_reused(command_id)
            elif command_id not in self.fresh:
                self._repeated[command_id] = outcome
            if outcome.code == NOT_FOUND:
                self.aside.append(Dead(received.raw, "unknown-aggregate", outcome.reason))
            self.answers.append((received, outcome))
        self._log = self._log.moved(commands, forgets=self._stored.entries + len(self._remembered()) > RING)
        return self

    def _remembered(self) -> list[Outcome]:
        """What goes into the ring: where it pushes others out, also the outcomes that this batch was answered from. It
        may come again, and must then be met as it was.
        """
        fresh = list(self.fresh.values())
        pushes_out = self._stored.entries + len(fresh) > RING
        return [*(self._repeated.values() if pushes_out else ()), *fresh]

    def _decide(self, received: Received) -> Outcome:
        record, at = received.record, received.at
        if self.state is None and not isinstance(record.data, self._aggregate.creates):
            return self._refused(received, NOT_FOUND, f"There is no {self._aggregate.name} {self.id}.")
        decision = self._aggregate.decide(self.state, record.data, self.id, at)
        if isinstance(decision, Rejection):
            return self._refused(received, decision.code, decision.reason)
        if self._measured and self._grows_too_large(decision, at):
            return self._refused(received, TOO_LARGE, "There would be more here than one record can hold.")
        for number, fact in enumerate(decision):
            self.version += 1
            self.state = self._evolved(self.state, fact, at)
            self._events.append(
                Entry(
                    id=derived_id("event", record.id, number),
                    type=type(fact).__name__,
                    version=self.version,
                    time=at,
                    fact=fact.model_dump(mode="json"),
                    causationid=record.id,
                    correlationid=record.correlationid,
                    traceparent=record.traceparent,
                )
            )
        return Outcome(record.id, version=self.version, digest=record.digest)

    def _evolved(self, state: StateT | None, fact: Message, at: datetime) -> StateT:
        return self._aggregate.evolve(state, fact, self.id, at).model_copy(update={"version": self.version})

    def _grows_too_large(self, decision: Sequence[Message], at: datetime) -> bool:
        """What makes it smaller again is let through, however large it is."""
        before, state = len(to_json(self.state)), self.state
        for fact in decision:
            state = self._evolved(state, fact, at)
        facts = max((len(to_json(fact)) for fact in decision), default=0)
        size = len(to_json(state))
        return size > before and size + facts + ENVELOPE_BYTES > MAX_RECORD_BYTES

    def _refused(self, received: Received, code: str, reason: str) -> Outcome:
        return Outcome(received.record.id, code=code, reason=reason, digest=received.record.digest)

    def _stored_again(self) -> list[Entry]:
        """The outbox entries of commands that came again: the crash they survived may have been before their
        publishing.
        """
        return [entry for entry in self._stored.outbox if entry.causationid in self._repeated]

    def to_publish(self) -> list[Entry]:
        return [*self._stored_again(), *self._events]

    def change(self) -> Change[StateT] | None:
        """The write this fold needs, or None when every command had been met before.

        A refusal is remembered even where there is no state yet: whoever meets the command again, after the aggregate
        was created, must not judge it anew.
        """
        if not self.fresh:
            return None
        return Change(
            id=self.id,
            revision=self._stored.revision,
            had_state=self._stored.state is not None,
            state=self.state,
            version=self.version,
            outcomes=tuple(self._remembered()),
            outbox=tuple(self.to_publish()),
            indexed=self._aggregate.beside(self.state),
            log=self._log,
        )


def _key_reused(command_id: UUID) -> Outcome:
    """Not remembered: what the id stands for is the first command's outcome."""
    return Outcome(command_id, code=KEY_REUSED, reason="This key was used before, for something else. Use a new one.")


def _by_aggregate(batch: Sequence[Received]) -> dict[UUID, list[Received]]:
    groups: dict[UUID, list[Received]] = {}
    for received in batch:
        groups.setdefault(received.record.subject, []).append(received)
    return groups
