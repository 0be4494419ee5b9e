"""Queries of operators: the queue of reports, and what operators have done."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.gateway.read.oversight import ACTS, REPORTS, ReportState
from services.gateway.read.reading import page_of
from shared.contracts.operators import OperatorsAct, Outcome
from shared.contracts.reports import Report
from shared.documents import read, readable
from shared.http import Problem
from shared.mongo import Database, Document, aggregated


class Queued(NamedTuple):
    """`same_subject` counts the reports of the same thing, this one among them."""

    report: Report
    same_subject: int


class Act(NamedTuple):
    """`outcome` is None while nobody knows how it ended."""

    act: OperatorsAct
    outcome: Outcome | None
    code: str


class Queue:
    def __init__(self, database: Database) -> None:
        self._reports = database[REPORTS]
        self._acts = database[ACTS]

    async def reports(self, state: ReportState, cursor: str | None) -> tuple[list[Queued], str | None]:
        """A page of the reports in this state, newest first, and where the next one starts."""
        documents, next_cursor = await page_of(self._reports, {"state": state.value}, "filed_at", cursor)
        found = readable(Report, ((document["_id"], document["report"]) for document in documents))
        return await self._queued(list(found)), next_cursor

    async def report(self, report_id: UUID) -> Queued:
        """Raises `Problem` 404."""
        document = await self._reports.find_one({"_id": report_id})
        if document is None:
            raise Problem(404, "not_found", "There is no such report.")
        return (await self._queued([read(Report, document["report"], report_id)]))[0]

    async def acts(self, query: dict[str, Any], cursor: str | None) -> tuple[list[Act], str | None]:
        """A page of acts, newest first, and where the next one starts."""
        documents, next_cursor = await page_of(self._acts, query, "at", cursor)
        return [_act(document) for document in documents], next_cursor

    async def _queued(self, reports: Sequence[Report]) -> list[Queued]:
        pipeline: list[Document] = [
            {"$match": {"subject": {"$in": [report.subject for report in reports]}}},
            {"$group": {"_id": {"subject": "$subject"}, "reports": {"$sum": 1}}},
        ]
        counted = {one["_id"]["subject"]: one["reports"] for one in await aggregated(self._reports, pipeline)}
        return [Queued(report, counted.get(report.subject, 1)) for report in reports]


def _act(document: dict[str, Any]) -> Act:
    outcome = document["outcome"]
    act = read(OperatorsAct, document["act"], document["_id"])
    return Act(act, Outcome(outcome) if outcome else None, document["code"])
