"""The partner's side of the JSON API."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Membership
from services.gateway.asking import OriginHeader, asked
from services.gateway.reading import Reading, partner_tenant
from services.gateway.signed_in import SignedIn
from services.gateway.views import JobPage, Jobs, JobView, PreferencesView, StandingView, partner_view
from shared.commands import Commander
from shared.contracts.base import Message, Text
from shared.contracts.jobs import (
    AddComment,
    AssignMembers,
    CompleteJob,
    DeclineJob,
    DeclineReason,
    Job,
    MarkInactive,
    OpenJob,
    ReactivateJob,
    SendMessage,
    Status,
)
from shared.contracts.partners import ChangePreferences, Partner, Preferences
from shared.http import Problem, field_problem
from shared.topics import JOB_COMMANDS, PARTNER_COMMANDS

NO_NUL = r"^[^\x00]*$"


class Words(BaseModel):
    text: Text


class DeclineBody(BaseModel):
    reason: DeclineReason
    note: Annotated[str, Field(max_length=1000)] = ""


class Assignees(BaseModel):
    member_ids: Annotated[list[UUID], Field(max_length=100)]


ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "Stored; its outcome will show at `status_url`."},
    401: {"description": "Not signed in."},
    403: {"description": "Not allowed."},
    404: {"description": "No such job, or not yours."},
    409: {"description": "Refused by a rule; `code` says which."},
    422: {"description": "A field needs another look."},
    503: {"description": "Try again in a moment."},
}


def jobs_api(commander: Commander, reading: Reading, signed_in: SignedIn) -> APIRouter:  # noqa: C901 - a list of routes
    router = APIRouter(prefix="/api/v1", tags=["jobs"])
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type

    async def ask(member: Membership, job_id: UUID, data: Message, origin: OriginHeader) -> JobView | Response:
        await reading.job(partner_tenant(member.partner.partner_id), job_id)
        who, location = str(member.member.member_id), f"/api/v1/jobs/{job_id}"
        answer = await asked(commander, JOB_COMMANDS, data, job_id, who=who, origin=origin, location=location)
        return answer if isinstance(answer, Response) else partner_view(Job.model_validate(answer.snapshot))

    @router.get("/jobs")
    async def list_jobs(
        member: Member,
        status: Status | None = None,
        q: Annotated[str | None, Query(max_length=200, pattern=NO_NUL)] = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Jobs:
        """Your partner's jobs, newest first, 50 at a time."""
        page = await reading.jobs(partner_tenant(member.partner.partner_id), status=status, q=q, cursor=cursor)
        return Jobs(jobs=[partner_view(job) for job in page.jobs], next_cursor=page.next_cursor)

    @router.get("/jobs/{job_id}", responses={404: ANSWERS[404], 503: ANSWERS[503]})
    async def one_job(job_id: UUID, member: Member, min_version: Annotated[int, Query(ge=0)] = 0) -> JobPage:
        """One job with its timeline. `min_version` waits for what you have just written."""
        job = await reading.job(partner_tenant(member.partner.partner_id), job_id, min_version)
        return JobPage(job=partner_view(job), timeline=await reading.timeline(job_id))

    @router.post("/jobs/{job_id}/open", response_model=JobView, responses=ANSWERS)
    async def open_job(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        return await ask(member, job_id, OpenJob(actor=member.actor()), origin)

    @router.post("/jobs/{job_id}/messages", response_model=JobView, responses=ANSWERS)
    async def write(job_id: UUID, body: Words, member: Member, origin: OriginHeader) -> Any:
        """Write to the merchant. The first message introduces you."""
        return await ask(member, job_id, SendMessage(text=body.text, actor=member.actor()), origin)

    @router.post("/jobs/{job_id}/decline", response_model=JobView, responses=ANSWERS)
    async def decline(job_id: UUID, body: DeclineBody, member: Member, origin: OriginHeader) -> Any:
        command = DeclineJob(reason=body.reason, note=body.note, actor=member.actor())
        return await ask(member, job_id, command, origin)

    @router.post("/jobs/{job_id}/complete", response_model=JobView, responses=ANSWERS)
    async def complete(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        return await ask(member, job_id, CompleteJob(actor=member.actor()), origin)

    @router.post("/jobs/{job_id}/inactive", response_model=JobView, responses=ANSWERS)
    async def inactive(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        return await ask(member, job_id, MarkInactive(actor=member.actor()), origin)

    @router.post("/jobs/{job_id}/reactivate", response_model=JobView, responses=ANSWERS)
    async def reactivate(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        return await ask(member, job_id, ReactivateJob(actor=member.actor()), origin)

    @router.post("/jobs/{job_id}/comments", response_model=JobView, responses=ANSWERS)
    async def comment(job_id: UUID, body: Words, member: Member, origin: OriginHeader) -> Any:
        """Say something inside your team. The merchant never sees it."""
        return await ask(member, job_id, AddComment(text=body.text, actor=member.actor()), origin)

    @router.put("/jobs/{job_id}/assignees", response_model=JobView, responses=ANSWERS)
    async def assign(job_id: UUID, body: Assignees, member: Member, origin: OriginHeader) -> Any:
        """Set who works on it. New assignees get a mail."""
        _in_team(member.partner, body.member_ids)
        command = AssignMembers(member_ids=tuple(body.member_ids), actor=member.actor())
        return await ask(member, job_id, command, origin)

    @router.get("/standing")
    async def standing(member: Member) -> StandingView:
        """What matching has learned of your partner: answers, expiries, reviews."""
        known = await reading.standing(member.partner.partner_id)
        return StandingView(version=known.version, total=known.total(), services=known.services)

    @router.get("/preferences")
    async def preferences(member: Member) -> PreferencesView:
        return PreferencesView(version=member.partner.version, preferences=member.partner.preferences)

    @router.put("/preferences", response_model=PreferencesView, responses=ANSWERS)
    async def change_preferences(body: Preferences, member: Member, origin: OriginHeader) -> Any:
        partner_id = member.partner.partner_id
        if not member.administers:
            raise Problem(403, "forbidden", "Only owners and admins can change the preferences.")
        who, location = str(member.member.member_id), "/api/v1/preferences"
        command = ChangePreferences(preferences=body, actor=member.actor())
        answer = await asked(
            commander, PARTNER_COMMANDS, command, partner_id, who=who, origin=origin, location=location
        )
        return answer if isinstance(answer, Response) else PreferencesView.model_validate(answer.snapshot)

    return router


def _in_team(partner: Partner, member_ids: list[UUID]) -> None:
    for number, member_id in enumerate(member_ids):
        if partner.member(member_id) is None:
            wrong = {"field": f"member_ids.{number}", "message": "Nobody in your team has this id.", "code": "unknown"}
            raise field_problem([wrong])
