"""A partner's account in the JSON API: registration, profile, services, publishing."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from services.gateway.accounts import Membership
from services.gateway.api.answers import ASKED
from services.gateway.api.asking import Origin, OriginHeader
from services.gateway.api.desks import TeamDesk
from services.gateway.api.jobs import MinVersion
from services.gateway.api.versions import CHANGED, REPLACED, SHOWN, Expected, Tag
from services.gateway.api.views_partner import PartnerView, profile_view
from services.gateway.founding import Founding
from services.gateway.limits import ActLimits, Counting
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from services.gateway.slugs import Slugs
from shared.clock import Clock
from shared.contracts.base import Actor, ActorKind, Locale, Message, derived_id
from shared.contracts.partners import (
    ChangeProfile,
    Country,
    Language,
    Member,
    Offer,
    OfferService,
    Partner,
    Preferences,
    Profile,
    PublishProfile,
    RegisterPartner,
    Role,
    Slug,
    Unit,
    UnpublishProfile,
    WithdrawService,
    member_id_of,
)
from shared.doors import Body, GivenMoney, GivenName, GivenText, GivenUrl
from shared.taxonomy import SERVICES, ServiceKey

_HERE = "/api/v1/partner"


def _each_once(languages: list[str]) -> list[str]:
    return list(dict.fromkeys(languages))


class ProfileBody(Body):
    """What a partner says of itself. `slug` is the last part of the profile's address."""

    slug: Slug
    name: GivenName
    about: GivenText
    main_language: Locale
    languages: Annotated[list[Language], Field(min_length=1, max_length=20), AfterValidator(_each_once)]
    country: Country
    portfolio: list[GivenUrl] = Field(default_factory=list, max_length=20)


class Registration(ProfileBody):
    """`your_name` is the name of the person who registers, and becomes the owner."""

    your_name: GivenName


class OfferBody(Body):
    """What the service costs from, per which unit, and how many days until it can be delivered."""

    price_from: GivenMoney
    unit: Unit
    lead_days: Annotated[int, Field(ge=0, le=365)]


class ServiceView(BaseModel):
    service: str
    names: dict[str, str]


def partner_api(  # noqa: PLR0913, PLR0917 - the parts, named
    desk: TeamDesk,
    reading: Reading,
    slugs: Slugs,
    founding: Founding,
    limits: ActLimits,
    signed_in: SignedIn,
    clock: Clock,
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["partner"])
    Reader = Annotated[Membership, Depends(signed_in.even_suspended)]  # noqa: N806 - a type
    Admin = Annotated[Membership, Depends(signed_in.admin)]  # noqa: N806 - a type

    async def viewed(partner: Partner, locale: Locale) -> PartnerView:
        return profile_view(partner, await reading.standing(partner.partner_id), clock.now(), locale)

    async def change(member: Membership, data: Message, origin: Origin) -> PartnerView | Response:
        answer = await desk.ask(member, data, origin, location=_HERE)
        return answer if isinstance(answer, Response) else await viewed(answer, member.member.locale)

    @router.get("/services")
    async def services() -> list[ServiceView]:
        """The services that can be offered and asked for, by name in each language."""
        return [
            ServiceView(service=one.key, names={Locale(key): name for key, name in one.names.items()})
            for one in SERVICES.values()
        ]

    @router.post("/partners", status_code=201, response_model=PartnerView, responses=ASKED)
    async def register(
        body: Registration, email: Annotated[str, Depends(signed_in.email)], origin: OriginHeader
    ) -> Any:
        """Register an organisation. You become its owner; it is not published yet. Until somebody at Jobwire has
        vouched for it, it may receive little or nothing: `approval` and `notice` say so.
        """
        await limits.count(RegisterPartner, Counting(person=email))
        partner_id = derived_id("partner", email, origin.key) if origin.key else uuid4()
        await slugs.claim(body.slug, partner_id)
        await founding.claim(email, partner_id)
        owner = Member(
            member_id=member_id_of(partner_id, email),
            name=body.your_name,
            email=email,
            role=Role.OWNER,
            locale=body.main_language,
        )
        actor = Actor(kind=ActorKind.PARTNER, partner_id=partner_id, member_id=owner.member_id, name=body.your_name)
        said = body.model_dump(exclude={"your_name"})
        profile = Profile.model_validate({**said, "published": False, "services": ()})
        command = RegisterPartner(
            profile=profile,
            preferences=Preferences(),
            members=(owner,),
            approval=founding.approval,
            actor=actor,
        )
        answer = await desk.tell(partner_id, command, who=email, origin=origin, location=_HERE)
        return answer if isinstance(answer, Response) else await viewed(answer, owner.locale)

    @router.get("/partner", responses=SHOWN)
    async def one_partner(member: Reader, tag: Tag, min_version: MinVersion = 0) -> PartnerView:
        """Your organisation, and what keeps it from receiving work. A suspended one is shown to its team, too."""
        partner = await reading.partner(member.partner.partner_id, min_version)
        return tag(await viewed(partner, member.member.locale))

    @router.put("/partner/profile", response_model=PartnerView, responses=REPLACED)
    async def change_profile(
        body: ProfileBody, member: Admin, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        await slugs.claim(body.slug, member.partner.partner_id)
        said = ChangeProfile(**body.model_dump(), expected_version=expected, actor=member.actor())
        return tag(await change(member, said, origin))

    @router.put("/partner/services/{service}", response_model=PartnerView, responses=REPLACED)
    async def offer(  # noqa: PLR0913, PLR0917 - what a request holds
        service: ServiceKey, body: OfferBody, member: Admin, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        """Offer a service, or offer it differently."""
        offered = Offer(service=service, **dict(body))
        command = OfferService(offer=offered, expected_version=expected, actor=member.actor())
        return tag(await change(member, command, origin))

    @router.delete("/partner/services/{service}", response_model=PartnerView, responses=REPLACED)
    async def withdraw(service: ServiceKey, member: Admin, origin: OriginHeader, expected: Expected, tag: Tag) -> Any:
        """Offer this service no more. Jobs that are there stay."""
        command = WithdrawService(service=service, expected_version=expected, actor=member.actor())
        return tag(await change(member, command, origin))

    @router.post("/partner/publish", response_model=PartnerView, responses=CHANGED)
    async def publish(member: Admin, origin: OriginHeader, tag: Tag) -> Any:
        """Show the profile. With at least one service you receive work."""
        return tag(await change(member, PublishProfile(actor=member.actor()), origin))

    @router.post("/partner/unpublish", response_model=PartnerView, responses=CHANGED)
    async def unpublish(member: Admin, origin: OriginHeader, tag: Tag) -> Any:
        """Show the profile to nobody. You receive no new work."""
        return tag(await change(member, UnpublishProfile(actor=member.actor()), origin))

    return router
