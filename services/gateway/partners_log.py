"""The guard over the log of partners. A compacted topic keeps of each partner what was published last, and a process
that was paused may publish an old state last: that alone would then be what a fresh replica of matching reads. What
operators have decided, and whose rights in a team have changed, is noted here as a security event.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shared.clock import Clock
from shared.contracts.base import Event, EventData, derived_id
from shared.contracts.partners import Partner, PartnerChanged
from shared.documents import read
from shared.mongo import Database
from shared.publisher import Publisher, outgoing
from shared.records import Received
from shared.security_events import SecurityEvent, SecurityLog
from shared.topics import PARTNERS

RECENT = timedelta(days=1)
"""Older records were read before, and what followed them is in the log."""


class PartnersLog:
    """A `shared.consumer.Handler` of `partners`: where the log may end with an older version of a partner than its
    aggregate has, the newest is said again, with nothing changed. Said once too often it changes nobody.
    """

    def __init__(self, database: Database, publisher: Publisher, clock: Clock, security: SecurityLog) -> None:
        self._partners = database["partners"]
        self._publisher = publisher
        self._clock = clock
        self._security = security

    async def __call__(self, batch: Sequence[Received]) -> None:
        now = self._clock.now()
        recent = [one for one in batch if now - one.at < RECENT]
        for received in recent:
            self._note(received)
        last = {one.record.subject: one.record.version for one in recent}
        if not last:
            return
        found = self._partners.find({"_id": {"$in": list(last)}}, {"version": 1, "state": 1})
        behind = [one async for one in found if one["state"] is not None and one["version"] > last[one["_id"]]]
        partners = [read(Partner, one["state"], one["_id"]) for one in behind]
        await self._publisher.publish([outgoing(PARTNERS.name, self._again(partner)) for partner in partners])

    def _note(self, received: Received) -> None:
        """What operators have decided, and whose rights in a team have changed: once for each time that it is heard."""
        fact: PartnerChanged = received.record.fact
        if received.replayed or fact.actor is None:
            return
        if whose := fact.removed or fact.member:
            self._security.event(
                SecurityEvent.RIGHTS_CHANGED,
                partner_id=str(received.record.subject),
                member_id=str(whose.member_id),
                role="removed" if fact.removed else whose.role.value if whose.joined else "invited",
                by=str(fact.actor.member_id or fact.actor.kind.value),
            )
        event = _decided(fact)
        if event is None:
            return
        partner: Partner = received.record.snapshot
        by, approval = fact.actor.name or fact.actor.kind.value, partner.approval.value
        self._security.event(event, partner_id=str(partner.partner_id), operator=by, approval=approval)

    def _again(self, partner: Partner) -> Event[PartnerChanged, Partner]:
        event_id: UUID = derived_id("partner again", partner.partner_id, partner.version)
        return Event[PartnerChanged, Partner](
            id=event_id,
            type=PartnerChanged.__name__,
            source="/gateway",
            subject=partner.partner_id,
            time=self._clock.now(),
            correlationid=event_id,
            causationid=event_id,
            version=partner.version,
            data=EventData(fact=PartnerChanged(), snapshot=partner),
        )


def _decided(fact: PartnerChanged) -> SecurityEvent | None:
    """Which decision of an operator's this is, if it is one. A registration is not."""
    if fact.suspended is not None:
        return SecurityEvent.ORGANISATION_SUSPENDED
    if fact.restored:
        return SecurityEvent.ORGANISATION_RESTORED
    return SecurityEvent.ORGANISATION_APPROVAL if fact.approval is not None and fact.profile is None else None
