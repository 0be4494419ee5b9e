"""The public JSON API."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field

from services.leads.desk import Desk
from services.leads.submission import NewRequest
from shared.contracts.base import derived_id
from shared.contracts.requests import RequestStatus
from shared.http import Problem


class Taken(BaseModel):
    request_id: UUID
    status_url: str


class RequestState(BaseModel):
    request_id: UUID
    status: RequestStatus


class Confirmation(BaseModel):
    token: Annotated[str, Field(max_length=1000)]


def api(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["requests"])

    @router.post("/requests", status_code=202)
    async def submit(
        body: NewRequest,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
        traceparent: Annotated[str | None, Header(max_length=60)] = None,
    ) -> Taken:
        """Submit a request. The merchant gets a mail; nothing goes out to partners before its link is followed."""
        details = body.details()
        request_id = (
            derived_id("request", details.merchant.merchant_id, idempotency_key) if idempotency_key else uuid4()
        )
        await desk.submit(request_id, details, traceparent)
        return Taken(request_id=request_id, status_url=f"/api/v1/requests/{request_id}")

    @router.get("/requests/{request_id}")
    async def status(request_id: UUID) -> RequestState:
        request = await desk.status(request_id)
        if request is None:
            raise Problem(404, "not_found", "There is no such request.")
        return RequestState(request_id=request_id, status=request.status)

    @router.post("/requests/{request_id}/confirm", status_code=202)
    async def confirm(request_id: UUID, body: Confirmation) -> Taken:
        """Follow the mailed link by API."""
        await desk.confirm(request_id, body.token)
        return Taken(request_id=request_id, status_url=f"/api/v1/requests/{request_id}")

    return router
