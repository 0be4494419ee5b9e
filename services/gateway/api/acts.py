"""What a partner does to its jobs, in the JSON API. Each route asks the job's one door."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, Field

from services.gateway.accounts import Membership
from services.gateway.api.answers import ASKED
from services.gateway.api.asking import OriginHeader
from services.gateway.api.desks import PartnerDesk
from services.gateway.api.versions import CHANGED, REPLACED, Expected, Tag
from services.gateway.api.views import JobView
from services.gateway.attachments import Attachments
from services.gateway.signed_in import SignedIn
from shared.contracts.base import ActorKind
from shared.contracts.jobs import (
    PARTNERS_REASONS,
    AddComment,
    AnswerReview,
    AskReview,
    AssignMember,
    AssignMembers,
    CompleteJob,
    DeclineJob,
    DeclineReason,
    Job,
    MarkInactive,
    OpenJob,
    ReactivateJob,
    SendMessage,
    UnassignMember,
    UndoAct,
)
from shared.doors import Body, GivenNote, GivenText
from shared.http import Problem, field_problem


class Words(Body):
    text: GivenText


class MessageBody(Body):
    """`attachment_ids` are uploads of yours to this job."""

    text: GivenText
    attachment_ids: list[UUID] = Field(default_factory=list, max_length=10)


class CommentBody(Body):
    """`mentions` are members of your team who are mailed about it."""

    text: GivenText
    mentions: list[UUID] = Field(default_factory=list, max_length=50)


def _for_people(reason: DeclineReason) -> DeclineReason:
    if reason not in PARTNERS_REASONS:
        raise ValueError("This reason is not for people to give.")
    return reason


class DeclineBody(Body):
    reason: Annotated[
        DeclineReason, AfterValidator(_for_people), Field(json_schema_extra={"enum": sorted(PARTNERS_REASONS)})
    ]
    note: GivenNote = ""


class Assignees(Body):
    member_ids: Annotated[list[UUID], Field(max_length=100)]


def acts_api(  # noqa: C901 - a list of routes
    desk: PartnerDesk, attachments: Attachments, signed_in: SignedIn, undo_seconds: int
) -> APIRouter:
    router = APIRouter(prefix="/api/v1/jobs/{job_id}", tags=["jobs"], responses=ASKED)
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type

    @router.post("/open", response_model=JobView)
    async def open_job(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """You have looked at it: a New job is Opened."""
        return await desk.ask(member, job_id, OpenJob(actor=member.actor()), origin)

    @router.post("/messages", response_model=JobView)
    async def write(job_id: UUID, body: MessageBody, member: Member, origin: OriginHeader) -> Any:
        """Write to the merchant. The first message introduces you."""
        sent = await attachments.chosen(job_id, ActorKind.PARTNER, member.member.member_id, body.attachment_ids)
        return await desk.ask(
            member, job_id, SendMessage(text=body.text, attachments=sent, actor=member.actor()), origin
        )

    @router.post("/decline", response_model=JobView)
    async def decline(job_id: UUID, body: DeclineBody, member: Member, origin: OriginHeader) -> Any:
        """Decline. It can be taken back for some seconds, and nobody is told before."""
        command = DeclineJob(reason=body.reason, note=body.note, undo_seconds=undo_seconds, actor=member.actor())
        return await desk.ask(member, job_id, command, origin)

    @router.post("/complete", response_model=JobView)
    async def complete(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """The work is done. It can be taken back for some seconds; then the merchant is asked for a review."""
        return await desk.ask(member, job_id, CompleteJob(undo_seconds=undo_seconds, actor=member.actor()), origin)

    @router.post("/inactive", response_model=JobView)
    async def inactive(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """Put it aside. It can be taken back for some seconds."""
        return await desk.ask(member, job_id, MarkInactive(undo_seconds=undo_seconds, actor=member.actor()), origin)

    @router.post("/undo", response_model=JobView)
    async def undo(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """Take back what was just declined, completed or put aside."""
        return await desk.ask(member, job_id, UndoAct(actor=member.actor()), origin)

    @router.post("/reactivate", response_model=JobView)
    async def reactivate(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """Go on with a job that was completed or put aside."""
        return await desk.ask(member, job_id, ReactivateJob(actor=member.actor()), origin)

    @router.post("/comments", response_model=JobView)
    async def comment(job_id: UUID, body: CommentBody, member: Member, origin: OriginHeader) -> Any:
        """Say something inside your team. The merchant never sees it."""
        job = await desk.job(member, job_id)
        _in_team(member, body.mentions, "mentions", job)
        command = AddComment(text=body.text, mentions=tuple(body.mentions), actor=member.actor())
        return await desk.ask(member, job_id, command, origin)

    @router.put("/assignees", response_model=JobView, responses=REPLACED)
    async def assign(  # noqa: PLR0913, PLR0917 - what a request holds
        job_id: UUID, body: Assignees, member: Member, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        """Set who works on it, all at once. New assignees get a mail, and all later correspondence."""
        _in_team(member, body.member_ids, "member_ids")
        command = AssignMembers(
            member_ids=tuple(body.member_ids),
            team_version=member.partner.version,
            expected_version=expected,
            actor=member.actor(),
        )
        return tag(await desk.ask(member, job_id, command, origin))

    @router.post("/assignees/me", response_model=JobView, responses=CHANGED)
    async def assign_me(job_id: UUID, member: Member, origin: OriginHeader, tag: Tag) -> Any:
        """Assign yourself, beside whoever is assigned."""
        return tag(await desk.ask(member, job_id, _assigning(member, member.member.member_id), origin))

    @router.delete("/assignees/me", response_model=JobView, responses=CHANGED)
    async def unassign_me(job_id: UUID, member: Member, origin: OriginHeader, tag: Tag) -> Any:
        """Unassign yourself, and nobody else."""
        command = UnassignMember(member_id=member.member.member_id, actor=member.actor())
        return tag(await desk.ask(member, job_id, command, origin))

    @router.put("/assignees/{member_id:uuid}", response_model=JobView, responses=CHANGED)
    async def assign_one(job_id: UUID, member_id: UUID, member: Member, origin: OriginHeader, tag: Tag) -> Any:
        """Assign one member, beside whoever is assigned."""
        if not _is_in_team(member, member_id):
            raise Problem(404, "not_found", "Nobody in your team has this id.")
        return tag(await desk.ask(member, job_id, _assigning(member, member_id), origin))

    @router.delete("/assignees/{member_id:uuid}", response_model=JobView, responses=CHANGED)
    async def unassign_one(job_id: UUID, member_id: UUID, member: Member, origin: OriginHeader, tag: Tag) -> Any:
        """Unassign one member, and nobody else."""
        return tag(await desk.ask(member, job_id, UnassignMember(member_id=member_id, actor=member.actor()), origin))

    @router.post("/review/request", response_model=JobView)
    async def ask_review(job_id: UUID, member: Member, origin: OriginHeader) -> Any:
        """Ask the merchant of a completed job for a review once more. Completing it has asked for the first time."""
        return await desk.ask(member, job_id, AskReview(actor=member.actor()), origin)

    @router.post("/review/answer", response_model=JobView)
    async def answer_review(job_id: UUID, body: Words, member: Member, origin: OriginHeader) -> Any:
        """Answer the review, once."""
        return await desk.ask(member, job_id, AnswerReview(text=body.text, actor=member.actor()), origin)

    return router


def _assigning(by: Membership, member_id: UUID) -> AssignMember:
    return AssignMember(member_id=member_id, team_version=by.partner.version, actor=by.actor())


def _is_in_team(member: Membership, member_id: UUID) -> bool:
    one = member.partner.member(member_id)
    return one is not None and one.joined


def _in_team(member: Membership, member_ids: list[UUID], field: str, job: Job | None = None) -> None:
    """Raises `Problem` 422 for whoever is not in the team, or would not see the job."""
    for number, member_id in enumerate(member_ids):
        one = member.partner.member(member_id)
        wrong = None
        if one is None or not one.joined:
            wrong = "Nobody in your team has this id."
        elif job is not None and one.assigned_only and member_id not in job.assignees:
            wrong = "This member sees assigned jobs only. Assign the job first."
        if wrong:
            raise field_problem([{"field": f"{field}.{number}", "message": wrong, "code": "unknown"}])
