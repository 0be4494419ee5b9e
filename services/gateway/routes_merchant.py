"""The merchant's side of the JSON API."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Merchant
from services.gateway.asking import OriginHeader, asked
from services.gateway.reading import Reading, merchant_tenant
from services.gateway.routes_jobs import ANSWERS, NO_NUL, DeclineBody, Words
from services.gateway.signed_in import SignedIn
from services.gateway.views import MerchantJobPage, MerchantJobs, MerchantJobView, merchant_view
from shared.commands import Commander
from shared.contracts.base import Message, Text
from shared.contracts.jobs import DeclineJob, Job, ReviewJob, SendMessage, Status
from shared.topics import JOB_COMMANDS


class ReviewBody(BaseModel):
    rating: Annotated[int, Field(ge=1, le=5)]
    text: Text


def merchant_api(commander: Commander, reading: Reading, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1/merchant", tags=["merchant"])
    Asker = Annotated[Merchant, Depends(signed_in.merchant)]  # noqa: N806 - a type

    async def ask(merchant: Merchant, job_id: UUID, data: Message, origin: OriginHeader) -> MerchantJobView | Response:
        await reading.job(merchant_tenant(merchant.merchant_id), job_id)
        who, location = str(merchant.merchant_id), f"/api/v1/merchant/jobs/{job_id}"
        answer = await asked(commander, JOB_COMMANDS, data, job_id, who=who, origin=origin, location=location)
        if isinstance(answer, Response):
            return answer
        job = Job.model_validate(answer.snapshot)
        return merchant_view(job, await reading.partner(job.partner_id))

    @router.get("/jobs")
    async def list_jobs(
        merchant: Asker,
        status: Status | None = None,
        q: Annotated[str | None, Query(max_length=200, pattern=NO_NUL)] = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> MerchantJobs:
        """Your requests at the partners who have introduced themselves, or whom you asked by name."""
        page = await reading.jobs(merchant_tenant(merchant.merchant_id), status=status, q=q, cursor=cursor)
        partners = await reading.partners([job.partner_id for job in page.jobs])
        views = [merchant_view(job, partners.get(job.partner_id)) for job in page.jobs]
        return MerchantJobs(jobs=views, next_cursor=page.next_cursor)

    @router.get("/jobs/{job_id}", responses={404: ANSWERS[404], 503: ANSWERS[503]})
    async def one_job(job_id: UUID, merchant: Asker, min_version: Annotated[int, Query(ge=0)] = 0) -> MerchantJobPage:
        job = await reading.job(merchant_tenant(merchant.merchant_id), job_id, min_version)
        view = merchant_view(job, await reading.partner(job.partner_id))
        return MerchantJobPage(job=view, timeline=await reading.timeline(job_id, for_merchant=True))

    @router.post("/jobs/{job_id}/messages", response_model=MerchantJobView, responses=ANSWERS)
    async def write(job_id: UUID, body: Words, merchant: Asker, origin: OriginHeader) -> Any:
        return await ask(merchant, job_id, SendMessage(text=body.text, actor=merchant.actor()), origin)

    @router.post("/jobs/{job_id}/decline", response_model=MerchantJobView, responses=ANSWERS)
    async def decline(job_id: UUID, body: DeclineBody, merchant: Asker, origin: OriginHeader) -> Any:
        command = DeclineJob(reason=body.reason, note=body.note, actor=merchant.actor())
        return await ask(merchant, job_id, command, origin)

    @router.post("/jobs/{job_id}/review", response_model=MerchantJobView, responses=ANSWERS)
    async def review(job_id: UUID, body: ReviewBody, merchant: Asker, origin: OriginHeader) -> Any:
        """Review a completed job, once."""
        return await ask(
            merchant, job_id, ReviewJob(rating=body.rating, text=body.text, actor=merchant.actor()), origin
        )

    return router
