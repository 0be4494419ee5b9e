"""What a partner wants to be sent, and when it is there, in the JSON API."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway.accounts import Membership
from services.gateway.api.asking import OriginHeader
from services.gateway.api.desks import TeamDesk, counting
from services.gateway.api.versions import REPLACED, SHOWN, Expected, Tag
from services.gateway.api.views_partner import PreferencesView
from services.gateway.limits import Act, ActLimits
from services.gateway.signed_in import SignedIn
from shared.clock import Clock
from shared.contracts.base import address_key
from shared.contracts.partners import Away, ChangePreferences, Preferences
from shared.doors import Address, Body, far_days
from shared.http import field_problem


class AwayBody(Body, Away):
    pass


class PreferencesBody(Body, Preferences):
    notification_email: Address | None = None
    away: AwayBody | None = None


def preferences_api(desk: TeamDesk, limits: ActLimits, signed_in: SignedIn, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["partner"])
    Member = Annotated[Membership, Depends(signed_in.member)]  # noqa: N806 - a type
    Admin = Annotated[Membership, Depends(signed_in.admin)]  # noqa: N806 - a type

    @router.get("/preferences", responses=SHOWN)
    async def preferences(member: Member, tag: Tag) -> PreferencesView:
        return tag(PreferencesView(version=member.partner.version_for_team, preferences=member.partner.preferences))

    @router.put("/preferences", response_model=PreferencesView, responses=REPLACED)
    async def change_preferences(
        body: PreferencesBody, member: Admin, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        """Set all preferences. Whoever is away comes back by itself after the last day. An address for notifications
        that is not a member's own gets nothing before somebody there has confirmed it.
        """
        away = {f"away.{name}": day for name, day in body.away or ()}
        if wrong := far_days(clock.now().date(), away):
            raise field_problem(wrong)
        chosen = Preferences.model_validate(body.model_dump())
        before, named = member.partner.preferences.inbox, chosen.notification_email
        if named and address_key(named) != address_key(before or "") and not member.partner.joined_at(named):
            await limits.count(Act.NAME_ADDRESS, counting(member, target=named))
        command = ChangePreferences(preferences=chosen, expected_version=expected, actor=member.actor())
        after = await desk.ask(member, command, origin, location="/api/v1/preferences")
        if isinstance(after, Response):
            return after
        return tag(PreferencesView(version=after.version_for_team, preferences=after.preferences))

    return router
