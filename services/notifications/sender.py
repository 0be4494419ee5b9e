"""The workers that send. One recipient per SMTP transaction, and a plain word for each way it can end."""

import asyncio
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPResponseException
from aiosmtplib.errors import SMTPDataError, SMTPRecipientRefused
from jinja2 import TemplateError

from services.notifications.compose import Composer
from services.notifications.kinds import kind_of
from services.notifications.outbox import FINAL_DOT_SECONDS, GIVE_UP_AFTER, Claim, Outbox
from services.notifications.refusals import Refusals
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Message
from shared.contracts.mails import MailFailed, MailSent, MailUncertain
from shared.logs import bound_contextvars, get_logger
from shared.metrics import Metrics
from shared.mongo import Document
from shared.publisher import Publisher, outgoing
from shared.topics import MAILS

log = get_logger(__name__)

AWAY = (SMTPException, OSError, TimeoutError)
NOT_A_MAIL = (ValueError, LookupError, AttributeError, TypeError, TemplateError)


class Relay:
    """The SMTP server that the settings name."""

    def __init__(self, smtp_url: str) -> None:
        url = urlsplit(smtp_url)
        self._options: dict[str, Any] = {
            "hostname": url.hostname or "127.0.0.1",
            "port": url.port or (465 if url.scheme == "smtps" else 25),
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            "timeout": 30,
        }

    def connection(self) -> SMTP:
        return SMTP(**self._options)


class Sender:
    """Sends what is due until nothing is, or the process is stopping, then returns."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts, named
        self,
        outbox: Outbox,
        composer: Composer,
        relay: Relay,
        refusals: Refusals,
        clock: Clock,
        metrics: Metrics,
        stopping: asyncio.Event,
    ) -> None:
        self._outbox = outbox
        self._composer = composer
        self._relay = relay
        self._refusals = refusals
        self._clock = clock
        self._metrics = metrics
        self._stopping = stopping

    async def tick(self) -> None:
        claim = await self._outbox.claim(self._clock.now())
        if claim is None:
            return
        connection = self._relay.connection()
        try:
            while claim is not None:
                with bound_contextvars(correlation_id=str(claim.mail.correlation_id)):
                    await self._send(connection, claim)
                claim = None if self._stopping.is_set() else await self._outbox.claim(self._clock.now())
        finally:
            connection.close()

    async def _send(self, connection: SMTP, claim: Claim) -> None:
        if reason := await self._refusals.reason(claim.mail, self._clock.now()):
            await self._end(claim, "failed", reason)
            return
        try:
            message = self._composer.compose(claim.mail, self._clock.now())
        except NOT_A_MAIL as error:
            # Trying again would not help, and a mail that cannot be written must not stop those behind it.
            log.exception("mail_not_composed", mail_id=str(claim.mail.id), template=claim.mail.template, exc_info=error)
            await self._end(claim, "failed", f"{type(error).__name__}: {error}")
            return
        try:
            await self._until_data(connection, message)
        except (SMTPRecipientRefused, UnicodeError) as refusal:
            if _is_about_us(refusal):
                connection.close()
                await self._later(claim, str(refusal))
            else:
                await self._refused(claim, refusal)
                if _is_nobody(refusal):
                    await self._refusals.suppress(claim.mail.recipient.email, str(refusal), self._clock.now())
            return
        except AWAY as error:
            # What the server says of the session (a password, say) is no judgement on this mail.
            connection.close()
            await self._later(claim, f"{type(error).__name__}: {error}")
            return
        if not await self._outbox.begin(claim):
            connection.close()  # another worker has it; the transaction is dropped with the connection
            return
        await self._data(connection, claim, message)

    async def _until_data(self, connection: SMTP, message: EmailMessage) -> None:
        """Everything before the message itself: whatever fails here has certainly not delivered it."""
        if not connection.is_connected:
            await connection.connect()
        await connection.ehlo()
        await connection.mail(message["From"].addresses[0].addr_spec)
        await connection.rcpt(message["To"].addresses[0].addr_spec)

    async def _data(self, connection: SMTP, claim: Claim, message: EmailMessage) -> None:
        try:
            await connection.data(message.as_bytes(), timeout=FINAL_DOT_SECONDS)
        except SMTPDataError as refusal:
            await self._refused(claim, refusal)
        except AWAY as error:
            connection.close()
            await self._end(claim, "uncertain", f"{type(error).__name__}: {error}")
        else:
            await self._end(claim, "sent")
            if kind_of(claim.mail.template).insists:
                await self._refusals.forget(claim.mail.recipient.email)

    async def _refused(self, claim: Claim, refusal: Exception) -> None:
        """4xx: the server says to come again. Anything else: never."""
        if isinstance(refusal, SMTPResponseException) and 400 <= refusal.code < 500:
            await self._later(claim, str(refusal))
        else:
            await self._end(claim, "failed", str(refusal))

    async def _later(self, claim: Claim, error: str) -> None:
        delay = retry_delay(claim.attempts)
        if delay is None:
            await self._end(claim, "failed", error)
            return
        mail = claim.mail
        log.warning(
            "mail_retried", mail_id=str(mail.id), template=mail.template, attempts=claim.attempts + 1, error=error
        )
        self._metrics.mails.labels(mail.template, "retried").inc()
        await self._outbox.retry(claim, self._clock.now() + delay, error)

    async def _end(self, claim: Claim, state: str, error: str = "") -> None:
        mail = claim.mail
        log.info("mail_ended", mail_id=str(mail.id), template=mail.template, state=state, error=error)
        self._metrics.mails.labels(mail.template, state).inc()
        await self._outbox.end(claim, state, self._clock.now(), error)


def _is_about_us(refusal: Exception) -> bool:
    """Whether the server refuses the session and not the recipient: many say only now that we may not relay or have not
    signed in (530, 535, and the enhanced codes 5.7.x of RFC 3463, security and policy).
    """
    if not isinstance(refusal, SMTPResponseException):
        return False
    return refusal.code in (530, 535) or refusal.message.lstrip().startswith("5.7.")


def _is_nobody(refusal: Exception) -> bool:
    """Whether the server says that there is no such mailbox: 550, 551 and 553, or an enhanced code 5.1.x. A mailbox
    that is full (5.2.2, 5.2.3) or a system in trouble (5.3.x) says nothing of tomorrow.
    """
    if not isinstance(refusal, SMTPResponseException) or refusal.code < 500:
        return False
    enhanced = refusal.message.lstrip()
    if enhanced.startswith(("5.2.2", "5.2.3", "5.3.", "5.7.")):
        return False
    return refusal.code in (550, 551, 553) or enhanced.startswith("5.1.")


def retry_delay(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts: 5 s doubling to 10 minutes. None when three days of trying are over."""
    waited = sum(min(5 * 2**attempt, 600) for attempt in range(min(attempts, 8))) + max(attempts - 8, 0) * 600
    if waited > GIVE_UP_AFTER.total_seconds():
        return None
    return timedelta(seconds=min(5 * 2 ** min(attempts, 8), 600))


class Teller:
    """Publishes how each mail ended. The document remembers whether it has been told, so a crash in between tells it
    again.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, clock: Clock) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock

    async def tick(self) -> None:
        await self._outbox.give_up_lost(self._clock.now())
        ended = await self._outbox.untold()
        if ended:
            await self._publisher.publish([outgoing(MAILS.name, _told(document)) for document in ended])
            await self._outbox.mark_told([document["_id"] for document in ended])


def _told(document: Document) -> Any:
    return command(
        _end_of(document),
        document["_id"],
        source="notifications",
        time=document["ended_at"],
        command_id=document["_id"],
        correlation_id=document["correlation_id"],
    )


def _end_of(document: Document) -> Message:
    at: datetime = document["ended_at"]
    facts: dict[str, Any] = {
        "template": document["template"],
        "to": document["to"],
        "about": document["about"],
        "at": at,
        "side": document.get("side"),
    }
    match document["state"]:
        case "sent":
            return MailSent(**facts)
        case "failed":
            return MailFailed(**facts, error=document["error"])
        case _:
            return MailUncertain(**facts)
