"""What an event costs a standing whose partner has had 100, 1,000 and 10,000 outcomes: `python -m
deploy.bench.matching.growing`. Beside it what summing all of them again would cost, as it was done until issue 11.
"""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any
from uuid import UUID

import typer
from bson.int64 import Int64

from deploy.bench.matching.market import AT, POPULAR, requests
from deploy.bench.matching.records import event, raw
from deploy.local.stack import ANY_PORTS, LocalStack
from services.jobs.job import evolve
from services.matching.outcomes import COLLECTION, SUMS, MongoOutcomes
from services.matching.standings import Standings, outcome_of
from services.matching.sums import Outcome, Sums
from shared.contracts.base import Actor, ActorKind, derived_id
from shared.contracts.jobs import Job, JobCreated, JobReplied, job_id_of
from shared.mongo import Database, Document, Mongo, aggregated
from shared.publisher import Outgoing
from shared.records import Received
from shared.taxonomy import SERVICES
from shared.topics import JOB_EVENTS

SIZES = (100, 1_000, 10_000)
TARGET = 1.2
PARTNERS = 32
SUMMED_AGAIN = 4
"""Partners whose lives are summed again at once: of more, a batch outlasts the driver's 30 seconds."""
DAYS = 700
WARM_UP = 5
ENDS = ("replied", "replied", "replied", "expired", "other", "no_capacity", "budget_too_low", None)
_AT_ONCE = 5_000


def main(rounds: Annotated[int, typer.Option(help="Batches for each size.")] = 40) -> None:
    """Measure on this machine. Ends with status 1 when the cost is not flat."""
    with tempfile.TemporaryDirectory(prefix="jobwire-bench-") as folder:
        costs = asyncio.run(_measure(Path(folder), rounds))
    first = costs[SIZES[0]]
    for size, (ours, again) in costs.items():
        typer.echo(
            f"{size:>6,} outcomes a partner: {ours:7.0f} µs an event, {ours / first[0]:.2f} of the first; "
            f"summed again {again:9.0f} µs, {again / ours:6.1f} times as much"
        )
    flat = max(ours for ours, _ in costs.values()) / first[0]
    typer.echo(f"at most {flat:.2f} of the first (target {TARGET:g})")
    raise typer.Exit(0 if flat <= TARGET else 1)


class Said:
    """A publisher that only counts."""

    def __init__(self) -> None:
        self.count = 0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.count += len(records)


async def _measure(folder: Path, rounds: int) -> dict[int, tuple[float, float]]:
    """Microseconds an event: of a batch in which each partner has one, and of summing all outcomes of those."""
    async with LocalStack(folder, ports=ANY_PORTS, environ={}, mail=False) as endpoints:
        mongo = Mongo.connect(endpoints.mongodb_uri)
        try:
            markets = [await _Market.of(size, mongo.database(f"growing{size}")) for size in SIZES]
            times: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
            for number in range(rounds + WARM_UP):
                for market in markets:  # in turns, so that noise falls on all
                    times[market.size].append((await market.batch(number), await market.again(number)))
        finally:
            await mongo.close()
    return {
        size: (median(one[0] for one in measured[WARM_UP:]), median(one[1] for one in measured[WARM_UP:] if one[1]))
        for size, measured in times.items()
    }


class _Market:
    """Partners that have had `size` jobs each in the last two years."""

    def __init__(self, size: int, database: Database) -> None:
        self.size = size
        self._database = database
        self._said = Said()
        self._standings = Standings(MongoOutcomes(database), self._said, lambda _: -1, 0.1)
        self.partners = [derived_id("growing", size, number) for number in range(PARTNERS)]

    @classmethod
    async def of(cls, size: int, database: Database) -> "_Market":
        market = cls(size, database)
        outcomes = database[COLLECTION]
        await MongoOutcomes(database).prepare()
        await outcomes.create_index("partner_id")
        for partner_id in market.partners:
            sums, documents = Sums(), list[Document]()
            for number in range(size):
                one = _past(partner_id, number)
                sums.add(one)
                counted = {**one.fields, "version": one.version}
                documents.append({"_id": one.outcome_id, **counted, "version": Int64(1), "counted": counted})
            for first in range(0, size, _AT_ONCE):
                await outcomes.insert_many(documents[first : first + _AT_ONCE])
            head = {"_id": partner_id, "revision": 1, "changed": sums.version, "marks": []}
            await database[SUMS].insert_one({**sums.document(), **head})
        return market

    async def batch(self, number: int) -> float:
        """One event for each partner: every second a new job, the others replies to the one before."""
        batch = [_told(partner_id, number // 2, replied=bool(number % 2)) for partner_id in self.partners]
        said, began = self._said.count, perf_counter()
        await self._standings(batch)
        took = perf_counter() - began
        if self._said.count - said != len(batch):
            raise AssertionError("Each of these events changes its partner's standing.")
        return 1e6 * took / len(batch)

    async def again(self, number: int) -> float:
        """The three sums over each partner's whole life. Now and then is enough."""
        if number % 8:
            return 0.0
        began = perf_counter()
        for by in (("service",), ("day",), ("service", "band", "kind", "end", "answered_on")):
            group: dict[str, Any] = {"_id": {name: f"${name}" for name in ("partner_id", *by)}, "count": {"$sum": 1}}
            theirs = {"partner_id": {"$in": self.partners[:SUMMED_AGAIN]}}
            await aggregated(self._database[COLLECTION], [{"$match": theirs}, {"$group": group}])
        return 1e6 * (perf_counter() - began) / SUMMED_AGAIN


def _past(partner_id: UUID, number: int) -> Outcome:
    draw = random.Random(f"growing {partner_id} {number}")  # noqa: S311 - the same every time, no secret
    day = AT - timedelta(days=1 + draw.randrange(DAYS))
    end = draw.choice(ENDS)
    fields = {
        **outcome_of(_job(partner_id, number)),
        "service": draw.choice(list(SERVICES)[:3]),
        "band": draw.randrange(4),
        "day": day.date().isoformat(),
        "open": 0,
        "end": end,
        "answered_on": (day + timedelta(days=1)).date().isoformat() if end else None,
        "replied": int(end == "replied"),
        "reply_seconds": draw.random() * 86_400 if end == "replied" else 0.0,
    }
    return Outcome(derived_id("past", partner_id, number), 1, fields)


_DETAILS = requests(1, POPULAR)[0]


def _job(partner_id: UUID, number: int) -> Job:
    created = JobCreated(
        request_id=derived_id("growing request", number),
        partner_id=partner_id,
        details=_DETAILS,
        reply_window_seconds=72 * 3600,
        remind_before_seconds=(),
    )
    return evolve(None, created, job_id_of(created.request_id, partner_id), AT).model_copy(update={"version": 1})


def _told(partner_id: UUID, number: int, *, replied: bool) -> Received:
    job, fact = (
        _job(partner_id, 1_000_000 + number),
        JobReplied(text="Yes.", first=True, actor=Actor(kind=ActorKind.PARTNER, partner_id=partner_id)),
    )
    if replied:
        job = evolve(job, fact, job.job_id, AT + timedelta(hours=1)).model_copy(update={"version": 2})
    out = event(JOB_EVENTS.name, job.job_id, fact, job, AT)
    return Received(JOB_EVENTS.codec.decode(out.value), AT, raw(out, 0, AT))


if __name__ == "__main__":
    typer.run(main)
