"""Whether a read model is far behind its topic: after an outage, or while it is built anew. What is missing in it then
may be there all the same.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.consumer import Handler
from shared.mongo import Database
from shared.records import Aside, Received

COLLECTION = "catching_up"
LATE = timedelta(minutes=1)
"""Ordinary read models are milliseconds behind."""
NOTED_AGAIN_AFTER = timedelta(seconds=30)
NOTE_HOLDS = timedelta(minutes=5)
REBUILD_HOLDS = timedelta(days=1)
"""A rebuild notes it before the gateway starts again. The first batch shortens that."""


class CatchingUp:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._notes = database[COLLECTION]
        self._clock = clock
        self._noted: dict[str, datetime] = {}

    async def prepare(self) -> None:
        await self._notes.create_index("until", expireAfterSeconds=0)

    async def is_behind(self, group: str) -> bool:
        """Whether the read model of this group was far behind a few minutes ago."""
        return await self._notes.find_one({"_id": group, "until": {"$gt": self._clock.now()}}, {"_id": 1}) is not None

    def watched(self, group: str, handler: Handler) -> Handler:
        """The same handler. What it handles late is noted."""

        async def handle(batch: Sequence[Received]) -> Iterable[Aside] | None:
            aside = await handler(batch)
            now = self._clock.now()
            if batch and now - min(received.at for received in batch) > LATE:
                await self._note(group, now)
            return aside

        return handle

    async def _note(self, group: str, now: datetime) -> None:
        noted = self._noted.get(group)
        if noted is not None and now - noted < NOTED_AGAIN_AFTER:
            return
        await note(self._database, [group], now + NOTE_HOLDS)
        self._noted[group] = now


async def note(database: Database, groups: Iterable[str], until: datetime) -> None:
    """Note that these groups' read models lack something until then, unless their next batches say otherwise."""
    for group in groups:
        await database[COLLECTION].update_one({"_id": group}, {"$set": {"until": until}}, upsert=True)
