"""Every way in which sending a mail can end, against a real SMTP server that answers as the test says."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from services.notifications.compose import Composer
from services.notifications.current import Current
from services.notifications.envelope import Mail
from services.notifications.kinds import KINDS
from services.notifications.mail import mail_for_sign_in, mails_for_job
from services.notifications.outbox import LEASE_SECONDS, Outbox
from services.notifications.recipients import Recipient
from services.notifications.refusals import Refusals
from services.notifications.relay import LONGEST, Breaker, Relay, state_of
from services.notifications.sender import Desk, Sender, retry_delay
from services.notifications.teams import Teams
from services.notifications.teller import Teller
from shared.contracts.base import ActorKind, Locale, derived_id
from shared.contracts.choices import MailChoiceChanged, MailKind, choice_id_of
from shared.contracts.mails import MailFailed, MailSent, MailUncertain
from shared.contracts.partners import SignInRequested
from shared.links import Links
from shared.metrics import Metrics
from shared.records import Received
from shared.settings import Settings
from shared.topics import MAILS
from tests.builders import MERCHANT_EMAIL, a_command, a_job, a_partner, an_event, received, replied
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

HANG_UP = "hang up"
OK = "250 OK"
LONG = timedelta(days=1)
REVIEW_REQUEST = {
    "recipient_name": "Mia",
    "partner_name": "Studio Hoshi",
    "title": "Spring launch",
    "service_name": "SEO",
    "asked": True,
}
Answer = str | Callable[[], Awaitable[str]]


class Server:
    """Takes every mail, unless it has been told to answer otherwise: each answer is given once."""

    def __init__(self) -> None:
        self.port = 0
        self.answers: dict[str, list[Answer]] = {}
        self.taken: list[UUID] = []
        """The mails whose last byte arrived, whatever was answered."""
        self.recipients: list[str] = []
        self.knows_password = True

    def answer(self, verb: str, *answers: Answer) -> None:
        self.answers[verb] = list(answers)

    async def handle_MAIL(self, server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        envelope.mail_from = address
        return await self._answer("MAIL", server)

    async def handle_RCPT(self, server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802 - as above
        answer = await self._answer("RCPT", server)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        self.recipients.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.taken.append(mail_id(envelope.content))
        return await self._answer("DATA", server)

    def authenticate(self, *_: Any) -> AuthResult:
        return AuthResult(success=self.knows_password, handled=False)

    async def _answer(self, verb: str, server: SMTP) -> str:
        waiting = self.answers.get(verb)
        answer = waiting.pop(0) if waiting else OK
        if callable(answer):
            return await answer()
        if answer == HANG_UP:
            server.transport.abort()
        return answer


def mail_id(content: bytes) -> UUID:
    return UUID(message_from_bytes(content)["Message-ID"][1:].partition("@")[0])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    told = Server()

    def protocol() -> SMTP:
        return SMTP(told, hostname="mx.example", authenticator=told.authenticate, auth_require_tls=False)

    listening = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    told.port = listening.sockets[0].getsockname()[1]
    yield told
    listening.close()


class Office:
    """The outbox and its workers, over a database in memory."""

    def __init__(self, port: int, *, credentials: str = "") -> None:
        self.clock = ManualClock()
        self.stopping = asyncio.Event()
        self.database = MemoryDatabase(self.clock.now)
        self.outbox = Outbox(self.database)
        self.refusals = Refusals(self.database)
        self.current = Current(self.database, Teams(self.database))
        self.metrics = Metrics("tests")
        settings = Settings(secret_keys="the-key-of-the-tests")
        self._composer = Composer(settings, Links(settings))
        self._relay = Relay(f"smtp://{credentials}127.0.0.1:{port}")

    def worker(self) -> Sender:
        desk = Desk(
            self.outbox,
            self.current,
            self.refusals,
            self._composer,
            self._relay,
            self.clock,
            self.metrics,
            self.stopping,
        )
        return Sender(desk, self.breaker())

    def breaker(self) -> Breaker:
        return Breaker(self.database["relay"], self.metrics)

    async def the_pause_is_over(self) -> None:
        """And the workers look again."""
        self.clock.move(timedelta(seconds=LONGEST + 1))
        await self.worker().tick()

    async def queue(self, *mails: Mail) -> None:
        """The first is sent first."""
        for number, mail in enumerate(mails):
            await self.outbox.queue([mail], self.clock.now() - timedelta(minutes=len(mails) - number))

    async def send(self, *mails: Mail) -> list[str]:
        """Queue these, let a worker send what is due, and look what became of them."""
        await self.queue(*mails)
        await self.worker().tick()
        return [self.state(mail) for mail in mails]

    def state(self, mail: Mail) -> str:
        return self.document(mail)["state"]

    def document(self, mail: Mail) -> dict[str, Any]:
        return self.database["mails"].documents[mail.id]

    async def told(self) -> list[Any]:
        log = MemoryLog(self.clock)
        await Teller(self.outbox, MemoryPublisher(log), self.clock).tick()
        return [MAILS.codec.decode(raw.value).data for raw in log.records(MAILS.name)]


@pytest.fixture
def office(server: Server) -> Office:
    return Office(server.port)


def a_mail(number: int = 0, to: str = MERCHANT_EMAIL) -> Mail:
    event = an_event(replied(), a_job(), event_id=derived_id("event of a mail", number))
    (mail,) = mails_for_job(event, a_partner())
    return mail._replace(recipient=Recipient(to, "Mia", Locale.EN))


def a_sign_in(number: int, to: str = MERCHANT_EMAIL) -> Mail:
    asked = SignInRequested(email=to, name="Mia", locale=Locale.EN)
    return mail_for_sign_in(a_command(asked, command_id=derived_id("sign-in", number)), 30)


async def test_a_mail_that_is_taken_is_sent_and_told(server: Server, office: Office) -> None:
    assert await office.send(a_mail()) == ["sent"]
    assert (server.taken, server.recipients) == ([a_mail().id], [MERCHANT_EMAIL])
    (told,) = await office.told()
    assert isinstance(told, MailSent)
    await office.worker().tick()
    assert server.taken == [a_mail().id]


async def comes_again(server: Server, office: Office, *, attempts: int) -> None:
    """It is queued, not before its time, and sent when that has come."""
    document = office.document(a_mail())
    assert (document["state"], document["attempts"]) == ("queued", attempts)
    assert await office.told() == []
    before = len(server.taken)
    await office.worker().tick()
    assert len(server.taken) == before, "It was tried again at once."
    office.clock.move(LONG)
    await office.worker().tick()
    assert office.state(a_mail()) == "sent"
    assert server.taken[before:] == [a_mail().id]


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("RCPT", "451 4.7.1 Greylisted, try again later"),
        ("RCPT", "452 4.2.2 The mailbox is full"),
        ("DATA", "451 4.3.0 Not now"),
    ],
)
async def test_what_the_recipients_server_puts_off_comes_again_later(
    server: Server, office: Office, verb: str, answer: str
) -> None:
    server.answer(verb, answer)
    assert await office.send(a_mail()) == ["queued"]
    await comes_again(server, office, attempts=1)


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("RCPT", "554 5.7.1 Relay access denied"),
        ("RCPT", "530 5.7.0 Authentication required"),
        ("RCPT", "550 5.7.26 Not authenticated"),
        ("DATA", "550 5.7.1 Your IP is on a block list"),
        ("MAIL", "421 4.3.2 Shutting down"),
        ("MAIL", "451 4.3.0 Not now"),
        ("MAIL", "554 5.7.1 This client is blocked"),
        ("MAIL", "530 5.7.0 Authentication required"),
        ("MAIL", HANG_UP),
        ("RCPT", HANG_UP),
    ],
)
async def test_what_is_said_of_us_costs_no_mail_an_attempt_and_all_wait(
    server: Server, office: Office, verb: str, answer: str
) -> None:
    server.answer(verb, answer)
    assert await office.send(a_mail(), a_mail(1)) == ["queued", "queued"]
    await office.the_pause_is_over()
    assert office.state(a_mail(1)) == "sent"
    assert await office.refusals.suppressed() == []
    office.clock.move(LONG)
    await office.worker().tick()
    assert (office.state(a_mail()), office.document(a_mail())["attempts"]) == ("sent", 1)


@pytest.mark.parametrize(
    ("verb", "answer"), [("RCPT", "550 5.1.1 Nobody by that name"), ("DATA", "554 5.6.0 We do not like it")]
)
async def test_what_is_refused_for_good_has_failed_and_the_next_one_goes(
    server: Server, office: Office, verb: str, answer: str
) -> None:
    server.answer(verb, answer)
    assert await office.send(a_mail(), a_mail(1, to="max@kettle.example")) == ["failed", "sent"]
    failed, sent = sorted(await office.told(), key=lambda told: isinstance(told, MailSent))
    assert isinstance(failed, MailFailed)
    assert isinstance(sent, MailSent)
    assert answer[10:] in failed.error
    office.clock.move(LONG)
    await office.worker().tick()
    assert office.state(a_mail()) == "failed"


async def test_a_wrong_password_costs_no_mail(server: Server) -> None:
    office = Office(server.port, credentials="jobwire:wr%40ng@")
    server.knows_password = False
    assert await office.send(a_mail()) == ["queued"]
    assert "535" in (await state_of(office.database["relay"]))["error"]
    server.knows_password = True
    await comes_again(server, office, attempts=0)


async def test_a_server_that_is_not_there_costs_no_mail(server: Server, office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    office._relay = Relay(f"smtp://127.0.0.1:{port}")
    assert await office.send(a_mail()) == ["queued"]
    office._relay = Relay(f"smtp://127.0.0.1:{server.port}")
    await comes_again(server, office, attempts=0)


async def test_a_mail_whose_last_byte_may_have_arrived_is_uncertain_and_never_sent_again(
    server: Server, office: Office
) -> None:
    server.answer("DATA", HANG_UP)
    assert await office.send(a_mail(), a_mail(1)) == ["uncertain", "queued"]
    office.clock.move(LONG)
    await office.worker().tick()
    assert server.taken == [a_mail().id, a_mail(1).id]
    assert {type(told) for told in await office.told()} == {MailUncertain, MailSent}


@pytest.mark.parametrize(
    "address",
    ["mia@", "", "mia@kettle.example, eve@kettle.example", "jürgen@kettle.example", "mia@kettle.example\nBcc: x"],
)
async def test_an_address_that_is_none_costs_its_own_mail_only(server: Server, office: Office, address: str) -> None:
    assert await office.send(a_mail(to=address), a_mail(1)) == ["failed", "sent"]
    assert server.recipients == [MERCHANT_EMAIL]


async def test_a_mail_that_cannot_be_written_costs_itself_only(server: Server, office: Office) -> None:
    assert await office.send(a_mail()._replace(template="no_such"), a_mail(1)) == ["failed", "sent"]
    assert server.taken == [a_mail(1).id]


async def test_a_worker_that_is_asked_to_stop_ends_between_two_mails(server: Server, office: Office) -> None:
    async def sigterm() -> str:
        office.stopping.set()
        return OK

    server.answer("DATA", sigterm)
    assert await office.send(a_mail(), a_mail(1)) == ["sent", "queued"]
    assert server.taken == [a_mail().id]


async def test_two_workers_send_no_mail_twice(server: Server, office: Office) -> None:
    mails = [a_mail(number) for number in range(12)]
    await office.queue(*mails)
    await asyncio.gather(*[office.worker().tick() for _ in range(2)])
    assert sorted(server.taken) == sorted(mail.id for mail in mails)
    assert {office.state(mail) for mail in mails} == {"sent"}


async def test_a_worker_that_was_too_slow_leaves_its_mail_to_the_one_that_has_taken_it(
    server: Server, office: Office
) -> None:
    async def slowly() -> str:
        office.clock.move(timedelta(seconds=LEASE_SECONDS + 1))
        await office.worker().tick()
        return OK

    server.answer("RCPT", slowly)
    assert await office.send(a_mail()) == ["sent"]
    assert server.taken == [a_mail().id]
    assert office.document(a_mail())["attempts"] == 1


async def test_a_worker_that_dies_while_sending_leaves_an_uncertain_mail(server: Server, office: Office) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def forever() -> str:
        reached.set()
        await never.wait()
        return OK

    server.answer("DATA", forever)
    await office.queue(a_mail())
    dying = asyncio.create_task(office.worker().tick())
    await reached.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert office.state(a_mail()) == "sending"
    office.clock.move(LONG)
    await office.worker().tick()
    (told,) = await office.told()
    never.set()
    assert isinstance(told, MailUncertain)
    assert server.taken == [a_mail().id]


ANOTHER = "max@kettle.example"


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.1.1 Nobody by that name",
        "550 No such user",
        "551 User not local",
        "553 5.1.3 Bad address",
        "554 5.1.10 Null MX",
    ],
)
async def test_an_address_at_which_nobody_is_costs_one_connection_and_no_more(
    server: Server, office: Office, answer: str
) -> None:
    server.answer("RCPT", answer)
    assert await office.send(a_mail(), a_mail(1, to=ANOTHER)) == ["failed", "sent"]
    assert await office.send(a_mail(2), a_mail(3, to=MERCHANT_EMAIL.upper())) == ["failed", "failed"]
    assert {office.document(a_mail(number))["error"] for number in (2, 3)} == {"suppressed"}
    assert server.recipients == [MERCHANT_EMAIL, ANOTHER]
    (suppressed,) = await office.refusals.suppressed()
    assert (suppressed["_id"], suppressed["at"]) == (MERCHANT_EMAIL, office.clock.now())
    assert answer[4:] in suppressed["error"]
    errors = {told.error for told in await office.told() if isinstance(told, MailFailed)}
    assert "suppressed" in errors


@pytest.mark.parametrize(
    "answer",
    ["552 5.2.2 Full", "550 5.2.2 Full", "450 Later", "550 5.2.1 Inactive", "554 5.6.0 Malformed", "550 Refused"],
)
async def test_what_is_no_judgement_on_the_address_suppresses_nothing(
    server: Server, office: Office, answer: str
) -> None:
    server.answer("RCPT", answer)
    await office.send(a_mail())
    assert await office.refusals.suppressed() == []
    assert await office.send(a_mail(1)) == ["sent"]


async def test_a_link_to_sign_in_is_tried_again_after_a_day_and_what_arrives_ends_the_suppression(
    server: Server, office: Office
) -> None:
    server.answer("RCPT", "550 5.1.1 Nobody by that name")
    await office.send(a_mail())
    assert await office.send(a_sign_in(1)) == ["failed"]
    office.clock.move(timedelta(hours=24))
    assert await office.send(a_mail(2)) == ["failed"]
    assert await office.send(a_sign_in(3), a_mail(4)) == ["sent", "sent"]
    assert await office.refusals.suppressed() == []


async def test_an_address_that_is_forgotten_gets_mails_again(server: Server, office: Office) -> None:
    server.answer("RCPT", "550 5.1.1 Nobody by that name")
    await office.send(a_mail())
    assert await office.refusals.forget(MERCHANT_EMAIL.upper())
    assert not await office.refusals.forget(MERCHANT_EMAIL)
    assert await office.send(a_mail(1)) == ["sent"]


def chose(kind: MailKind, *, wanted: bool, at: datetime, email: str = MERCHANT_EMAIL) -> Received:
    data = MailChoiceChanged(email=email, topic=kind, wanted=wanted)
    return received(a_command(data, choice_id_of(email, kind), at=at), topic="mail-choices", at=at)


async def test_what_an_address_does_not_want_is_not_sent_until_it_wants_it_again(
    server: Server, office: Office
) -> None:
    review, now = a_mail()._replace(template="review_request", values=REVIEW_REQUEST), office.clock.now()
    later = now + timedelta(seconds=1)
    no, yes = (chose(MailKind.REVIEW_REQUESTS, wanted=wanted, at=at) for wanted, at in ((False, now), (True, later)))
    await office.refusals.learn([no])
    assert await office.send(review, a_mail(1)) == ["failed", "sent"]
    assert office.document(review)["error"] == "unsubscribed"
    await office.refusals.learn([yes])
    await office.refusals.learn([no])  # an old record that comes again changes nothing
    assert await office.send(review._replace(id=derived_id("another"))) == ["sent"]


@pytest.mark.parametrize("template", sorted(KINDS))
async def test_only_what_may_be_refused_can_be(office: Office, template: str) -> None:
    now = office.clock.now()
    await office.refusals.learn([chose(kind, wanted=False, at=now) for kind in MailKind])
    reason = await office.refusals.reason(a_mail()._replace(template=template), now)
    must_come = {
        "sign_in", "new_job", "lead", "lead_matched", "unmatched", "partner_replied",
        "access_asked", "access_step", "job_declined", "expired", "assigned", "job_stopped", "lead_stopped",
        "request_stopped", "review_taken_down", "lead_review_taken_down", "account",
        "organisation_approved", "organisation_suspended", "partner_gone",
    }  # fmt: skip
    assert reason == ("" if template in must_come else "unsubscribed")


async def test_an_uncertain_mail_goes_out_again_by_a_persons_word_alone(server: Server, office: Office) -> None:
    server.answer("DATA", HANG_UP)
    assert await office.send(a_mail(), a_mail(1)) == ["uncertain", "queued"]
    await office.the_pause_is_over()
    assert len(await office.told()) == 2
    (uncertain,) = await office.outbox.uncertain()
    assert await office.outbox.again([uncertain["_id"], a_mail(1).id], office.clock.now()) == 1
    await office.worker().tick()
    assert office.state(a_mail()) == "sent"
    assert server.taken == [a_mail().id, a_mail(1).id, a_mail().id]
    (told,) = await office.told()
    assert isinstance(told, MailSent)


async def test_what_is_told_says_which_side_the_mail_was_for(server: Server, office: Office) -> None:
    await office.send(a_mail(), a_sign_in(1))
    assert {told.template: told.side for told in await office.told()} == {
        "partner_replied": ActorKind.MERCHANT,
        "sign_in": None,
    }


def test_trying_again_slows_down_and_ends_after_three_days() -> None:
    delays = [retry_delay(attempts) for attempts in range(500)]
    tried = [delay for delay in delays if delay is not None]
    assert delays[:3] == [timedelta(seconds=seconds) for seconds in (5, 10, 20)]
    assert max(tried) == timedelta(minutes=10)
    assert timedelta(days=3) < sum(tried, timedelta()) <= timedelta(days=3, minutes=10)
    assert delays[len(tried) :] == [None] * (500 - len(tried))
