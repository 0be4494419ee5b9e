"""Whenever something worth telling happens, there is a mail. Replayed records tell nobody anything, nor do old ones."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from services.notifications.current import Current
from services.notifications.envelope import Mail
from services.notifications.kinds import Subject
from services.notifications.mail import (
    TOLD,
    mail_for_person,
    mail_for_sign_in,
    mails_for_job,
    mails_for_partner,
    mails_for_request,
)
from services.notifications.outbox import Outbox
from services.notifications.prospects import alternatives, mails_for_lead, mails_for_match
from services.notifications.refusals import Refusals
from services.notifications.teams import Teams
from shared.clock import Clock
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.records import Received

log = get_logger(__name__)


class Handlers:
    """Whatever comes is learned, first of all; only what is news is told. `news_for` is how long that is."""

    def __init__(  # noqa: PLR0913 - the parts, named
        self,
        outbox: Outbox,
        teams: Teams,
        current: Current,
        clock: Clock,
        metrics: Metrics,
        *,
        refusals: Refusals,
        sign_in_minutes: int,
        contact: str,
        news_for: timedelta,
    ) -> None:
        self._outbox = outbox
        self._teams = teams
        self._current = current
        self._refusals = refusals
        self._clock = clock
        self._metrics = metrics
        self._minutes = sign_in_minutes
        self._contact = contact
        self._news_for = news_for

    async def on_jobs(self, batch: Sequence[Received]) -> None:
        await self._current.learn(Subject.JOB, batch)
        told = [received for received in self._news(batch) if isinstance(received.record.fact, TOLD)]
        wanted = {received.record.snapshot.partner_id for received in told}
        partners = await self._teams.of(wanted, self._clock.now())
        await self._queue(
            mail
            for received in told
            for mail in mails_for_job(received.record, partners[received.record.snapshot.partner_id])
        )

    async def on_partners(self, batch: Sequence[Received]) -> None:
        """A replayed partner invites nobody again, but it is learned: that is what a replay is for."""
        await self._teams.learn(batch)
        news = self._news(batch)
        await self._queue(mail for received in news for mail in mails_for_partner(received.record, self._contact))

    async def on_requests(self, batch: Sequence[Received]) -> None:
        await self._current.learn(Subject.REQUEST, batch)
        await self._queue(mail for received in self._news(batch) for mail in mails_for_request(received.record))

    async def on_leads(self, batch: Sequence[Received]) -> None:
        await self._current.learn(Subject.LEAD, batch)
        news = self._news(batch)
        partners = await self._teams.of({one.record.snapshot.partner_id for one in news}, self._clock.now())
        await self._queue(
            mail for one in news for mail in mails_for_lead(one.record, partners[one.record.snapshot.partner_id])
        )

    async def on_matches(self, batch: Sequence[Received]) -> None:
        """What a mail offers instead is no reason to wait: whoever is not known yet is left out."""
        news = self._news(batch)
        partners = await self._teams.known({one for received in news for one in alternatives(received.record)})
        await self._queue(mail for received in news for mail in mails_for_match(received.record, partners))

    async def on_sign_ins(self, batch: Sequence[Received]) -> None:
        await self._queue(mail_for_sign_in(received.record, self._minutes) for received in self._news(batch))

    async def on_people(self, batch: Sequence[Received]) -> None:
        """Who is suspended hears of that, and then of nothing."""
        await self._refusals.learn_people(batch)
        await self._queue(mail_for_person(received.record) for received in self._news(batch))

    async def _queue(self, mails: Iterable[Mail]) -> None:
        await self._outbox.queue(list(mails), self._clock.now())

    def _news(self, batch: Sequence[Received]) -> list[Received]:
        """What was not replayed and is not old. Offsets that are lost read a topic from its start without a word: then
        an address that has changed since would be mailed about last year's jobs.
        """
        oldest = self._clock.now() - self._news_for
        fresh = [received for received in batch if not received.replayed]
        news = [received for received in fresh if min(received.at, received.record.time) >= oldest]
        if old := len(fresh) - len(news):
            topic = batch[0].raw.topic
            self._metrics.old_records.labels(topic).inc(old)
            log.warning("old_records_told_nobody", topic=topic, records=old, older_than=oldest.isoformat())
        return news
