"""What those who run the marketplace see and do, in the JSON API. Each act has a name, a reason and a trace."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.gateway.api.answers import ASKED, SIGNED_IN
from services.gateway.api.asking import Origin, OriginHeader, asked
from services.gateway.api.jobs import Cursor
from services.gateway.api.views_operators import ActDone, Acts, ReasonBody, act_view
from services.gateway.operators import Operator
from services.gateway.oversight.acts import ActLog
from services.gateway.read.queue import Queue
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from shared.commands import Applied, Commander
from shared.contracts.jobs import TakeDownReview
from shared.contracts.leads import TakeDownLeadReview
from shared.contracts.operators import Deed
from shared.contracts.partners import RestorePartner, SuspendPartner, VouchForPartner
from shared.contracts.reports import ResolveReport
from shared.contracts.requests import StopRequest
from shared.contracts.suspensions import RestorePerson, SuspendPerson
from shared.topics import (
    JOB_COMMANDS,
    LEAD_COMMANDS,
    PARTNER_COMMANDS,
    PEOPLE_COMMANDS,
    REPORT_COMMANDS,
    REQUEST_COMMANDS,
    Topic,
)

PREFIX = "/api/v1/operators"
ACTS_AT = f"{PREFIX}/acts"

OperatorsCommand = (
    ResolveReport
    | SuspendPerson
    | RestorePerson
    | VouchForPartner
    | SuspendPartner
    | RestorePartner
    | StopRequest
    | TakeDownReview
    | TakeDownLeadReview
)
ORDERS: Mapping[type[OperatorsCommand], tuple[Deed, Topic]] = {
    ResolveReport: (Deed.RESOLVE_REPORT, REPORT_COMMANDS),
    SuspendPerson: (Deed.SUSPEND_PERSON, PEOPLE_COMMANDS),
    RestorePerson: (Deed.RESTORE_PERSON, PEOPLE_COMMANDS),
    VouchForPartner: (Deed.VOUCH_FOR_PARTNER, PARTNER_COMMANDS),
    SuspendPartner: (Deed.SUSPEND_PARTNER, PARTNER_COMMANDS),
    RestorePartner: (Deed.RESTORE_PARTNER, PARTNER_COMMANDS),
    StopRequest: (Deed.STOP_REQUEST, REQUEST_COMMANDS),
    TakeDownReview: (Deed.TAKE_DOWN_REVIEW, JOB_COMMANDS),
    TakeDownLeadReview: (Deed.TAKE_DOWN_LEAD_REVIEW, LEAD_COMMANDS),
}
"""What each command is called in the log of acts, and whom it is put to."""


@dataclass(frozen=True)
class Asking:
    """Who does it, and where the request comes from."""

    operator: Operator
    origin: Origin


def asking(signed_in: SignedIn) -> Callable[..., Awaitable[Asking]]:
    """A dependency: who asks, if it is an operator."""

    async def asks(operator: Annotated[Operator, Depends(signed_in.operator)], origin: OriginHeader) -> Asking:
        return Asking(operator, origin)

    return asks


class OperatorsDesk:
    """Does what operators want done. What it is done to has been looked up; its owner decides."""

    def __init__(self, commander: Commander, acts: ActLog) -> None:
        self._commander = commander
        self._acts = acts

    async def order(self, asking: Asking, command: OperatorsCommand, subject: UUID) -> Any:
        """Ask the owner of `subject`. Gives `ActDone` or the 202; raises `Problem` as `asked` does."""
        deed, door = ORDERS[type(command)]

        async def ask() -> Any:
            answer = await asked(
                self._commander,
                door,
                command,
                subject,
                who=f"operator/{asking.operator.name}",
                origin=asking.origin,
                location=ACTS_AT,
            )
            return ActDone(deed=deed, subject=subject) if isinstance(answer, Applied) else answer

        return await self.trace(asking, deed, subject, command.reason, ask)

    async def trace(
        self, asking: Asking, deed: Deed, subject: UUID, reason: str, do: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Do it, between the two records that say so."""
        return await self._acts.traced(asking.operator, deed, subject, reason=reason, origin=asking.origin, do=do)


def operators_api(desk: OperatorsDesk, queue: Queue, reading: Reading, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["operators"], responses=SIGNED_IN)
    Asks = Annotated[Asking, Depends(asking(signed_in))]  # noqa: N806 - a type

    @router.get("/acts")
    async def list_acts(
        _asks: Asks,
        operator: Annotated[str | None, Query(max_length=40, pattern=r"^[a-z0-9._-]*$")] = None,
        subject: Annotated[UUID | None, Query(description="Done to this")] = None,
        cursor: Cursor = None,
    ) -> Acts:
        """What operators have done, newest first. An act without an outcome was interrupted."""
        query = {"operator": operator, "subject": subject}
        acts, next_cursor = await queue.acts({name: one for name, one in query.items() if one}, cursor)
        return Acts(acts=[act_view(one) for one in acts], next_cursor=next_cursor)

    @router.post("/requests/{request_id}/stop", response_model=ActDone, responses=ASKED)
    async def stop(request_id: UUID, body: ReasonBody, asks: Asks) -> Any:
        """Stop a request and all that came of it. Each side is told that it has been stopped, and not why."""
        await reading.any_request(request_id)
        command = StopRequest(reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, request_id)

    @router.post("/jobs/{job_id}/review/take-down", response_model=ActDone, responses=ASKED)
    async def take_down(job_id: UUID, body: ReasonBody, asks: Asks) -> Any:
        """Take the review of a job down: it is shown to its two sides alone, and counts for nothing."""
        await reading.any_job(job_id)
        command = TakeDownReview(reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, job_id)

    @router.post("/leads/{lead_id}/review/take-down", response_model=ActDone, responses=ASKED)
    async def take_down_leads(lead_id: UUID, body: ReasonBody, asks: Asks) -> Any:
        """Take the review of a prospect down."""
        await reading.any_lead(lead_id)
        command = TakeDownLeadReview(reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, lead_id)

    return router
