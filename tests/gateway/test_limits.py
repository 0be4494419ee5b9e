"""How often people may do what mails others: one table, counted by everybody at once."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import get_args

import pytest

from services.gateway.limits import FREE, TABLE, Act, ActLimits, Counted, Counting
from services.jobs.parties import MAY
from shared import rates
from shared.contracts.base import ActorKind, mailbox_key
from shared.contracts.jobs import AskAccess, EditReview, SendMessage
from shared.contracts.leads import AskLeadReview
from shared.contracts.partners import (
    BlockPartner,
    ConfirmNotificationAddress,
    InviteMember,
    PartnerCommand,
    RestorePartner,
    SuspendPartner,
    VouchForPartner,
)
from shared.contracts.requests import WithdrawRequest
from shared.metrics import Metrics
from shared.rates import Rates, TooMany
from shared.security_events import SecurityLog
from shared.settings import Settings
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase

OF_OTHERS = {BlockPartner, ConfirmNotificationAddress, VouchForPartner, SuspendPartner, RestorePartner}
"""A merchant's command, one that a mailed link gives, and the operators'."""


class Office:
    """Limits that are counted in one database by as many replicas as somebody asks."""

    def __init__(self, **changed: str) -> None:
        self.clock, self.metrics = ManualClock(), Metrics("gateway")
        self.settings = Settings(secret_keys="the-key-of-the-tests")
        self.database = MemoryDatabase(self.clock.now)
        self.changed = changed

    def replica(self) -> ActLimits:
        security = SecurityLog(self.metrics)
        return ActLimits(Rates(self.settings, self.database, self.clock, security), self.changed)


async def taken(limits: ActLimits, act: Counted, count: int, **who: str) -> int:
    """How many of so many at once pass."""
    answers = await asyncio.gather(*(limits.count(act, Counting(**who)) for _ in range(count)), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {type(None), TooMany}
    return Counter(type(answer) for answer in answers)[type(None)]


def test_every_command_of_a_person_is_limited_or_said_to_mail_nobody() -> None:
    of_people = {
        *MAY[ActorKind.PARTNER],
        *MAY[ActorKind.MERCHANT],
        *(one for one in get_args(PartnerCommand) if one not in OF_OTHERS),
        AskLeadReview,
        WithdrawRequest,
    }
    assert of_people <= {*TABLE, *FREE}, "Say in services/gateway/limits.py how often, or that it mails nobody."
    assert not set(TABLE) & FREE


async def test_eighty_at_once_pass_a_limit_of_five_five_times_whichever_replica_they_ask() -> None:
    office = Office()
    replicas = [office.replica(), office.replica()]
    spelt = ["mia@gmail.com", "MIA+tag@gmail.com", "m.i.a@googlemail.com"]
    counts = [await taken(replicas[number % 2], Act.MAIL_LINK, 27, target=spelt[number % 3]) for number in range(3)]
    assert sum(counts) == 5
    assert office.metrics.security_events.labels("limit_reached")._value.get() == 3 * 27 - 5
    office.clock.move(timedelta(minutes=15))
    assert await taken(replicas[0], Act.MAIL_LINK, 1, target="mia@gmail.com") == 1


async def test_a_strangers_mailbox_is_invited_by_everybody_together_five_times_a_day() -> None:
    limits = Office().replica()
    invited = [
        await taken(limits, InviteMember, 3, organisation=f"organisation {number}", target="victim@home.example")
        for number in range(10)
    ]
    assert sum(invited) == 5


async def test_one_organisation_invites_forty_an_hour_and_a_hundred_a_day() -> None:
    office = Office()
    limits, invited = office.replica(), 0
    for hour in range(5):
        for number in range(60):
            invited += await taken(limits, InviteMember, 1, organisation="one", target=f"v{hour}.{number}@home.example")
        assert invited == min(40 * (hour + 1), 100)
        office.clock.move(timedelta(hours=1))


async def test_asking_for_a_store_and_taking_it_back_mails_three_times_a_day() -> None:
    assert await taken(Office().replica(), AskAccess, 50, organisation="one", subject="a job") == 3


async def test_each_side_of_a_job_has_its_own_count() -> None:
    limits = Office().replica()
    assert await taken(limits, SendMessage, 50, person="mia", subject="a job") == 20
    assert await taken(limits, SendMessage, 5, person="ken", organisation="studio", subject="a job") == 5
    assert await taken(limits, EditReview, 9, person="mia", subject="a job") == 5


async def test_what_one_is_refused_takes_nothing_from_the_others() -> None:
    limits = Office().replica()
    assert await taken(limits, Act.ASK_NEWCOMERS_LINK, 1_000, network="198.51.100.66") == 10
    assert await taken(limits, Act.ASK_NEWCOMERS_LINK, 3, network="203.0.113.7") == 3


async def test_an_operator_changes_a_limit_by_its_name() -> None:
    limits = Office(**{"send_message.person": "2/minute"}).replica()
    assert await taken(limits, SendMessage, 5, person="mia", subject="a job") == 2


@pytest.mark.parametrize("changed", [{"send_mesage.person": "2/minute"}, {"send_message.person": "many"}])
def test_a_setting_that_names_no_limit_ends_the_start(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Office(**changed).replica()


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Mia@Kettle.example", "mia@kettle.example"),
        ("mia+jobs+more@kettle.example", "mia@kettle.example"),
        ("m.i.a@kettle.example", "m.i.a@kettle.example"),
        ("m.i.a+x@GoogleMail.com", "mia@gmail.com"),
        ("+@kettle.example", "+@kettle.example"),
    ],
)
def test_a_mailbox_is_one_however_its_address_is_spelt(address: str, mailbox: str) -> None:
    assert mailbox_key(address) == mailbox


async def test_a_process_remembers_so_many_refusals_the_newest_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "REMEMBERED", 3)
    office = Office()
    limits = office.replica()
    for number in range(8):
        assert await taken(limits, Act.MAIL_LINK, 6, target=f"person-{number}@kettle.example") == 5
    assert len(limits._rates._full_until) == 3
    office.database["windows"].documents.clear()
    passed = [await taken(limits, Act.MAIL_LINK, 1, target=f"person-{number}@kettle.example") for number in range(8)]
    assert passed == [1, 1, 1, 1, 1, 0, 0, 0], "Who is remembered costs no query."
