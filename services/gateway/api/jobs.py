"""The partner's jobs in the JSON API: lists, one job, what has been read."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Membership
from services.gateway.api.answers import READ, SIGNED_IN
from services.gateway.api.versions import SHOWN_ONE, Tag
from services.gateway.api.views import JobPage, Jobs, Mails, Timeline, listed, mails_view, partner_view
from services.gateway.api.views_partner import StandingView, standing_view
from services.gateway.marks import ReadMarks
from services.gateway.read.inbox import Inbox, Sort, Wanted
from services.gateway.read.reading import PAGE, Reading
from services.gateway.read.tenants import member_tenant
from services.gateway.signed_in import SignedIn
from shared.contracts.base import ActorKind
from shared.contracts.jobs import Status
from shared.contracts.requests import RequestKind
from shared.doors import Body
from shared.http import field_problem

NO_NUL = r"^[^\x00]*$"
Cursor = Annotated[str | None, Query(max_length=400)]
Steps = Annotated[int, Query(ge=1, le=100, description="At most so many steps.")]
MinVersion = Annotated[int, Query(ge=0, le=2**53, description="Wait for this version: what you have just written.")]


async def filters(
    status: Annotated[list[Status] | None, Query(max_length=8)] = None,
    assignee: Annotated[UUID | None, Query(description="Assigned to this member")] = None,
    kind: RequestKind | None = None,
    *,
    unassigned: Annotated[bool, Query(description="Assigned to nobody")] = False,
    due_soon: Annotated[bool, Query(description="Unanswered, with less than a day left")] = False,
) -> Wanted:
    """The filters of a list, from the query. Asynchronous, because FastAPI gives anything else to a thread."""
    return Wanted(status or (), assignee, unassigned, kind, due_soon)


Filters = Annotated[Wanted, Depends(filters)]


class Counts(BaseModel):
    """How many jobs are in each status."""

    total: int
    by_status: dict[Status, int]


class ReadBody(Body):
    """`version` is the job's version that was on the screen, `shown` what its page said with it: without it, what has
    come to the timeline since then, up to this version, counts as read too.
    """

    version: Annotated[int, Field(ge=1, le=2**53)]
    shown: Annotated[int, Field(ge=0, le=2**53)] | None = None


def jobs_api(reading: Reading, inbox: Inbox, marks: ReadMarks, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=SIGNED_IN)
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type

    @router.get("/jobs")
    async def list_jobs(  # noqa: PLR0913, PLR0917 - what a list is asked for
        member: Member,
        wanted: Filters,
        q: Annotated[str, Query(max_length=200, pattern=NO_NUL)] = "",
        sort: Sort = Sort.NEWEST,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> Jobs:
        """Your partner's jobs. With `q`, those in which these words stand, newest first, with the places."""
        tenant = member_tenant(member)
        if q.strip() and sort is not Sort.NEWEST:
            raise field_problem(
                [{"field": "query.sort", "message": "What is found is sorted newest first.", "code": "not_with_q"}]
            )
        page = (
            await inbox.found(tenant, q, wanted, cursor, limit)
            if q.strip()
            else await inbox.page(tenant.query(), wanted, sort, cursor, limit)
        )
        unread = await marks.unread(member.member.member_id, page.jobs)
        jobs = [listed(job, unread[job.job_id], page.found.get(job.job_id, [])) for job in page.jobs]
        return Jobs(jobs=jobs, next_cursor=page.next_cursor)

    @router.get("/jobs/counts")
    async def counts(member: Member, wanted: Filters) -> Counts:
        """How many jobs there are, by status."""
        by_status = await inbox.counts(member_tenant(member).query(), wanted)
        return Counts(total=sum(by_status.values()), by_status=by_status)

    @router.get("/jobs/{job_id}", responses=SHOWN_ONE)
    async def one_job(job_id: UUID, member: Member, tag: Tag, min_version: MinVersion = 0) -> JobPage:
        """One job with the last 50 steps of its timeline."""
        job = await reading.job(member_tenant(member).query(), job_id, min_version)
        unread = await marks.unread(member.member.member_id, [job])
        shown = await reading.said(job)  # before the timeline is read: it may hold more, never less
        page, view = await reading.timeline(job, ActorKind.PARTNER), partner_view(job)
        return tag(JobPage(job=view, unread=unread[job_id], shown=shown, **vars(page)), view.version)

    @router.get("/jobs/{job_id}/timeline", responses=READ)
    async def timeline(job_id: UUID, member: Member, cursor: Cursor = None, limit: Steps = PAGE) -> Timeline:
        """The last steps of a job, or with an `older_cursor` those before."""
        job = await reading.job(member_tenant(member).query(), job_id)
        return Timeline(**vars(await reading.timeline(job, ActorKind.PARTNER, cursor, limit)))

    @router.get("/jobs/{job_id}/mails", responses=READ)
    async def mails(job_id: UUID, member: Member) -> Mails:
        """What became of the mails about this job to your side, the oldest first."""
        await reading.job(member_tenant(member).query(), job_id)
        return mails_view(await reading.deliveries(job_id, ActorKind.PARTNER))

    @router.post("/jobs/{job_id}/read", status_code=204, responses=READ)
    async def read(job_id: UUID, body: ReadBody, member: Member) -> Response:
        """You have read the job as it was at this version."""
        job = await reading.job(member_tenant(member).query(), job_id, body.version)
        version = min(body.version, job.version_for(ActorKind.PARTNER))
        there = await reading.said(job, version)
        seen = there if body.shown is None else min(body.shown, there)
        await marks.mark(member.member.member_id, job_id, version, seen)
        return Response(status_code=204)

    @router.get("/standing")
    async def standing(member: Member) -> StandingView:
        """What matching has learned of your partner: answers, expiries, reviews, and what answering in time brings."""
        return standing_view(await reading.standing(member.partner.partner_id))

    return router
