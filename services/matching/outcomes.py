"""Where it is kept what became of each job and lead, and what that adds up to for a partner: in MongoDB, or in memory
where matching runs by itself. `tests/matching/test_outcomes.py` holds both to the same promises.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from shared.mongo import Database, Document, aggregated
from shared.projection import newer

COLLECTION = "job_outcomes"
SUMMED = (
    "leads", "open", "replied", "opened", "declined", "expired", "reply_seconds", "reviews", "rating_sum",
)  # fmt: skip
_SORT = ("service", "band", "kind", "end", "answered_on")


class Outcome(NamedTuple):
    """What one job or lead adds to its partner's standing. The newer version of the same id replaces the older."""

    outcome_id: UUID
    version: int
    fields: Mapping[str, Any]


class Outcomes(Protocol):
    async def remember(self, outcomes: Iterable[Outcome]) -> None: ...

    async def sums(self, partner_ids: Sequence[UUID]) -> list[Document]:
        """`SUMMED`, `received` and `version`, per partner and service (`_id`)."""

    async def days(self, partner_ids: Sequence[UUID]) -> list[Document]:
        """`received` jobs and what was `offered` by matching, per partner and day (`_id`)."""

    async def answers(self, partner_ids: Sequence[UUID]) -> list[Document]:
        """The `count` of answers, per partner, service, band, kind, end and day (`_id`)."""


class MongoOutcomes:
    def __init__(self, database: Database) -> None:
        self._outcomes = database[COLLECTION]

    async def prepare(self) -> None:
        await self._outcomes.create_index("partner_id")

    async def remember(self, outcomes: Iterable[Outcome]) -> None:
        writes = [newer(COLLECTION, one.outcome_id, one.version, dict(one.fields)).operation for one in outcomes]
        if writes:
            await self._outcomes.bulk_write(writes, ordered=False)

    async def sums(self, partner_ids: Sequence[UUID]) -> list[Document]:
        sums = {name: {"$sum": f"${name}"} for name in (*SUMMED, "version")}
        by = {"partner_id": "$partner_id", "service": "$service"}
        return await self._grouped(partner_ids, {}, {"_id": by, "received": {"$sum": 1}, **sums})

    async def days(self, partner_ids: Sequence[UUID]) -> list[Document]:
        by = {"partner_id": "$partner_id", "day": "$day"}
        counts = {"received": {"$sum": {"$subtract": [1, "$leads"]}}, "offered": {"$sum": "$offered"}}
        return await self._grouped(partner_ids, {"day": {"$ne": None}}, {"_id": by, **counts})

    async def answers(self, partner_ids: Sequence[UUID]) -> list[Document]:
        by = {"partner_id": "$partner_id", **{name: f"${name}" for name in _SORT}}
        return await self._grouped(partner_ids, {"end": {"$ne": None}}, {"_id": by, "count": {"$sum": 1}})

    async def _grouped(self, partner_ids: Sequence[UUID], where: Document, group: Document) -> list[Document]:
        theirs = {"partner_id": {"$in": list(partner_ids)}, **where}
        return await aggregated(self._outcomes, [{"$match": theirs}, {"$group": group}])


class MemoryOutcomes:
    """Kept as running sums: what an outcome added is taken back before its newer version is added."""

    def __init__(self) -> None:
        self._outcomes: dict[UUID, Outcome] = {}
        self._groups: dict[str, dict[UUID, dict[tuple[Any, ...], dict[str, Any]]]] = {
            kind: defaultdict(lambda: defaultdict(lambda: defaultdict(int))) for kind in ("sums", "days", "answers")
        }

    async def remember(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            before = self._outcomes.get(outcome.outcome_id)
            if before is None or outcome.version > before.version:
                self._outcomes[outcome.outcome_id] = outcome
                if before is not None:
                    self._add(before, -1)
                self._add(outcome, 1)

    async def sums(self, partner_ids: Sequence[UUID]) -> list[Document]:
        return self._grouped("sums", partner_ids, ("service",), "received")

    async def days(self, partner_ids: Sequence[UUID]) -> list[Document]:
        return self._grouped("days", partner_ids, ("day",), "count")

    async def answers(self, partner_ids: Sequence[UUID]) -> list[Document]:
        return self._grouped("answers", partner_ids, _SORT, "count")

    def _add(self, outcome: Outcome, sign: int) -> None:
        fields, partner_id = outcome.fields, outcome.fields["partner_id"]
        sums = self._groups["sums"][partner_id][(fields["service"],)]
        for name in SUMMED:
            sums[name] += sign * fields[name]
        sums["received"] += sign
        sums["version"] += sign * outcome.version
        day = self._groups["days"][partner_id][(fields["day"],)]
        day["received"] += sign * (1 - fields["leads"])
        day["offered"] += sign * fields["offered"]
        day["count"] += sign
        if fields["end"] is not None:
            self._groups["answers"][partner_id][tuple(fields[name] for name in _SORT)]["count"] += sign

    def _grouped(self, kind: str, partner_ids: Sequence[UUID], by: Sequence[str], some: str) -> list[Document]:
        return [
            {"_id": {"partner_id": partner_id, **dict(zip(by, key, strict=True))}, **values}
            for partner_id in partner_ids
            if partner_id in self._groups[kind]
            for key, values in self._groups[kind][partner_id].items()
            if values[some]
        ]
