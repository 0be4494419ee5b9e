"""A mail server that is away, or that refuses us, is nobody's fault: all wait, one tries, and no mail pays for it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiosmtplib import SMTPConnectError, SMTPServerDisconnected
from aiosmtplib.errors import SMTPAuthenticationError, SMTPRecipientRefused

from services.notifications.envelope import Mail
from services.notifications.kinds import Subject
from services.notifications.mail import mails_for_job
from services.notifications.relay import LONGEST, PROBE_SECONDS, SHORTEST, pause_after, state_of
from shared.contracts.base import derived_id
from shared.contracts.jobs import Job, JobCreated, JobExpired, JobReminded, MerchantReplied, Status
from tests.builders import BY_MERCHANT, HOUR, NOW, PARTNER_ID, REQUEST_ID, a_job, a_partner, an_event, details, received
from tests.notifications.test_sender import Office, a_mail

WEEKEND = 62 * HOUR
SECOND = timedelta(seconds=1)


class FakeServer:
    """An SMTP server as the sender sees one, by each of its answers. `fails` raises for the addresses it is told."""

    def __init__(self) -> None:
        self.away: Exception | None = None
        self.refuses: dict[str, Exception] = {}
        self.connections = 0
        self.tried: list[str] = []
        self.taken: list[str] = []
        self.is_connected = False

    async def connect(self) -> None:
        self.connections += 1
        if self.away is not None:
            raise self.away
        self.is_connected = True

    def close(self) -> None:
        self.is_connected = False

    async def ehlo(self) -> None: ...

    async def mail(self, sender: str) -> None: ...

    async def rcpt(self, recipient: str) -> None:
        self.tried.append(recipient)
        await asyncio.sleep(0)
        if refusal := self.refuses.get(recipient):
            raise refusal

    async def data(self, message: bytes, **_: Any) -> None:
        self.taken.append(self.tried[-1])


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def office(server: FakeServer) -> Office:
    office = Office(0)
    office._relay = type("Relay", (), {"connection": lambda _: server})()
    return office


def to(number: int) -> str:
    return f"mia{number}@kettle.example"


def refused_by(code: int, text: str) -> SMTPRecipientRefused:
    return SMTPRecipientRefused(code, text, "somebody")


DENIED = refused_by(554, "5.7.1 Relay access denied")
NOT_THERE = SMTPConnectError("refused")


async def work(office: Office, workers: int = 4) -> None:
    await asyncio.gather(*[office.worker().tick() for _ in range(workers)])


def attempts(office: Office) -> set[int]:
    return {mail["attempts"] for mail in office.database["mails"].documents.values()}


async def test_while_the_server_is_away_one_mail_tries_at_a_time_and_more_and_more_seldom(
    server: FakeServer, office: Office
) -> None:
    server.away = NOT_THERE
    await office.queue(*[a_mail(number, to(number)) for number in range(20)])
    start = office.clock.now()
    while office.clock.now() - start < HOUR:
        await work(office)
        office.clock.move(5 * SECOND)
    # 4 at once before anybody knew; then doubling from a second to five minutes, each with its jitter.
    assert 4 <= server.connections <= 4 + 9 + 2 * 3600 / LONGEST
    assert attempts(office) == {0}
    server.away = None
    office.clock.move(timedelta(seconds=LONGEST))
    await work(office)
    await work(office)
    assert len(server.taken) == 20
    assert await state_of(office.database["relay"]) is None


@pytest.mark.parametrize(
    "away",
    [NOT_THERE, SMTPAuthenticationError(535, "5.7.8 Bad credentials"), TimeoutError(), OSError("no route to host")],
    ids=["connection", "login", "timeout", "network"],
)
async def test_no_session_no_mails_fault(server: FakeServer, office: Office, away: Exception) -> None:
    server.away = away
    assert await office.send(a_mail()) == ["queued"]
    document = office.document(a_mail())
    assert (document["attempts"], document.get("held", 0)) == (0, 0)
    assert document["next_at"] <= office.clock.now(), "It keeps its place."


async def test_all_workers_of_all_replicas_wait_for_one(server: FakeServer, office: Office) -> None:
    server.away = NOT_THERE
    await office.queue(*[a_mail(number, to(number)) for number in range(9)])
    await office.worker().tick()
    office.clock.move(timedelta(seconds=SHORTEST + 0.1))
    before = server.connections
    await work(office, workers=8)
    assert server.connections == before + 1


async def test_a_replica_that_dies_while_it_tries_is_not_waited_for_for_ever(
    server: FakeServer, office: Office
) -> None:
    server.away = NOT_THERE
    await office.send(a_mail())
    server.away = None
    office.clock.move(timedelta(seconds=LONGEST))
    await office.breaker().way()  # it may try, and is never heard of again
    await work(office)
    assert server.taken == []
    office.clock.move(timedelta(seconds=PROBE_SECONDS + 1))
    await work(office)
    assert len(server.taken) == 1


async def test_one_address_that_breaks_the_connection_does_not_hold_up_the_others(
    server: FakeServer, office: Office
) -> None:
    server.refuses[to(0)] = SMTPServerDisconnected("gone")
    await office.queue(*[a_mail(number, to(number)) for number in range(6)])
    for _ in range(5):
        await work(office)
        office.clock.move(2 * SECOND)
    assert sorted(server.taken) == [to(number) for number in range(1, 6)]


async def test_a_mail_that_is_always_refused_while_others_are_taken_fails_after_three_days(
    server: FakeServer, office: Office
) -> None:
    server.refuses[to(0)] = refused_by(550, "5.7.1 Your IP is blocked")
    mail = a_mail(0, to(0))
    await office.queue(mail)
    number = 0
    while office.state(mail) == "queued":
        number += 1
        await office.queue(a_mail(number, to(number)))
        for _ in range(2):  # it is tried, and somebody else's mail after it
            office.clock.move(HOUR)
            await work(office, workers=1)
        assert number < 12 * 7
    assert office.state(mail) == "failed"
    assert office.clock.now() - NOW > timedelta(days=3)
    assert len(server.taken) >= number - 1
    assert await office.refusals.suppressed() == []


async def test_a_mail_that_is_refused_for_months_because_nobodys_is_taken_never_fails(
    server: FakeServer, office: Office
) -> None:
    server.refuses = {to(number): DENIED for number in range(3)}
    mails = [a_mail(number, to(number)) for number in range(3)]
    await office.queue(*mails)
    for _ in range(2 * 60):
        office.clock.move(12 * HOUR)
        await work(office, workers=1)
    assert {office.state(mail) for mail in mails} == {"queued"}
    server.refuses = {}
    for _ in range(3):
        office.clock.move(HOUR)
        await work(office)
    assert sorted(server.taken) == [to(number) for number in range(3)]


async def test_operators_see_that_nothing_is_sent_and_why(server: FakeServer, office: Office) -> None:
    server.refuses[to(0)] = DENIED
    await office.send(a_mail(0, to(0)))
    state = await state_of(office.database["relay"])
    assert state is not None
    assert (state["failures"], state["error"], state["since"]) == (1, "554 5.7.1 Relay access denied", NOW)
    assert office.metrics.relay_paused._value.get() == 1
    assert office.metrics.relay_answers.labels("us")._value.get() == 1
    server.refuses = {}
    office.clock.move(timedelta(minutes=1))
    await work(office)
    assert office.metrics.relay_paused._value.get() == 0


async def test_a_server_that_takes_so_many_in_one_session_is_not_away(server: FakeServer, office: Office) -> None:
    """It hangs up between two mails: the session is begun anew, and nobody waits."""

    async def ended() -> None:
        if server.taken and len(server.taken) % 3 == 0 and server.connections <= len(server.taken) // 3:
            raise SMTPServerDisconnected("421 so many and no more")

    server.ehlo = ended  # type: ignore[method-assign]
    assert await office.send(*[a_mail(number, to(number)) for number in range(8)]) == ["sent"] * 8
    assert server.connections == 3


def test_a_pause_doubles_to_five_minutes_and_no_two_are_alike() -> None:
    for failures in range(1, 40):
        longest = min(SHORTEST * 2 ** (failures - 1), LONGEST)
        assert longest / 2 <= pause_after(failures) <= longest
    assert len({pause_after(20) for _ in range(20)}) > 10


CREATED = JobCreated(
    request_id=REQUEST_ID, partner_id=PARTNER_ID, details=details(), reply_window_seconds=1, remind_before_seconds=()
)
REMINDED = JobReminded(due_at=NOW)
WROTE = MerchantReplied(text="When?", actor=BY_MERCHANT)


async def test_a_weekend_without_a_mail_server(server: FakeServer, office: Office) -> None:
    """Every mail that still makes sense is sent once, what is late is not sent, and none has failed."""
    await office.queue(a_mail(999, "before@kettle.example"))
    await work(office)
    server.away = NOT_THERE
    friday = office.clock.now()
    wanted: dict[str, set[Any]] = {"sent": set(), "dropped": set()}
    hour = 0
    while office.clock.now() - friday < WEEKEND:
        if office.clock.now() - friday >= hour * HOUR:
            for mail, state in happens(hour, office.clock.now()):
                await office.outbox.queue([mail], office.clock.now())
                wanted[state].add(mail.id)
            hour += 1
        await work(office)
        office.clock.move(timedelta(minutes=43))
    for number in range(hour):
        await meanwhile(office, number, friday + number * HOUR)
    assert server.taken == ["before@kettle.example"]
    assert attempts(office) == {0, 1}, "Only the mail before the weekend has been tried."
    server.away = None
    office.clock.move(timedelta(seconds=LONGEST))
    for _ in range(3):
        await work(office)
    ends = {state: set() for state in ("sent", "dropped", "failed", "queued", "uncertain")}
    for mail_id, document in office.database["mails"].documents.items():
        ends[document["state"]].add(mail_id)
    ends["sent"] -= {a_mail(999).id}
    assert ends == {**wanted, "failed": set(), "queued": set(), "uncertain": set()}
    assert len(server.taken) == len(set(server.taken)) == 1 + len(wanted["sent"])


def happens(hour: int, at: datetime) -> list[tuple[Mail, str]]:
    """What is wanted in one hour, and what must become of it."""
    events = [
        (0, CREATED, "sent"),  # a new job that still is one on Monday
        (1, CREATED, "dropped"),  # one that has been withdrawn by then
        (2, REMINDED, "dropped"),  # a reminder of a job that was answered elsewhere
        (3, WROTE, "sent"),  # a message
    ]
    return [(_mail(hour, which, fact, at), state) for which, fact, state in events]


def _job(hour: int, which: int, at: datetime) -> Job:
    job = a_job(Status.NEW)
    fields = {"job_id": derived_id("job", hour, which), "deadline": at + 72 * HOUR}
    return job.model_copy(update=fields)


def _mail(hour: int, which: int, fact: Any, at: datetime) -> Mail:
    job = _job(hour, which, at)
    event = an_event(fact, job, subject=job.job_id, event_id=derived_id("event", hour, which), at=at)
    (mail,) = mails_for_job(event, a_partner(notification_email=f"desk{hour}-{which}@hoshi.example", members=()))
    return mail


async def meanwhile(office: Office, hour: int, at: datetime) -> None:
    """What the weekend has made of these jobs."""
    became = {0: Status.OPENED, 1: Status.DECLINED, 2: Status.REPLIED, 3: Status.AWAITING_REPLY}
    jobs = [_job(hour, which, at).model_copy(update={"status": of, "version": 7}) for which, of in became.items()]
    events = [received(an_event(JobExpired(), job, subject=job.job_id), topic="jobs.events") for job in jobs]
    await office.current.learn(Subject.JOB, events)
