"""What every replica keeps of the standings, and the guard over their log: a compacted topic keeps of each partner what
was published last, and a process that was paused may publish an old standing last.
"""

from collections.abc import Sequence
from uuid import UUID

from services.matching.index import Index
from services.matching.outcomes import MongoOutcomes
from services.matching.standings import Standings
from shared.records import Received


class KeepsStandings:
    """A `shared.consumer.Handler`: takes standings over. When the log has an older one than it had, or than the
    database has had it said, the newest is taken from there, and said again so that the log ends with it.
    """

    def __init__(self, index: Index, outcomes: MongoOutcomes, standings: Standings) -> None:
        self._index = index
        self._outcomes = outcomes
        self._standings = standings
        self._expected: dict[UUID, int] = {}

    async def prepare(self) -> None:
        """Look up what the log should have at least, before it is read."""
        self._expected = await self._outcomes.versions()

    async def __call__(self, batch: Sequence[Received]) -> None:
        behind: dict[UUID, Received] = {}
        for received in batch:
            told = received.record.data
            if told.version < max(self._index.heard(told.partner_id), self._expected.get(told.partner_id, -1)):
                behind[told.partner_id] = received
            else:
                behind.pop(told.partner_id, None)
            self._index.learn(told)
        for standing in await self._standings.say_again(behind):
            self._index.learn(standing)
        for received in batch:  # from now on the log tells
            self._expected.pop(received.record.data.partner_id, None)
