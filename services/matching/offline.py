"""Matching by itself: records in, what it says out, in one process without Kafka or MongoDB. The policies, the loop,
the rules, the index and what is learned are the service's own (`services/matching/main.py`); only the edges are in
memory.

The log's time is the only clock: before a record is taken, whatever was due until then happens.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.matching.handlers import few_jobs, next_wave, on_jobs, on_requests
from services.matching.index import Few, Index
from services.matching.main import the_match
from services.matching.match import timer
from services.matching.outcomes import MemoryOutcomes
from services.matching.selection import Choose, choosing
from services.matching.standings import Standings
from services.matching.weights import Weights
from shared.aggregate import AggregateLoop
from shared.commands import Policy, command
from shared.contracts.base import Record
from shared.contracts.codec import Codec
from shared.contracts.jobs import Job
from shared.contracts.matching import Match, RequestMatched, RequestUnmatched, StandingChanged
from shared.contracts.partners import Partner
from shared.contracts.requests import Request, RequestConfirmed, RequestSubmitted
from shared.decisions import Timer
from shared.failures import Invalid
from shared.memory import MemoryAggregateStore
from shared.metrics import Metrics
from shared.publisher import Outgoing, outgoing
from shared.records import Received
from shared.settings import Settings
from shared.timers import command_id_of
from shared.topics import JOB_EVENTS, LEAD_EVENTS, MATCHES, MATCHING_COMMANDS, PARTNERS, REQUESTS, STANDINGS, Topic

HEARD = (PARTNERS, REQUESTS, JOB_EVENTS, LEAD_EVENTS, MATCHES, STANDINGS)
_CODECS: dict[str, Codec] = {message.__name__: topic.codec for topic in HEARD for message in topic.codec.messages}
_OUTCOMES = frozenset({RequestMatched.__name__, RequestUnmatched.__name__})


class _Envelope(BaseModel):
    type: str


@dataclass(slots=True)
class Raw:
    """Where a record stood, as far as that can be said of one that came from no topic."""

    topic: str
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    offset: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


class Learner:
    """What is known after some records, as the service would know it: the index, and what feeds it."""

    def __init__(self, weights: Weights, few: Few = Few()) -> None:  # noqa: B008 - it cannot change
        self.index = Index(few)
        self._standings = Standings(MemoryOutcomes(), self, self.index.heard, weights.answers)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """What is learned goes into the index at once: a `shared.publisher.Publisher`."""
        for one in records:
            self.index.learn(STANDINGS.codec.decode(one.value).data)

    async def take(self, record: Any) -> None:
        """Learn from one record of a topic that matching hears."""
        data = record.data
        if isinstance(data, StandingChanged):
            self.index.learn(data)
        elif isinstance(data.snapshot, Partner):
            self.index.put(data.snapshot)
        elif not isinstance(data.snapshot, Request):
            await self._standings([_received(record)])


class Matcher:
    """Takes records one by one, in the order of the log. `choice` makes the way to choose over the index; without it,
    matching's own.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        weights: Weights | None = None,
        *,
        choice: Callable[[Index], Choose] | None = None,
        confirmed_only: bool = False,
    ) -> None:
        settings, weights = settings or Settings(), weights or Weights()
        self._learner = Learner(weights, few_jobs(settings))
        self.index = self._learner.index
        self.matches: dict[UUID, Match] = {}
        self._tell = next_wave(settings)
        self._said: deque[Outgoing] = deque()
        self._due: list[tuple[datetime, UUID]] = []
        choose = choice(self.index) if choice else choosing(self.index, weights)
        metrics = Metrics("matching")
        self._loop = AggregateLoop(
            "matching", the_match(choose, weights.name), MemoryAggregateStore(), publisher=self, metrics=metrics
        )
        requests = on_requests(settings)
        if not confirmed_only:  # whoever pipes a request wants its match
            requests[RequestSubmitted] = requests[RequestConfirmed]
        self._on_requests = Policy("matching", MATCHING_COMMANDS, self, requests)
        self._on_jobs = Policy("matching", MATCHING_COMMANDS, self, on_jobs(settings))

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """What the parts say goes round in here: a `shared.publisher.Publisher`."""
        self._said.extend(records)

    async def take(self, record: Any) -> list[Outgoing]:
        """The records for `matches` that follow from this one, and from what was due before it."""
        said = await self.until(record.time)
        snapshot = getattr(record.data, "snapshot", None)
        if isinstance(snapshot, Request):
            await self._on_requests([_received(record)])
        elif not isinstance(snapshot, Match):  # what was said before is said anew here
            await self._learner.take(record)
            if isinstance(snapshot, Job):
                await self._on_jobs([_received(record)])
        return said + await self._settle(record.time)

    async def until(self, at: datetime) -> list[Outgoing]:
        """What is said because time has come to `at`."""
        said: list[Outgoing] = []
        while self._due and self._due[0][0] <= at:
            due_at, request_id = heapq.heappop(self._due)
            told = timer(self.matches[request_id])
            if told is not None and told.due_at == due_at:
                await self.publish([self._on_time(request_id, told)])
                said += await self._settle(due_at)
        return said

    def _on_time(self, request_id: UUID, told: Timer) -> Outgoing:
        told_id = command_id_of(request_id, told, told.due_at)
        record = command(self._tell(told), request_id, source="matching", time=told.due_at, command_id=told_id)
        return outgoing(MATCHING_COMMANDS.name, record)

    async def _settle(self, at: datetime) -> list[Outgoing]:
        """Carry round what the parts say until they are quiet."""
        said: list[Outgoing] = []
        while self._said:
            one = self._said.popleft()
            if one.topic == MATCHING_COMMANDS.name:
                await self._loop([_heard(MATCHING_COMMANDS, one, at)])
            elif one.topic == MATCHES.name:
                heard = _heard(MATCHES, one, at)
                match: Match = heard.record.snapshot
                self.matches[match.request_id] = match
                if match.next_wave_at is not None:
                    heapq.heappush(self._due, (match.next_wave_at, match.request_id))
                if isinstance(heard.record.fact, RequestMatched):
                    await self._learner.take(heard.record)
                said.append(one)
        return said


def record_of(line: bytes) -> Any:
    """A line as one of the records that matching hears. Raises `Invalid` with the reason."""
    try:
        kind = _Envelope.model_validate_json(line).type
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = "not-json" if first["type"] == "json_invalid" else "missing-field"
        raise Invalid(reason, f"The line is no record: {first['msg']}") from None
    codec = _CODECS.get(kind)
    if codec is None:
        raise Invalid("unknown-type", f"{kind!r} is nothing that matching hears.")
    return codec.decode(line)


def tells_outcome(said: Outgoing) -> bool:
    """Whether this says who was asked, or that nobody is."""
    return said.value is not None and _Envelope.model_validate_json(said.value).type in _OUTCOMES


def _received(record: Record) -> Received:
    return Received(record, record.time, Raw("", int(record.time.timestamp() * 1000), None))


def _heard(topic: Topic, said: Outgoing, at: datetime) -> Received:
    record = topic.codec.decode(said.value)
    return Received(record, at, Raw(topic.name, int(at.timestamp() * 1000), said.value, said.key))
