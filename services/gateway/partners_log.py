"""The guard over the log of partners. A compacted topic keeps of each partner what was published last, and a process
that was paused may publish an old state last: that alone would then be what a fresh replica of matching reads.
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
from shared.topics import PARTNERS

RECENT = timedelta(days=1)
"""Older records were read before, and what followed them is in the log."""


class PartnersLog:
    """A `shared.consumer.Handler` of `partners`: where the log may end with an older version of a partner than its
    aggregate has, the newest is said again, with nothing changed. Said once too often it changes nobody.
    """

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        self._partners = database["partners"]
        self._publisher = publisher
        self._clock = clock

    async def __call__(self, batch: Sequence[Received]) -> None:
        now = self._clock.now()
        last = {one.record.subject: one.record.version for one in batch if now - one.at < RECENT}
        if not last:
            return
        found = self._partners.find({"_id": {"$in": list(last)}}, {"version": 1, "state": 1})
        behind = [one async for one in found if one["state"] is not None and one["version"] > last[one["_id"]]]
        partners = [read(Partner, one["state"], one["_id"]) for one in behind]
        await self._publisher.publish([outgoing(PARTNERS.name, self._again(partner)) for partner in partners])

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
