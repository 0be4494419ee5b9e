"""Each outcome is counted once in its newest version, whatever comes twice, late or in another order, between which two
writes a process dies, and who else counts at the same time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from services.matching import outcomes as module
from services.matching.outcomes import COLLECTION, SUMS, MemoryOutcomes, MongoOutcomes
from services.matching.standings import outcome_of, standing_of
from services.matching.sums import Outcome, Sums
from shared.contracts.base import derived_id
from shared.contracts.jobs import Status
from shared.contracts.requests import RequestKind
from shared.mongo import replace_if_newer
from tests.builders import NOW, a_job, details
from tests.memory_mongo import MemoryDatabase

PARTNERS = [derived_id("a partner", number) for number in range(3)]


class Away:
    """A database in memory that takes its time, so that two who use it meet anywhere, and that goes away before or
    after the `dies`th write.
    """

    def __init__(self, database: MemoryDatabase, random: Random, dies: int | None = None) -> None:
        self.database, self.random, self.left = database, random, dies

    def __getitem__(self, name: str) -> "AwayCollection":
        return AwayCollection(self, self.database[name])

    async def pause(self) -> None:
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)


class AwayCollection:
    def __init__(self, edge: Away, collection: Any) -> None:
        self.edge, self.collection = edge, collection

    def find(self, query: Any, _fields: Any = None) -> "AwayCursor":
        return AwayCursor(self, query)

    async def create_index(self, *_: Any, **__: Any) -> None: ...

    async def bulk_write(self, operations: Sequence[Any], *, ordered: bool) -> Any:
        edge = self.edge
        await edge.pause()
        if edge.left is not None:
            edge.left -= 1
            if edge.left < 0:
                written = operations[: edge.random.randrange(len(operations) + 1)]  # any part of it, or all
                if written:
                    await self.collection.bulk_write(written, ordered=ordered)
                raise AutoReconnect("The process died.")
        return await self.collection.bulk_write(operations, ordered=ordered)


class AwayCursor:
    def __init__(self, of: AwayCollection, query: Any) -> None:
        self.of, self.query, self.most = of, query, None

    def hint(self, _index: str) -> "AwayCursor":
        return self

    def limit(self, most: int) -> "AwayCursor":
        self.most = most
        return self

    async def __aiter__(self) -> AsyncIterator[Any]:
        await self.of.edge.pause()
        cursor = self.of.collection.find(self.query)
        async for document in cursor.limit(self.most) if self.most else cursor:
            yield document
        await self.of.edge.pause()


def an_outcome(random: Random, number: int, version: int) -> Outcome:
    """Some version of a job: its partner is always the same, and anything else may be otherwise."""
    about = details(random.choice([RequestKind.DIRECT, RequestKind.MATCH]), service=random.choice(["seo", "video"]))
    partner_id = PARTNERS[number % len(PARTNERS)]
    job = a_job(random.choice(list(Status)), partner_id=partner_id, details=about)
    moved = {"created_at": NOW - timedelta(days=random.randrange(800)), "last_activity_at": NOW}
    return Outcome(derived_id("job", number), version, outcome_of(job.model_copy(update=moved)))


def a_history(random: Random) -> list[Outcome]:
    """Versions of some jobs, two of the same number alike, and now and then one that says what the last one said."""
    history: list[Outcome] = []
    for number in range(random.randrange(1, 8)):
        for version in range(1, random.randrange(2, 6)):
            same = version > 1 and random.random() < 0.3
            told = history[-1] if same else an_outcome(random, number, version)
            history.append(Outcome(told.outcome_id, version, told.fields))
    return history


def batches(random: Random, history: list[Outcome]) -> Iterator[list[Outcome]]:
    """Everything at least once, some of it twice, in any order."""
    told = history + random.sample(history, random.randrange(len(history)))
    random.shuffle(told)
    while told:
        size = random.randrange(1, 6)
        batch, told = told[:size], told[size:]
        yield batch


async def summed(history: Sequence[Outcome]) -> list[Any]:
    """What it all adds up to when each job is looked at once, in its newest version."""
    newest = {one.outcome_id: one for one in sorted(history, key=lambda one: one.version)}
    sums: dict[UUID, Sums] = {}
    for one in newest.values():
        sums.setdefault(one.partner_id, Sums()).add(one)
    return [standing_of(one, sums[one], 8.0) for one in PARTNERS if one in sums]


async def said(outcomes: Any) -> list[Any]:
    standings = await outcomes.standings(PARTNERS)
    return [standing_of(one, standings[one].sums, 8.0) for one in PARTNERS if one in standings]


def counted(database: MemoryDatabase) -> list[Any]:
    """What the documents say was counted, whatever a crash has left of them."""
    heads = database[SUMS].documents
    sums = {partner_id: Sums() for partner_id in heads}
    found = {id_: one["counted"] for id_, one in database[COLLECTION].documents.items() if "counted" in one}
    for head in heads.values():
        for mark in head["marks"]:
            if mark["version"] > found.get(mark["_id"], {"version": -1})["version"]:
                found[mark["_id"]] = mark
    for id_, one in found.items():
        sums[one["partner_id"]].add(Outcome(id_, one["version"], one))
    return [standing_of(one, sums[one], 8.0) for one in PARTNERS if one in sums]


async def told_until_taken(
    database: MemoryDatabase, random: Random, batch: list[Outcome], *, crashes: bool, older: bool
) -> None:
    """A batch comes again until somebody has handled it to its end."""
    if older:
        operations = [replace_if_newer(one.outcome_id, one.version, dict(one.fields)) for one in batch]
        await database[COLLECTION].bulk_write(operations, ordered=False)
        return
    while True:
        dies = random.randrange(4) if crashes and random.random() < 0.5 else None
        try:
            await MongoOutcomes(Away(database, random, dies)).remember(batch)  # type: ignore[arg-type]  # its surface
        except AutoReconnect:
            assert await said(MongoOutcomes(database)) == counted(database)  # type: ignore[arg-type]  # as above
            if random.random() < 0.5:
                continue
            batch = batch[: random.randrange(len(batch))] + batch  # any part of it may come again before
        else:
            return


@given(st.randoms(use_true_random=False), st.booleans(), st.booleans(), st.sampled_from([1, 2, 512]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_sums_are_what_all_outcomes_add_up_to_whatever_happens(
    monkeypatch: pytest.MonkeyPatch,
    random: Random,
    crashes: bool,  # noqa: FBT001 - drawn by hypothesis
    beside: bool,  # noqa: FBT001 - as above
    at_once: int,
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    history, database = a_history(random), MemoryDatabase()
    waiting = list(batches(random, history))
    while waiting:
        together = [waiting.pop() for _ in range(min(len(waiting), random.randrange(1, 4)))]
        await asyncio.gather(
            *(
                told_until_taken(database, random, batch, crashes=crashes, older=beside and random.random() < 0.3)
                for batch in together
            )
        )
        assert await said(MongoOutcomes(database)) == counted(database)  # type: ignore[arg-type]  # its surface
    if beside:
        await MongoOutcomes(database).prepare()  # type: ignore[arg-type]  # as above
    assert await said(MongoOutcomes(database)) == await summed(history)  # type: ignore[arg-type]  # as above
    in_memory = MemoryOutcomes()
    for one in random.sample(history, len(history)):
        await in_memory.remember([one])
    assert await said(in_memory) == await summed(history)
