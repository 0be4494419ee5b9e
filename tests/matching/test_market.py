"""What every replica keeps in memory: the newest of each partner and of each standing."""

from shared.contracts.base import derived_id
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import PartnerChanged
from tests.builders import PARTNER_ID, a_command, a_partner, an_event, received
from tests.matching.markets import a_market, a_standing


async def test_newer_replaces_older_and_never_the_other_way() -> None:
    market = a_market()
    for version, available in ((2, False), (1, True), (2, True)):
        partner = a_partner(version=version, available=available)
        await market.on_partners([received(an_event(PartnerChanged(), partner), topic="partners")])
    assert market.partner(PARTNER_ID) == a_partner(version=2, available=False)
    assert list(market.partners()) == [a_partner(version=2, available=False)]


async def test_a_standing_that_was_overtaken_is_forgotten() -> None:
    market = a_market(a_partner())
    for version, replies in ((5, 2), (3, 1)):
        standing: StandingChanged = a_standing(a_partner(), version=version, replied=replies)
        await market.on_standings([received(a_command(standing, PARTNER_ID), topic="standings")])
    assert market.standing(PARTNER_ID).total().replied == 2


def test_who_is_not_known_is_nobody() -> None:
    assert a_market().partner(derived_id("stranger")) is None
    assert a_market(a_partner()).standing(PARTNER_ID) is None
