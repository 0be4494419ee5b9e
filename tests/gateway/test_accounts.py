"""Signing in: a mailed link opens one session, however it is spelt."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from time import time
from typing import Any
from uuid import UUID

import pytest
from itsdangerous import TimestampSigner

from services.gateway.accounts import Accounts, Proof, digest_of
from services.gateway.limits import ActLimits
from services.gateway.read.catching_up import CatchingUp
from services.gateway.read.models import MERCHANTS_GROUP, READ_MODELS
from services.gateway.read.projections import MERCHANTS, PARTNERS, on_partner
from services.gateway.sessions import Session, Where, device_of, hash_of
from shared.contracts.base import Locale, derived_id
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import merchant_id_of
from shared.http import Problem
from shared.links import Links, Purpose
from shared.metrics import Metrics
from shared.rates import Rates
from shared.security_events import SecurityLog
from shared.settings import Settings
from shared.topics import SIGN_INS
from tests.builders import PARTNER_ID, a_command, a_creation, a_member, a_partner, an_event, received
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

AIKO = "aiko@hoshi.example"
LINK = derived_id("a link")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Failing:
    """A collection of which one method fails once: before its work is done, or after."""

    def __init__(self, collection: Any, method: str, *, after: bool) -> None:
        self._collection, self._method, self._after, self._failed = collection, method, after, False

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._collection, name)
        if name != self._method or self._failed:
            return work

        async def fails(*args: Any, **more: Any) -> None:
            self._failed = True
            if self._after:
                await work(*args, **more)
            raise ConnectionResetError("The process died here.")

        return fails


class House:
    """Accounts over edges in memory."""

    def __init__(self) -> None:
        self.settings = Settings(secret_keys="the-key-of-the-tests")
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.database = MemoryDatabase(self.clock.now)
        self.links = Links(self.settings)
        self.start_again()

    def start_again(self) -> None:
        publisher = MemoryPublisher(self.log)
        security = SecurityLog(Metrics("gateway"))
        limits = ActLimits(Rates(self.settings, self.database, self.clock, security), {})
        self.accounts = Accounts(
            self.database, self.links, publisher, self.clock, self.settings, limits=limits, security=security
        )

    def link(self, about: UUID = LINK, purpose: Purpose = "sign-in") -> str:
        return self.links.sign(purpose, about, {"email": AIKO})

    async def opened(self, token: str, attempt: str | None = None) -> Session:
        """By the person whom it was mailed to."""
        return await self.accounts.open_session(token, attempt, proof=Proof(email=AIKO))

    async def email_of(self, session: Session) -> str:
        return (await self.accounts.sessions.current(session.token)).email

    async def refusal(self, token: str, attempt: str | None = None) -> str:
        with pytest.raises(Problem) as refused:
            await self.opened(token, attempt)
        assert refused.value.status == 401
        return refused.value.code

    async def know_aiko(self) -> None:
        """As the loop stores a partner; no read model has heard of it."""
        await self.database["partners"].insert_one({"_id": PARTNER_ID, "state": a_partner().model_dump(mode="json")})


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
    session = await house.opened(token)
    assert await house.email_of(session) == AIKO
    assert await house.refusal(token) == "link_used"
    for other in spellings(token):
        assert house.links.read(purpose, other, 60)[0] == LINK, "This is no spelling of it."
        assert await house.refusal(other) == "link_used"


async def test_another_link_opens_another_session(house: House) -> None:
    sessions = [await house.opened(house.link(derived_id("link", number))) for number in range(2)]
    sessions.append(await house.opened(house.link(derived_id("link", 0), "merchant-link")))
    assert len({session.token for session in sessions}) == 3


async def test_a_link_for_another_door_opens_no_session(house: House) -> None:
    assert await house.refusal(house.link(purpose="confirm-request")) == "link_invalid"
    assert await house.refusal("nonsense") == "link_invalid"


async def test_a_session_ends_when_it_is_closed_and_when_its_time_has_come(house: House) -> None:
    first, second = [await house.opened(house.link(derived_id("link", n))) for n in range(2)]
    await house.accounts.sessions.close(first.token)
    with pytest.raises(Problem, match="sign in again"):
        await house.email_of(first)
    while house.clock.now() + timedelta(hours=2) < second.expires_at:  # it is used again and again
        house.clock.move(timedelta(hours=2))
        assert await house.email_of(second) == AIKO
    house.clock.move(second.expires_at - house.clock.now() - timedelta(seconds=1))
    assert await house.email_of(second) == AIKO
    house.clock.move(timedelta(seconds=1))
    with pytest.raises(Problem, match="sign in again"):
        await house.email_of(second)


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


@pytest.mark.parametrize("collection", ["sessions", "used_links"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_link_is_not_lost_where_the_process_dies_between_its_writes(
    house: House, collection: str, *, after: bool
) -> None:
    method = "update_one" if collection == "sessions" else "insert_one"
    house.database.collections[collection] = Failing(house.database[collection], method, after=after)
    house.start_again()
    with pytest.raises(ConnectionResetError):
        await house.opened(house.link(), "this attempt")
    session = await house.opened(house.link(), "this attempt")
    assert await house.email_of(session) == AIKO
    assert await house.refusal(house.link()) == "link_used"


async def test_the_answer_that_was_lost_is_given_again_to_the_same_attempt_and_to_no_other(house: House) -> None:
    first = await house.opened(house.link(), "mine")
    assert await house.opened(house.link(), "mine") == first
    assert await house.refusal(house.link(), "another's") == "link_used"
    assert await house.refusal(house.link()) == "link_used"
    assert len(house.database["sessions"].documents) == 1


async def test_who_has_signed_out_is_not_signed_in_by_the_same_attempt(house: House) -> None:
    session = await house.opened(house.link(), "mine")
    await house.accounts.sessions.close(session.token)
    assert await house.refusal(house.link(), "mine") == "link_used"
    assert not house.database["sessions"].documents


async def test_many_who_use_a_link_at_once_open_one_session(house: House) -> None:
    attempts = [house.opened(house.link(), f"attempt {n % 2}") for n in range(6)]
    opened = await asyncio.gather(*attempts, return_exceptions=True)
    assert len({one.token for one in opened if not isinstance(one, BaseException)}) == 1
    assert len(house.database["sessions"].documents) == 1


async def test_a_member_signs_in_though_no_read_model_knows_the_team(house: House) -> None:
    await house.know_aiko()
    await house.accounts.request_sign_in(AIKO)
    assert len(house.log.records(SIGN_INS.name)) == 1
    assert [one.member.name for one in await house.accounts.memberships(AIKO.upper())] == ["Aiko"]


async def test_while_nobody_can_tell_who_is_known_everybody_is_mailed_a_link(house: House) -> None:
    async def handler(_batch: Sequence[object]) -> None: ...

    watched = CatchingUp(house.database, house.clock).watched(MERCHANTS_GROUP, handler)
    record = a_command(a_creation())
    house.clock.move(timedelta(hours=1))
    await watched([received(record, at=house.clock.now())])
    assert not await house.accounts.merchants_are_behind()
    await watched([received(record, at=house.clock.now() - timedelta(minutes=2))])
    assert await house.accounts.merchants_are_behind()
    await house.accounts.request_sign_in("mia@kettle.example")
    assert len(house.log.records(SIGN_INS.name)) == 1
    house.clock.move(timedelta(minutes=5))
    assert not await house.accounts.merchants_are_behind()


async def test_who_was_removed_is_out_though_the_read_model_never_hears_of_it(house: House) -> None:
    await house.know_aiko()
    event = an_event(PartnerChanged(profile=a_partner().profile), a_partner(), subject=PARTNER_ID)
    writes = [write.operation for write in on_partner(received(event, topic="partners"))]
    await house.database[PARTNERS].bulk_write(writes, ordered=False)
    rest = [member.model_dump(mode="json") for member in a_partner().members if member.email != AIKO]
    await house.database["partners"].update_one({"_id": PARTNER_ID}, {"$set": {"state.members": rest}})
    assert await house.accounts.memberships(AIKO) == []


async def test_merchants_sign_in_while_the_read_models_are_built_anew(house: House) -> None:
    dropped = {name for model in READ_MODELS for name in model.collections}
    assert dropped.isdisjoint({MERCHANTS, "partners", "sessions"})
    house.database.collections = {name: one for name, one in house.database.collections.items() if name not in dropped}
    merchant = {
        "_id": merchant_id_of("mia@kettle.example"),
        "email": "mia@kettle.example",
        "name": "Mia",
        "locale": "fr",
    }
    await house.database[MERCHANTS].insert_one(merchant)
    await house.accounts.request_sign_in("mia@kettle.example")
    (asked,) = [SIGN_INS.codec.decode(raw.value).data for raw in house.log.records(SIGN_INS.name)]
    assert (asked.name, asked.locale) == ("", "fr")


async def test_a_session_that_nobody_uses_ends_before_its_time(house: House) -> None:
    session = await house.opened(house.link())
    house.clock.move(timedelta(minutes=179))
    assert await house.email_of(session) == AIKO
    house.clock.move(timedelta(minutes=181))
    with pytest.raises(Problem, match="sign in again"):
        await house.email_of(session)
    assert await house.accounts.sessions.listed(AIKO) == []


async def test_a_session_of_an_earlier_release_is_good_and_counts_from_its_next_use(house: House) -> None:
    now = house.clock.now()
    old = {"_id": hash_of("old"), "email": AIKO, "created_at": now, "expires_at": now + timedelta(hours=12)}
    await house.database["sessions"].insert_one(old)
    house.clock.move(timedelta(hours=6))
    assert (await house.accounts.sessions.current("old")).scope.is_whole
    house.clock.move(timedelta(hours=3, minutes=1))
    with pytest.raises(Problem, match="sign in again"):
        await house.accounts.sessions.current("old")


async def test_a_scanner_that_presses_the_button_of_a_mailed_page_opens_nothing(house: House) -> None:
    for proof in (Proof(), Proof(asked="something else"), Proof(email="scanner@security.example")):
        with pytest.raises(Problem) as refused:
            await house.accounts.open_session(house.link(), "scanner", proof=proof)
        assert refused.value.code == "address_needed"
    assert not house.database["sessions"].documents
    assert await house.email_of(await house.opened(house.link())) == AIKO


async def test_the_browser_that_asked_need_not_say_who_it_is(house: House) -> None:
    await house.know_aiko()
    await house.accounts.request_sign_in(AIKO, asked_by=digest_of("the browser's secret"))
    (asked,) = [SIGN_INS.codec.decode(raw.value) for raw in house.log.records(SIGN_INS.name)]
    token = house.links.sign("sign-in", asked.subject, {"email": AIKO, "asked": asked.data.asked_by})
    assert not house.accounts.opens_at_once(token, "another browser's")
    assert house.accounts.opens_at_once(token, "the browser's secret")
    session = await house.accounts.open_session(token, proof=Proof(asked="the browser's secret"))
    assert await house.email_of(session) == AIKO


async def test_a_link_that_says_nothing_of_a_browser_is_opened_by_none(house: House) -> None:
    assert not house.accounts.opens_at_once(house.link(), "")


async def test_a_newer_link_makes_an_older_one_useless(house: House) -> None:
    await house.know_aiko()
    for _ in range(2):
        await house.accounts.request_sign_in(AIKO)
        house.clock.move(timedelta(seconds=1))
    records = [SIGN_INS.codec.decode(raw.value) for raw in house.log.records(SIGN_INS.name)]
    first, second = [record.subject for record in sorted(records, key=lambda record: record.time)]
    assert await house.refusal(house.link(first)) == "link_replaced"
    assert await house.email_of(await house.opened(house.link(second))) == AIKO


async def test_a_link_that_was_asked_for_is_good_for_ten_minutes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as then:
        then.setattr(TimestampSigner, "get_timestamp", lambda _signer: int(time()) - 11 * 60)
        token = house.link()
    assert await house.refusal(token) == "link_expired"


async def test_a_merchants_mailed_link_opens_the_merchants_side_alone(house: House) -> None:
    scope = (await house.opened(house.link(purpose="merchant-link"))).scope
    assert scope.allows_merchant
    assert not scope.allows_partner(PARTNER_ID)
    assert not scope.is_whole


async def test_an_invitation_opens_the_team_that_it_invites_to(house: House) -> None:
    token = house.links.sign("invitation", LINK, {"email": AIKO, "partner": str(PARTNER_ID)})
    scope = (await house.opened(token)).scope
    assert scope.allows_partner(PARTNER_ID)
    assert not scope.allows_partner(derived_id("another"))
    assert not scope.allows_merchant


async def test_a_person_sees_where_it_is_signed_in_and_signs_out_there(house: House) -> None:
    phone, desk = Where("198.51.100.7", "Firefox, Android"), Where("203.0.113.9", "Chrome, Windows")
    sessions = []
    for number, where in enumerate((phone, desk)):
        house.clock.move(timedelta(minutes=2))
        link = house.link(derived_id("link", number))
        sessions.append(await house.accounts.open_session(link, proof=Proof(email=AIKO), where=where))
    listed = await house.accounts.sessions.listed(AIKO)
    assert [one.where for one in listed] == [desk, phone]
    assert all(one.session_id.bytes not in hash_of(session.token) for one in listed for session in sessions)
    assert not await house.accounts.sessions.close_listed("mia@kettle.example", listed[0].session_id)
    assert await house.accounts.sessions.close_listed(AIKO, listed[0].session_id)
    assert [one.where for one in await house.accounts.sessions.listed(AIKO)] == [phone]
    await house.accounts.sessions.close_all(AIKO, but=sessions[0].token)
    assert await house.email_of(sessions[0]) == AIKO
    await house.accounts.sessions.close_all(AIKO)
    assert await house.accounts.sessions.alive([hash_of(sessions[0].token)]) == set()


async def test_an_invited_stranger_is_no_member_and_is_named_by_nobody(house: House) -> None:
    invited = a_member("Your account is locked", email="victim@home.example", joined=False)
    partner = a_partner(members=(*a_partner().members, invited))
    await house.database["partners"].insert_one({"_id": PARTNER_ID, "state": partner.model_dump(mode="json")})
    assert await house.accounts.memberships("victim@home.example") == []
    assert len(await house.accounts.invitations("victim@home.example")) == 1
    await house.accounts.request_sign_in("victim@home.example")
    (asked,) = [SIGN_INS.codec.decode(raw.value).data for raw in house.log.records(SIGN_INS.name)]
    assert asked.name == ""


async def test_eighty_who_ask_at_once_for_one_mailbox_get_five_mails(house: House) -> None:
    await house.know_aiko()
    asking = (house.accounts.request_sign_in(AIKO if n % 2 else "aiko+tag@hoshi.example", Locale.EN) for n in range(80))
    await asyncio.gather(*asking)
    assert len(house.log.records(SIGN_INS.name)) == 5


@pytest.mark.parametrize(
    ("said", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14) AppleWebKit/605 (KHTML) Version/18 Safari/605", "Safari, macOS"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537 Chrome/140.0 Mobile Safari/537", "Chrome, Android"),
        ("python-httpx2/1.0", "python-httpx2/1.0"),
        ("<script>alert(1)</script>", "scriptalert1/script"),
        ("", ""),
    ],
)
def test_a_device_is_named_by_what_it_says_of_itself(said: str, device: str) -> None:
    assert device_of(said) == device
