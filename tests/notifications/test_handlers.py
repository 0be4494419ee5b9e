"""What follows from a partner's records: it is known from then on, and whoever it invited is mailed, once."""

from datetime import datetime, timedelta

import pytest

from services.notifications.current import Current
from services.notifications.handlers import Handlers
from services.notifications.outbox import Outbox
from services.notifications.refusals import Refusals
from services.notifications.teams import Teams
from shared.contracts.base import Locale
from shared.contracts.jobs import JobCreated
from shared.contracts.partners import Member, PartnerChanged, Role, SignInRequested
from shared.contracts.requests import RequestSubmitted
from shared.metrics import Metrics
from shared.publisher import Headers
from shared.records import REPLAY_HEADER, Received
from tests.builders import (
    BY_PARTNER,
    KEN,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_command,
    a_job,
    a_member,
    a_partner,
    a_request,
    an_event,
    details,
    received,
)
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase
from tests.notifications.leads import a_match, asked, delivered, matched

TEAM = a_partner(members=(a_member("Aiko"), a_member("Ken", Role.MEMBER, joined=False)))


NEWS_FOR = timedelta(days=5)


class Service:
    """Notifications, as far as it hears of partners."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.teams = Teams(self.database)
        self.clock = ManualClock(NOW)
        self.outbox, self.metrics = Outbox(self.database), Metrics("tests")
        self.handlers = Handlers(
            self.outbox,
            self.teams,
            Current(self.database, self.teams),
            self.clock,
            self.metrics,
            refusals=Refusals(self.database),
            contact="help@jobwire.example",
            sign_in_minutes=10,
            news_for=NEWS_FOR,
        )

    def mails(self) -> list[tuple[str, str]]:
        return [(mail["template"], mail["to"]) for mail in self.database["mails"].documents.values()]


@pytest.fixture
def service() -> Service:
    return Service()


def invitation(headers: Headers = (), at: datetime = NOW) -> Received:
    fact = PartnerChanged(members=TEAM.members, invited=KEN, actor=BY_PARTNER)
    return received(an_event(fact, TEAM, subject=PARTNER_ID), topic="partners", headers=headers, at=at)


async def test_whoever_is_invited_gets_one_mail_however_often_the_record_comes(service: Service) -> None:
    await service.handlers.on_partners([invitation()])
    await service.handlers.on_partners([invitation(), invitation()])
    assert service.mails() == [("invitation", "ken@hoshi.example")]


async def test_a_replayed_partner_is_learned_and_invites_nobody(service: Service) -> None:
    await service.handlers.on_partners([invitation(headers=((REPLAY_HEADER, b"1"),))])
    assert await service.teams.of([PARTNER_ID], NOW) == {PARTNER_ID: TEAM}
    assert service.mails() == []


CREATED = JobCreated(
    request_id=REQUEST_ID, partner_id=PARTNER_ID, details=details(), reply_window_seconds=1, remind_before_seconds=()
)
YEAR = timedelta(days=400)


def a_new_job(in_the_log: datetime = NOW, happened: datetime | None = None) -> Received:
    event = an_event(CREATED, a_job(), at=happened or in_the_log)
    return received(event, topic="jobs.events", at=in_the_log)


async def test_a_topic_that_is_read_again_from_its_start_mails_nobody_about_last_years_jobs(service: Service) -> None:
    """Offsets that are lost say nothing of a replay; and the address has changed since, so it would be a new mail."""
    await service.teams.learn([a_partner_as_it_is(a_member("Aiko"))])
    await service.handlers.on_jobs([a_new_job()])
    assert service.mails() == [("new_job", "aiko@hoshi.example")]
    await service.teams.learn([a_partner_as_it_is(a_member("Aiko", email="aiko@elsewhere.example"), version=2)])
    service.clock.move(YEAR)
    await service.handlers.on_jobs([a_new_job()])
    assert service.mails() == [("new_job", "aiko@hoshi.example")]
    assert service.metrics.old_records.labels("jobs.events")._value.get() == 1


@pytest.mark.parametrize(
    ("age_in_the_log", "age", "mailed"),
    [(timedelta(days=5), timedelta(days=5), True), (YEAR, timedelta(0), False), (timedelta(0), YEAR, False)],
    ids=["of the long weekend", "old in the log", "copied into a new log"],
)
async def test_what_counts_is_the_older_of_the_two_times(
    service: Service, age_in_the_log: timedelta, age: timedelta, *, mailed: bool
) -> None:
    await service.teams.learn([a_partner_as_it_is(a_member("Aiko"))])
    await service.handlers.on_jobs([a_new_job(NOW - age_in_the_log, NOW - age)])
    assert bool(service.mails()) is mailed


async def test_an_old_record_is_learned_all_the_same(service: Service) -> None:
    await service.handlers.on_jobs([a_new_job(NOW - YEAR)])
    assert set(service.database["jobs"].documents) == {a_job().job_id}


async def test_every_topic_passes_over_what_is_old(service: Service) -> None:
    """Also a partner that nobody knows any more is waited for only by what somebody is told of."""
    old = NOW - YEAR
    request, match = a_request(), a_match(matched(asked()), asked())
    submitted = an_event(RequestSubmitted(details=details()), request, subject=request.request_id)
    wanted = SignInRequested(email="mia@kettle.example", name="Mia", locale=Locale.EN)
    await service.handlers.on_requests([received(submitted, topic="requests", at=old)])
    await service.handlers.on_leads([received(delivered(), topic="leads.events", at=old)])
    await service.handlers.on_matches([received(match, topic="matches", at=old)])
    await service.handlers.on_sign_ins([received(a_command(wanted), topic="sign-ins", at=old)])
    await service.handlers.on_partners([invitation(at=old)])
    assert service.mails() == []


def a_partner_as_it_is(*members: Member, version: int = 1) -> Received:
    partner = a_partner(members=members, version=version)
    fact = PartnerChanged(profile=partner.profile)
    return received(an_event(fact, partner, subject=PARTNER_ID), topic="partners")
