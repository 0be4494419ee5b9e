"""Signing in: a mailed link opens one session, however it is spelt."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.gateway.accounts import Accounts
from services.gateway.read.projections import PARTNERS, on_partner
from shared.contracts.base import derived_id
from shared.contracts.partners import PartnerChanged
from shared.http import Problem
from shared.links import Links, Purpose
from shared.settings import Settings
from shared.topics import SIGN_INS
from tests.builders import PARTNER_ID, a_partner, an_event, received
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

AIKO = "aiko@hoshi.example"
LINK = derived_id("a link")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class House:
    """Accounts over edges in memory."""

    def __init__(self) -> None:
        settings = Settings(secret_keys="the-key-of-the-tests")
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.database = MemoryDatabase(self.clock.now)
        self.links = Links(settings)
        self.accounts = Accounts(self.database, self.links, MemoryPublisher(self.log), self.clock, settings)

    def link(self, about: UUID = LINK, purpose: Purpose = "sign-in") -> str:
        return self.links.sign(purpose, about, {"email": AIKO})

    async def refusal(self, token: str) -> str:
        with pytest.raises(Problem) as refused:
            await self.accounts.open_session(token)
        assert refused.value.status == 401
        return refused.value.code

    async def know_aiko(self) -> None:
        event = an_event(PartnerChanged(profile=a_partner().profile), a_partner(), subject=PARTNER_ID)
        writes = [write.operation for write in on_partner(received(event, topic="partners"))]
        await self.database[PARTNERS].bulk_write(writes, ordered=False)


@pytest.fixture
def house() -> House:
    return House()


def spellings(token: str) -> list[str]:
    """Other ways to write the same signature: with padding, and with another last letter, of which only the first
    four bits count.
    """
    last = LETTERS.index(token[-1])
    others = [token[:-1] + LETTERS[last - last % 4 + spare] for spare in range(4)]
    return [f"{token}=", *(other for other in others if other != token)]


@pytest.mark.parametrize("purpose", ["sign-in", "merchant-link"])
async def test_a_link_opens_one_session_however_it_is_spelt(house: House, purpose: Purpose) -> None:
    token = house.link(purpose=purpose)
    session = await house.accounts.open_session(token)
    assert await house.accounts.email_of_session(session.token) == AIKO
    assert await house.refusal(token) == "link_used"
    for other in spellings(token):
        assert house.links.read(purpose, other, 60)[0] == LINK, "This is no spelling of it."
        assert await house.refusal(other) == "link_used"


async def test_another_link_opens_another_session(house: House) -> None:
    sessions = [await house.accounts.open_session(house.link(derived_id("link", number))) for number in range(2)]
    sessions.append(await house.accounts.open_session(house.link(derived_id("link", 0), "merchant-link")))
    assert len({session.token for session in sessions}) == 3


async def test_a_link_for_another_door_opens_no_session(house: House) -> None:
    assert await house.refusal(house.link(purpose="confirm-request")) == "link_invalid"
    assert await house.refusal("nonsense") == "link_invalid"


async def test_a_session_ends_when_it_is_closed_and_when_its_time_has_come(house: House) -> None:
    first, second = [await house.accounts.open_session(house.link(derived_id("link", n))) for n in range(2)]
    await house.accounts.close_session(first.token)
    with pytest.raises(Problem, match="sign in again"):
        await house.accounts.email_of_session(first.token)
    house.clock.move(second.expires_at - house.clock.now() - timedelta(seconds=1))
    assert await house.accounts.email_of_session(second.token) == AIKO
    house.clock.move(timedelta(seconds=1))
    with pytest.raises(Problem, match="sign in again"):
        await house.accounts.email_of_session(second.token)


async def test_a_few_links_are_mailed_to_one_address_however_it_is_written(house: House) -> None:
    await house.know_aiko()
    for address in [AIKO, AIKO.upper(), "Aiko@Hoshi.example"] * 4:
        await house.accounts.request_sign_in(address)
    asked = [SIGN_INS.codec.decode(raw.value).data.email for raw in house.log.records(SIGN_INS.name)]
    assert asked == [AIKO] * 5
    house.clock.move(timedelta(minutes=16))
    await house.accounts.request_sign_in(AIKO)
    assert len(house.log.records(SIGN_INS.name)) == 6


async def test_whoever_is_unknown_is_mailed_nothing_and_told_nothing(house: House) -> None:
    await house.accounts.request_sign_in("nobody@hoshi.example")
    assert house.log.records(SIGN_INS.name) == []
