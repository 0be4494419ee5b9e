"""The merchant's side of the JSON API: its requests and the partners who answered."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.responses import Response

from services.gateway.accounts import Merchant
from services.gateway.api.answers import ASKED, READ, SIGNED_IN
from services.gateway.api.asking import OriginHeader, asked
from services.gateway.api.desks import MerchantDesk
from services.gateway.api.jobs import Cursor, MinVersion, Steps
from services.gateway.api.versions import SHOWN_ONE, Tag
from services.gateway.api.views import (
    Mails,
    MerchantJobPage,
    MerchantJobs,
    MerchantRequests,
    MerchantRequestView,
    Timeline,
    mails_view,
    request_view,
)
from services.gateway.limits import ActLimits, Counting
from services.gateway.read.inbox import Inbox, Sort, Wanted
from services.gateway.read.reading import PAGE, Reading
from services.gateway.read.tenants import merchant_tenant
from services.gateway.signed_in import SignedIn
from shared.commands import Commander
from shared.contracts.base import ActorKind
from shared.contracts.partners import BlockPartner
from shared.contracts.requests import Request, WithdrawRequest
from shared.http import Problem
from shared.topics import PARTNER_COMMANDS, REQUEST_COMMANDS


class Blocked(BaseModel):
    partner_id: UUID
    blocked: bool = True


def merchant_api(  # noqa: PLR0913, PLR0917 - the parts, named
    commander: Commander, reading: Reading, inbox: Inbox, desk: MerchantDesk, limits: ActLimits, signed_in: SignedIn
) -> APIRouter:
    router = APIRouter(prefix="/api/v1/merchant", tags=["merchant"], responses=SIGNED_IN)
    Asker = Annotated[Merchant, Depends(signed_in.merchant)]  # noqa: N806 - a type

    @router.get("/requests")
    async def list_requests(merchant: Asker, cursor: Cursor = None) -> MerchantRequests:
        """Your requests, newest first, each with every partner that has introduced itself."""
        page = await reading.requests(merchant.merchant_id, cursor)
        request_ids = [request.request_id for request in page.requests]
        jobs = await desk.viewed(await reading.jobs_of_requests(merchant_tenant(merchant.merchant_id), request_ids))
        alternatives = await reading.alternatives(merchant.merchant_id, request_ids)
        views = [
            request_view(
                request,
                [job for job in jobs if job.request_id == request.request_id],
                alternatives.get(request.request_id, []),
            )
            for request in page.requests
        ]
        return MerchantRequests(requests=views, next_cursor=page.next_cursor)

    @router.post("/requests/{request_id}/withdraw", response_model=MerchantRequestView, responses=ASKED)
    async def withdraw(request_id: UUID, merchant: Asker, origin: OriginHeader) -> Any:
        """You need nothing any more: its open jobs are closed."""
        await reading.request(merchant.merchant_id, request_id)
        who, location = str(merchant.merchant_id), "/api/v1/merchant/requests"
        await limits.count(WithdrawRequest, Counting(person=who))
        command = WithdrawRequest(actor=merchant.actor())
        answer = await asked(
            commander, REQUEST_COMMANDS, command, request_id, who=who, origin=origin, location=location
        )
        if isinstance(answer, Response):
            return answer
        jobs = await reading.jobs_of_requests(merchant_tenant(merchant.merchant_id), [request_id])
        alternatives = await reading.alternatives(merchant.merchant_id, [request_id])
        request = Request.model_validate(answer.snapshot)
        return request_view(request, await desk.viewed(jobs), alternatives.get(request_id, []))

    @router.post("/partners/{partner_id}/block", response_model=Blocked, responses=ASKED)
    async def block(partner_id: UUID, merchant: Asker, origin: OriginHeader) -> Any:
        """Close everything between you and this partner, for good."""
        if not await reading.knows(merchant_tenant(merchant.merchant_id), partner_id):
            raise Problem(404, "not_found", "You have no job with this partner.")
        who, location = str(merchant.merchant_id), "/api/v1/merchant/jobs"
        await limits.count(BlockPartner, Counting(person=who))
        command = BlockPartner(actor=merchant.actor())
        answer = await asked(
            commander, PARTNER_COMMANDS, command, partner_id, who=who, origin=origin, location=location
        )
        return answer if isinstance(answer, Response) else Blocked(partner_id=partner_id)

    @router.get("/jobs")
    async def list_jobs(
        merchant: Asker,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> MerchantJobs:
        """Your requests at the partners who have introduced themselves, or whom you asked by name."""
        page = await inbox.page(merchant_tenant(merchant.merchant_id), Wanted(), Sort.NEWEST, cursor, limit)
        return MerchantJobs(jobs=await desk.viewed(page.jobs), next_cursor=page.next_cursor)

    @router.get("/jobs/{job_id}", responses=SHOWN_ONE)
    async def one_job(job_id: UUID, merchant: Asker, tag: Tag, min_version: MinVersion = 0) -> MerchantJobPage:
        """One job with the last 50 steps of its timeline."""
        job = await reading.job(merchant_tenant(merchant.merchant_id), job_id, min_version, ActorKind.MERCHANT)
        page = await reading.timeline(job, ActorKind.MERCHANT)
        (view,) = await desk.viewed([job])
        return tag(MerchantJobPage(job=view, **vars(page)), view.version)

    @router.get("/jobs/{job_id}/timeline", responses=READ)
    async def timeline(job_id: UUID, merchant: Asker, cursor: Cursor = None, limit: Steps = PAGE) -> Timeline:
        """The last steps of a job, or with an `older_cursor` those before."""
        job = await reading.job(merchant_tenant(merchant.merchant_id), job_id)
        return Timeline(**vars(await reading.timeline(job, ActorKind.MERCHANT, cursor, limit)))

    @router.get("/jobs/{job_id}/mails", responses=READ)
    async def mails(job_id: UUID, merchant: Asker) -> Mails:
        """What became of the mails about this job to you, the oldest first."""
        await reading.job(merchant_tenant(merchant.merchant_id), job_id)
        return mails_view(await reading.deliveries(job_id, ActorKind.MERCHANT))

    return router
