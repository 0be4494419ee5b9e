"""Whoever asked a partner by name that has not taken the work is shown who else could."""

from uuid import UUID

import pytest

from services.gateway.api.views import AlternativeView, request_view
from services.gateway.read.explanations import on_match
from services.gateway.read.projections import on_partner
from services.gateway.read.reading import Reading
from shared.contracts.base import derived_id
from shared.contracts.matching import RequestUnmatched
from shared.contracts.partners import Partner, PartnerChanged
from shared.contracts.requests import RequestKind
from shared.projection import Projection
from tests.builders import MERCHANT_ID, REQUEST_ID, a_partner, a_request, an_event, details, received
from tests.gateway.waves import a_wave, heard
from tests.memory_mongo import MemoryDatabase

LOU, MAX, GONE = (a_partner(name) for name in ("Atelier Lou", "Max", "Gone"))


class Desk:
    """A gateway's read models, as far as partners and matches are in them."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.reading = Reading(self.database)

    async def knows(self, *partners: Partner) -> None:
        facts = [(PartnerChanged(profile=one.profile), one) for one in partners]
        news = [received(an_event(fact, one, subject=one.partner_id), topic="partners") for fact, one in facts]
        await Projection(self.database, on_partner)(news)

    async def is_told(self, *alternatives: UUID, request_id: UUID = REQUEST_ID) -> None:
        fact = RequestUnmatched(
            details=details(RequestKind.DIRECT), reason="partner_unavailable", alternatives=alternatives
        )
        await Projection(self.database, on_match)([heard(fact, request_id)])

    async def offered(self, merchant_id: UUID = MERCHANT_ID) -> list[str]:
        found = await self.reading.alternatives(merchant_id, [REQUEST_ID])
        return [partner.profile.name for partner in found.get(REQUEST_ID, [])]


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.knows(LOU, MAX)
    return desk


async def test_the_best_comes_first(desk: Desk) -> None:
    await desk.is_told(MAX.partner_id, LOU.partner_id)
    assert await desk.offered() == ["Max", "Atelier Lou"]


async def test_another_merchant_is_shown_nothing_of_it(desk: Desk) -> None:
    await desk.is_told(MAX.partner_id)
    assert await desk.offered(derived_id("another merchant")) == []


async def test_another_request_of_the_same_merchant_is_another_matter(desk: Desk) -> None:
    await desk.is_told(MAX.partner_id, request_id=derived_id("another request"))
    assert await desk.offered() == []


async def test_who_is_not_known_or_shows_no_profile_is_left_out(desk: Desk) -> None:
    hidden = LOU.model_copy(update={"profile": LOU.profile.model_copy(update={"published": False}), "version": 2})
    await desk.knows(hidden)
    await desk.is_told(LOU.partner_id, GONE.partner_id, MAX.partner_id)
    assert await desk.offered() == ["Max"]


async def test_a_request_that_is_with_somebody_has_none(desk: Desk) -> None:
    await Projection(desk.database, on_match)([heard(a_wave())])
    assert await desk.offered() == []


def test_a_merchant_is_given_the_name_and_what_the_profile_is_found_by() -> None:
    view = request_view(a_request(), [], [LOU])
    assert view.alternatives == [
        AlternativeView(partner_id=LOU.partner_id, name="Atelier Lou", slug="atelier-lou"),
    ]
