"""Whenever something worth telling happens, there is a mail. Replayed records tell nobody anything."""

from collections.abc import Iterable, Sequence

from services.notifications.envelope import Mail
from services.notifications.mail import (
    TOLD,
    mail_for_request,
    mail_for_sign_in,
    mails_for_job,
    mails_for_partner,
)
from services.notifications.outbox import Outbox
from services.notifications.prospects import alternatives, mails_for_lead, mails_for_match
from services.notifications.teams import Teams
from shared.clock import Clock
from shared.consumer import Received
from shared.contracts.requests import RequestSubmitted


class Handlers:
    def __init__(self, outbox: Outbox, teams: Teams, clock: Clock, sign_in_minutes: int) -> None:
        self._outbox = outbox
        self._teams = teams
        self._clock = clock
        self._minutes = sign_in_minutes

    async def on_jobs(self, batch: Sequence[Received]) -> None:
        told = [received for received in _news(batch) if isinstance(received.record.fact, TOLD)]
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
        await self._queue(mail for received in _news(batch) for mail in mails_for_partner(received.record))

    async def on_requests(self, batch: Sequence[Received]) -> None:
        """Whose address a store app vouches for has nothing to confirm."""
        submitted = [received for received in _news(batch) if isinstance(received.record.fact, RequestSubmitted)]
        unconfirmed = [one for one in submitted if one.record.fact.confirm_within_seconds is not None]
        await self._queue(mail_for_request(received.record) for received in unconfirmed)

    async def on_leads(self, batch: Sequence[Received]) -> None:
        news = _news(batch)
        partners = await self._teams.of({one.record.snapshot.partner_id for one in news}, self._clock.now())
        await self._queue(
            mail for one in news for mail in mails_for_lead(one.record, partners[one.record.snapshot.partner_id])
        )

    async def on_matches(self, batch: Sequence[Received]) -> None:
        """What a mail offers instead is no reason to wait: whoever is not known yet is left out."""
        news = _news(batch)
        partners = await self._teams.known({one for received in news for one in alternatives(received.record)})
        await self._queue(mail for received in news for mail in mails_for_match(received.record, partners))

    async def on_sign_ins(self, batch: Sequence[Received]) -> None:
        await self._queue(mail_for_sign_in(received.record, self._minutes) for received in _news(batch))

    async def _queue(self, mails: Iterable[Mail]) -> None:
        await self._outbox.queue(list(mails), self._clock.now())


def _news(batch: Sequence[Received]) -> list[Received]:
    return [received for received in batch if not received.replayed]
