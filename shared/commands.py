"""Sending commands: from an HTTP handler, which waits for the owner's answer, and from a policy, which does not."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from shared.clock import Clock
from shared.contracts.base import Command, Event, Message, Record, derived_id
from shared.contracts.replies import CommandApplied, CommandRejected
from shared.failures import Wedged, is_transient
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.publisher import Outgoing, Publisher, outgoing
from shared.records import Received
from shared.topics import Topic

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    version: int
    snapshot: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Kafka has the command; its owner has not answered yet. It will be handled."""

    command_id: UUID


Answer = Applied | Rejected | Unanswered


class NotTaken(Exception):  # noqa: N818 - Kafka did not take it
    """Kafka did not acknowledge the command in time. It may arrive all the same: sending it again needs the same id."""


@contextmanager
def not_taken_while_away() -> Iterator[None]:
    """Around what a command needs to be sent: what waiting can heal, or another process, becomes `NotTaken`; anything
    else stays a bug.
    """
    try:
        yield
    except Exception as error:
        if is_transient(error) or isinstance(error, Wedged):
            raise NotTaken(f"{type(error).__name__}: {error}") from error
        raise


def command(  # noqa: PLR0913 - an envelope's fields, named
    data: Message,
    subject: UUID,
    *,
    source: str,
    time: datetime,
    command_id: UUID | None = None,
    correlation_id: UUID | None = None,
    causation_id: UUID | None = None,
    traceparent: str | None = None,
    digest: str | None = None,
) -> Command[Any]:
    """`data` as a record about `subject`. Without ids it starts a story of its own."""
    command_id = command_id or uuid4()
    return Command[Any](
        id=command_id,
        type=type(data).__name__,
        source=f"/{source}",
        subject=subject,
        time=time,
        correlationid=correlation_id or command_id,
        causationid=causation_id or command_id,
        traceparent=traceparent,
        data=data,
        digest=digest,
    )


class Commander:
    """The asking side of one door or more. One per process; hears all of `replies` and keeps what it asked for."""

    def __init__(self, service: str, publisher: Publisher, clock: Clock, metrics: Metrics, timeout: float) -> None:
        self._service = service
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._timeout = timeout
        self._waiting: dict[UUID, dict[asyncio.Future[Answer], str | None]] = {}
        """Who waits for a command's answer, with the digest of what was sent."""

    async def ask(  # noqa: PLR0913 - as `command`
        self,
        door: Topic,
        data: Message,
        subject: UUID,
        *,
        command_id: UUID | None = None,
        correlation_id: UUID | None = None,
        traceparent: str | None = None,
        digest: str | None = None,
    ) -> Answer:
        """Send one command and wait for its answer, `timeout` seconds at most. Raises `NotTaken` when Kafka does not
        take it.

        With `digest`, a `command_id` that stands for a command with another digest is refused as `key_reused`.
        """
        record = command(
            data,
            subject,
            source=self._service,
            time=self._clock.now(),
            command_id=command_id,
            correlation_id=correlation_id,
            traceparent=traceparent,
            digest=digest,
        )
        started = perf_counter()
        with self._expecting(record.id, digest) as answer:
            try:
                await self._publish(outgoing(door.name, record))
                async with asyncio.timeout(max(self._timeout - (perf_counter() - started), 0.1)):
                    outcome: Answer = await answer
            except TimeoutError:
                self._metrics.unanswered.inc()
                outcome = Unanswered(record.id)
        self._metrics.command_seconds.observe(perf_counter() - started)
        log.info(
            "command_sent",
            command_id=str(record.id),
            correlation_id=str(record.correlationid),
            type=record.type,
            outcome=type(outcome).__name__,
        )
        return outcome

    async def on_replies(self, batch: Sequence[Received]) -> None:
        for received in batch:
            reply = received.record
            for answer, digest in self._waiting.get(reply.subject, {}).items():
                if not answer.done() and (digest == reply.digest or reply.digest is None):
                    answer.set_result(_answer(reply.data))

    @contextmanager
    def _expecting(self, command_id: UUID, digest: str | None) -> Iterator[asyncio.Future[Answer]]:
        """Two requests with one Idempotency-Key can be under way at once; each gets the answer to what it sent."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command_id, {})[answer] = digest
        try:
            yield answer
        finally:
            del self._waiting[command_id][answer]
            if not self._waiting[command_id]:
                del self._waiting[command_id]

    async def _publish(self, record: Outgoing) -> None:
        with not_taken_while_away():
            async with asyncio.timeout(self._timeout):
                await self._publisher.publish([record])


@dataclass(frozen=True, slots=True)
class Order:
    """What a policy wants done, at which aggregate.

    `part` tells apart the orders of one type that one event may yield for one aggregate: a member's id, say. It must
    say the same when the event comes again, whatever the other orders are then.
    """

    subject: UUID
    data: Message
    part: object = ""


def ordered(service: str, door: Topic, cause: Record, orders: Iterable[Order]) -> list[Outgoing]:
    """The orders as commands that `cause` leads to. Their ids follow from the cause, so that a cause delivered twice
    orders once.

    The content is no part of the id: it may follow from the cause's snapshot, which may be newer when it comes again.
    Raises ValueError when two orders would share an id, since the second would be taken for the first one's duplicate.
    """
    commands: dict[UUID, Outgoing] = {}
    for order in orders:
        command_id = _id_of(order, cause)
        if command_id in commands:
            raise ValueError(
                f"Two {type(order.data).__name__} of one event for {order.subject}: say which part each is."
            )
        record = command(
            order.data,
            order.subject,
            source=service,
            time=cause.time,
            command_id=command_id,
            correlation_id=cause.correlationid,
            causation_id=cause.id,
            traceparent=cause.traceparent,
        )
        commands[command_id] = outgoing(door.name, record)
    return list(commands.values())


def _id_of(order: Order, cause: Record) -> UUID:
    part = () if order.part == "" else (order.part,)
    return derived_id("order", cause.id, order.subject, type(order.data).__name__, *part)


Reaction = Callable[[Event[Any, Any]], Iterable[Order]]


class Policy:
    """Whenever this event, then that command: a stateless `shared.consumer.Handler`."""

    def __init__(
        self, service: str, door: Topic, publisher: Publisher, reactions: dict[type[Message], Reaction]
    ) -> None:
        self._service = service
        self._door = door
        self._publisher = publisher
        self._reactions = reactions

    async def __call__(self, batch: Sequence[Received]) -> None:
        await self._publisher.publish([record for received in batch for record in self._orders(received.record)])

    def _orders(self, event: Event[Any, Any]) -> list[Outgoing]:
        reaction = self._reactions.get(type(event.fact))
        return ordered(self._service, self._door, event, reaction(event)) if reaction else []


def _answer(data: Message) -> Answer:
    match data:
        case CommandApplied(version=version, snapshot=snapshot):
            return Applied(version, snapshot)
        case CommandRejected(code=code, reason=reason):
            return Rejected(code, reason)
        case _:
            raise TypeError(f"{type(data).__name__} is no answer.")
