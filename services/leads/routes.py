"""The public JSON API."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field

from services.leads.desk import Desk
from services.leads.submission import NewMerchant, NewRequest
from shared.contracts.base import derived_id
from shared.contracts.requests import Priorities, RequestStatus
from shared.doors import Body, GivenLine, GivenMoney, GivenText, GivenUrl
from shared.http import Problem

Answers = dict[int | str, dict[str, Any]]

BUSY: Answers = {503: {"description": "Try again in a moment."}}
SUBMITTED: Answers = {**BUSY, 429: {"description": "Too many requests for this address. Try again later."}}
READ: Answers = {**BUSY, 404: {"description": "There is no such request."}}
CONFIRMED: Answers = {
    **BUSY,
    400: {"description": "The link is no good, or belongs to another request."},
    409: {"description": "Refused by a rule; `code` says which."},
}


class SentMerchant(Body, NewMerchant):
    name: GivenLine
    store_url: GivenUrl


class SentPriorities(Body, Priorities):
    pass


class SentRequest(Body, NewRequest):
    """A request as programs send it: nothing is guessed, as it is for people who fill in the form."""

    merchant: SentMerchant
    business: GivenText
    title: GivenLine
    requirements: GivenText
    budget: GivenMoney | None = None
    priorities: SentPriorities = Field(default_factory=SentPriorities)


class Taken(BaseModel):
    request_id: UUID
    status_url: str


class RequestState(BaseModel):
    request_id: UUID
    status: RequestStatus


class Confirmation(Body):
    token: Annotated[str, Field(max_length=1000)]


def api(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["requests"])

    @router.post("/requests", status_code=202, responses=SUBMITTED)
    async def submit(
        body: SentRequest,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
        traceparent: Annotated[str | None, Header(max_length=60)] = None,
    ) -> Taken:
        """Submit a request. The merchant gets a mail; nothing goes out to partners before its link is followed."""
        details = body.details()
        request_id = (
            derived_id("request", details.merchant.merchant_id, idempotency_key) if idempotency_key else uuid4()
        )
        await desk.submit(request_id, details, traceparent)
        return Taken(request_id=request_id, status_url=f"/api/v1/requests/{request_id}")

    @router.get("/requests/{request_id}", responses=READ)
    async def status(request_id: UUID) -> RequestState:
        request = await desk.status(request_id)
        if request is None:
            raise Problem(404, "not_found", "There is no such request.")
        return RequestState(request_id=request_id, status=request.status)

    @router.post("/requests/{request_id}/confirm", status_code=202, responses=CONFIRMED)
    async def confirm(request_id: UUID, body: Confirmation) -> Taken:
        """Follow the mailed link by API."""
        await desk.confirm(request_id, body.token)
        return Taken(request_id=request_id, status_url=f"/api/v1/requests/{request_id}")

    return router
