"""The operators' queue of reports, and what operators have done."""

from collections.abc import Iterable
from enum import StrEnum

from shared.contracts.operators import ActBegun, ActEnded, Outcome
from shared.contracts.reports import Report
from shared.mongo import Database
from shared.projection import Write, newer
from shared.records import Received

REPORTS, ACTS = "report_view", "operator_act_view"


class ReportState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"

    @classmethod
    def of(cls, report: Report) -> "ReportState":
        return cls.RESOLVED if report.resolution else cls.OPEN


_STEPS = {Outcome.UNANSWERED: 2, Outcome.REFUSED: 3, Outcome.DONE: 3}
"""What is known of an act's end, in the order in which it becomes known; its beginning is 1."""


async def prepare(database: Database) -> None:
    await database[REPORTS].create_index([("state", 1), ("filed_at", -1), ("_id", -1)])
    await database[REPORTS].create_index("subject")
    await database[ACTS].create_index([("at", -1), ("_id", -1)])
    await database[ACTS].create_index([("operator", 1), ("at", -1), ("_id", -1)])
    await database[ACTS].create_index([("subject", 1), ("at", -1), ("_id", -1)])


def on_report(received: Received) -> Iterable[Write]:
    report: Report = received.record.snapshot
    fields = {
        "state": ReportState.of(report).value,
        "filed_at": report.filed_at,
        "subject": report.subject,
        "report": report.model_dump(mode="json"),
    }
    yield newer(REPORTS, report.report_id, report.version, fields)


def on_act(received: Received) -> Iterable[Write]:
    told: ActBegun | ActEnded = received.record.data
    act, ended = told.act, told if isinstance(told, ActEnded) else None
    fields = {
        "at": act.at,
        "operator": act.operator,
        "subject": act.subject,
        "act": act.model_dump(mode="json"),
        "outcome": ended.outcome.value if ended else None,
        "code": ended.code if ended else "",
    }
    yield newer(ACTS, act.act_id, _STEPS[ended.outcome] if ended else 1, fields)
