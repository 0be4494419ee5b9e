"""The operators' queue of reports, in the JSON API."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from services.gateway.api.answers import ASKED, SIGNED_IN
from services.gateway.api.jobs import Cursor
from services.gateway.api.operators import PREFIX, Asking, OperatorsDesk, asking
from services.gateway.api.views_operators import (
    ActDone,
    Conversation,
    ReadBody,
    Reports,
    ResolveBody,
    conversation_view,
    report_view,
)
from services.gateway.read.oversight import ReportState
from services.gateway.read.queue import Queue
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from shared.contracts.operators import Deed
from shared.contracts.reports import ResolveReport


def operators_queue_api(desk: OperatorsDesk, queue: Queue, reading: Reading, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["operators"], responses=SIGNED_IN)
    Asks = Annotated[Asking, Depends(asking(signed_in))]  # noqa: N806 - a type

    @router.get("/reports")
    async def list_reports(_asks: Asks, state: ReportState = ReportState.OPEN, cursor: Cursor = None) -> Reports:
        """What people have reported, newest first; each with the number of reports of the same thing."""
        queued, next_cursor = await queue.reports(state, cursor)
        return Reports(reports=[report_view(one) for one in queued], next_cursor=next_cursor)

    @router.post("/reports/{report_id}/resolve", response_model=ActDone, responses=ASKED)
    async def resolve(report_id: UUID, body: ResolveBody, asks: Asks) -> Any:
        """Say what you found. What is done about it are acts of their own."""
        await queue.report(report_id)
        command = ResolveReport(finding=body.finding, reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, report_id)

    @router.post("/reports/{report_id}/conversation", response_model=Conversation, responses=ASKED)
    async def read_conversation(report_id: UUID, body: ReadBody, asks: Asks) -> Any:
        """What was asked for, and what the two sides of a reported job have said to each other. Nobody reads it without
        a report, and reading it is an act like any other. What a team says among itself is not in it.
        """
        report = (await queue.report(report_id)).report

        async def look() -> Conversation:
            if report.about.what.of_a_lead:
                return conversation_view(report, await reading.any_lead(report.about.at))
            job = await reading.any_job(report.about.at)
            page = await reading.conversation(job, body.cursor)
            return conversation_view(report, job, page)

        return await desk.trace(asks, Deed.READ_CONVERSATION, report_id, body.reason, look)

    return router
