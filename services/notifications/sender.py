"""The workers that send. One recipient per SMTP transaction, and a plain word for each way it can end."""

import asyncio
from collections import deque
from datetime import timedelta
from email.message import EmailMessage
from typing import NamedTuple

from aiosmtplib import SMTP, SMTPException, SMTPResponseException
from aiosmtplib.errors import SMTPDataError
from jinja2 import TemplateError

from services.notifications.compose import Composer
from services.notifications.current import Current
from services.notifications.kinds import as_of, instead, kind_of, senseless
from services.notifications.outbox import CLAIMED_AT_ONCE, FINAL_DOT_SECONDS, GIVE_UP_AFTER, Claim, Outbox
from services.notifications.refusals import Refusals
from services.notifications.relay import Breaker, Relay, Way
from services.notifications.smtp_answers import Verdict, session_verdict, verdict
from shared.clock import Clock
from shared.logs import bound_contextvars, get_logger
from shared.metrics import Metrics

log = get_logger(__name__)

AWAY = (SMTPException, OSError, TimeoutError)
HELD_AT_MOST = 24
COMPOSE_SECONDS = 60.0
"""A mail that takes longer to write is none. The largest takes some milliseconds."""
NOT_A_MAIL = (ValueError, LookupError, AttributeError, TypeError, TemplateError)


class Desk(NamedTuple):
    """What all workers of a process share."""

    outbox: Outbox
    current: Current
    refusals: Refusals
    composer: Composer
    relay: Relay
    clock: Clock
    metrics: Metrics
    stopping: asyncio.Event


class NotOurTurn(Exception):  # noqa: N818 - a state, not an error
    """The server is away or refuses us: nobody sends for a while."""


class Sender:
    """Sends what is due until nothing is, the server is away, or the process is stopping; then returns. `urgent_only`:
    one of those that are kept free for what somebody sits and waits for.
    """

    def __init__(self, desk: Desk, breaker: Breaker, *, urgent_only: bool = False) -> None:
        self._urgent_only = urgent_only
        self._desk = desk
        self._breaker = breaker
        self._outbox, self._clock, self._metrics = desk.outbox, desk.clock, desk.metrics

    async def tick(self) -> None:
        if await self._breaker.way() is Way.CLOSED:
            return
        connection = self._desk.relay.connection()
        claims: deque[Claim] = deque()
        try:
            while not self._desk.stopping.is_set():
                if not claims:
                    claims.extend(await self._claimed())
                if not claims:
                    break
                claim = claims.popleft()
                with bound_contextvars(correlation_id=str(claim.mail.correlation_id)):
                    await self._send(connection, claim)
        except NotOurTurn:
            pass
        finally:
            connection.close()
            await self._outbox.release(claims)
            await self._breaker.nothing_to_try()

    async def _claimed(self) -> list[Claim]:
        at_most = 1 if self._breaker.probing else CLAIMED_AT_ONCE
        return await self._outbox.claim(self._clock.now(), at_most, urgent_only=self._urgent_only)

    async def _send(self, connection: SMTP, claim: Claim) -> None:
        message = await self._composed(claim)
        if message is None:
            return
        try:
            await self._greeted(connection)
        except AWAY as error:
            await self._not_our_turn(claim, error)
        try:
            await self._addressed(connection, message)
        except (*AWAY, UnicodeError) as refusal:
            await self._refused(claim, refusal)
            return
        if not await self._outbox.begin(claim):
            connection.close()  # another worker has it; the transaction is dropped with the connection
            return
        await self._data(connection, claim, message)

    async def _composed(self, claim: Claim) -> EmailMessage | None:
        """The mail in words; None when it is not sent, and why has been noted."""
        now, mail = self._clock.now(), claim.mail
        known = await self._desk.current.of(mail)
        if reason := senseless(mail, known, now):
            await self._outbox.queue(instead(mail, known, reason), now)
            await self._end(claim, "dropped", reason)
            return None
        if await self._desk.refusals.bars(mail):
            await self._end(claim, "dropped", "suspended")
            return None
        if reason := await self._desk.refusals.reason(mail, now):
            await self._end(claim, "failed", reason)
            return None
        try:
            # Beside the event loop: whatever somebody has written, the others go on.
            composing = asyncio.to_thread(self._desk.composer.compose, as_of(mail, known, now), now)
            return await asyncio.wait_for(composing, COMPOSE_SECONDS)
        except (*NOT_A_MAIL, TimeoutError) as error:
            # Trying again would not help, and a mail that cannot be written must not stop those behind it.
            log.exception("mail_not_composed", mail_id=str(mail.id), template=mail.template, exc_info=error)
            await self._end(claim, "failed", f"{type(error).__name__}: {error}")
            return None

    async def _greeted(self, connection: SMTP) -> None:
        """A session that is ready for a mail. One that the server has ended since the last mail is begun anew: many
        take so many mails in one session and no more.
        """
        if connection.is_connected:
            try:
                await connection.ehlo()
            except AWAY:
                connection.close()
            else:
                return
        await connection.connect()
        await connection.ehlo()

    async def _addressed(self, connection: SMTP, message: EmailMessage) -> None:
        """Everything before the message itself: whatever fails here has certainly not delivered it."""
        await connection.mail(message["From"].addresses[0].addr_spec)
        await connection.rcpt(message["To"].addresses[0].addr_spec)

    async def _data(self, connection: SMTP, claim: Claim, message: EmailMessage) -> None:
        try:
            await connection.data(message.as_bytes(), timeout=FINAL_DOT_SECONDS)
        except SMTPDataError as refusal:
            await self._refused(claim, refusal)
        except AWAY as error:
            await self._end(claim, "uncertain", _said(error))
            await self._pause(Verdict.AWAY, error)
        else:
            await self._breaker.works()
            await self._end(claim, "sent")
            if kind_of(claim.mail.template).insists:
                await self._desk.refusals.forget(claim.mail.recipient.email)

    async def _not_our_turn(self, claim: Claim, error: Exception) -> None:
        """What is said of the session, before any mail was named, is no judgement on one."""
        await self._outbox.release([claim])
        found = session_verdict(error.code) if isinstance(error, SMTPResponseException) else Verdict.AWAY
        self._metrics.relay_answers.labels(found.value).inc()
        await self._pause(found, error)

    async def _refused(self, claim: Claim, refusal: Exception) -> None:
        found = verdict(refusal)
        self._metrics.relay_answers.labels(found.value).inc()
        follows = found.consequences
        if follows.pauses:
            await self._held(claim, refusal)
            await self._pause(found, refusal)
        if not isinstance(refusal, UnicodeError):
            await self._breaker.works()
        if follows.comes_again:
            await self._later(claim, retry_delay(claim.attempts), _said(refusal))
        else:
            await self._end(claim, "failed", _said(refusal))
        if follows.suppresses:
            await self._desk.refusals.suppress(claim.mail.recipient.email, _said(refusal), self._clock.now())

    async def _pause(self, found: Verdict, error: Exception) -> None:
        await self._breaker.failed(_said(error), alarms=found.consequences.alarms)
        raise NotOurTurn

    async def _held(self, claim: Claim, error: Exception) -> None:
        """Another mail is tried first. One that is refused again and again while others are taken ends some day; how
        long nothing was taken at all counts nothing.
        """
        others_go = not self._breaker.probing
        if claim.held >= HELD_AT_MOST and others_go:
            await self._end(claim, "failed", _said(error))
            return
        at = self._clock.now() + hold_delay(claim.held)
        self._metrics.mails.labels(claim.mail.template, "held").inc()
        await self._outbox.hold(claim, at, _said(error), counts=others_go)

    async def _later(self, claim: Claim, delay: timedelta | None, error: str) -> None:
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


def retry_delay(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts: 5 s doubling to 10 minutes. None when three days of trying are over."""
    waited = sum(min(5 * 2**attempt, 600) for attempt in range(min(attempts, 8))) + max(attempts - 8, 0) * 600
    if waited > GIVE_UP_AFTER.total_seconds():
        return None
    return timedelta(seconds=min(5 * 2 ** min(attempts, 8), 600))


def hold_delay(held: int) -> timedelta:
    """How long a mail waits with which the server has refused us so often while it took others: 5 s doubling to 6
    hours, so that `HELD_AT_MOST` is three days.
    """
    return min(timedelta(seconds=5 * 2 ** min(held, 16)), timedelta(hours=6))


def _said(error: Exception) -> str:
    """As the operators read it."""
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"
