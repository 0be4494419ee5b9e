"""A partner's team in the JSON API: who is in it, invitations, roles, one's own settings."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from services.gateway.accounts import Membership
from services.gateway.api.answers import OFTEN, SIGNED_IN
from services.gateway.api.asking import OriginHeader
from services.gateway.api.desks import TeamDesk
from services.gateway.api.jobs import MinVersion
from services.gateway.api.versions import CHANGED, REPLACED, SHOWN, Expected, Tag
from services.gateway.api.views_partner import OwnSettingsView, TeamView, own_settings_view, team_view
from services.gateway.choices import Choices
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from services.gateway.team import no_room
from shared.contracts.base import Locale, Message
from shared.contracts.partners import (
    ChangeMember,
    ChangeOwnSettings,
    InviteMember,
    MailTopic,
    Partner,
    RemoveMember,
    Role,
)
from shared.doors import Address, Body, GivenName
from shared.http import Problem, field_problem


class InvitationBody(Body):
    """`assigned_only`: the member will see no jobs but those assigned to it."""

    email: Address
    name: GivenName
    role: Role = Role.MEMBER
    locale: Locale
    assigned_only: bool = False


class MemberBody(Body):
    role: Role
    assigned_only: bool


class OwnSettings(Body):
    """`mailed` is what you want to be mailed about; null leaves it to your role."""

    name: GivenName
    locale: Locale
    mailed: Annotated[tuple[MailTopic, ...], Field(max_length=20)] | None = None


def team_api(
    desk: TeamDesk,
    reading: Reading,
    choices: Choices,
    signed_in: SignedIn,
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["team"], responses=SIGNED_IN)
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type
    Admin = Annotated[Membership, Depends(signed_in.admin)]  # noqa: N806 - a type

    async def ask(member: Membership, data: Message, origin: OriginHeader) -> Partner | Response:
        target = data.email if isinstance(data, InviteMember) else ""
        return await desk.ask(member, data, origin, location="/api/v1/team", target=target)

    async def change(member: Membership, data: Message, origin: OriginHeader) -> TeamView | Response:
        answer = await ask(member, data, origin)
        return answer if isinstance(answer, Response) else team_view(answer)

    @router.get("/team", responses=SHOWN)
    async def team(member: Member, tag: Tag, min_version: MinVersion = 0) -> TeamView:
        return tag(team_view(await reading.partner(member.partner.partner_id, min_version)))

    @router.post("/team/invitations", response_model=TeamView, responses={**CHANGED, **OFTEN})
    async def invite(body: InvitationBody, member: Admin, origin: OriginHeader, tag: Tag) -> Any:
        """Invite somebody by mail. Inviting the same address again sends another mail."""
        full = no_room(member.partner)
        if full and member.partner.named_at(body.email) is None:
            raise field_problem([{"field": "email", "message": full.reason, "code": full.code}])
        return tag(await change(member, InviteMember(**dict(body), actor=member.actor()), origin))

    @router.put("/team/{member_id:uuid}", response_model=TeamView, responses=REPLACED)
    async def change_member(  # noqa: PLR0913, PLR0917 - what a request holds
        member_id: UUID, body: MemberBody, member: Admin, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        """Change a member's role, or which jobs it sees."""
        _named(member, member_id)
        command = ChangeMember(member_id=member_id, **dict(body), expected_version=expected, actor=member.actor())
        return tag(await change(member, command, origin))

    @router.delete("/team/{member_id:uuid}", response_model=TeamView, responses=CHANGED)
    async def remove(member_id: UUID, member: Member, origin: OriginHeader, tag: Tag) -> Any:
        """Remove a member, or leave. Its sessions end, and its jobs are unassigned. Jobs it has answered stay."""
        _named(member, member_id)
        return tag(await change(member, RemoveMember(member_id=member_id, actor=member.actor()), origin))

    @router.get("/settings", responses=SHOWN)
    async def settings(member: Member, tag: Tag) -> OwnSettingsView:
        """Your own settings in this team."""
        return tag(own_settings_view(member.partner, member.member))

    @router.put("/settings", response_model=OwnSettingsView, responses=REPLACED)
    async def change_settings(
        body: OwnSettings, member: Member, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        """Change what you are called, your language, and what you are mailed about."""
        command = ChangeOwnSettings(**dict(body), expected_version=expected, actor=member.actor())
        answer = await ask(member, command, origin)
        if isinstance(answer, Response):
            return answer
        await choices.follow(member.member.email, member.member.mailed, body.mailed)
        changed = answer.member(member.member.member_id)
        assert changed is not None, "Somebody who changes settings is in the team."
        return tag(own_settings_view(answer, changed))

    return router


def _named(member: Membership, member_id: UUID) -> None:
    if member.partner.member(member_id) is None:
        raise Problem(404, "not_found", "Nobody in your team has this id.")
