"""All partners and their standings, in memory. Every replica reads both compacted topics from the start."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from shared.consumer import Received
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import Partner
from shared.metrics import Metrics


class Market:
    """What selection looks at. Newer replaces older; a partner without a standing is a newcomer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._partners: dict[UUID, Partner] = {}
        self._standings: dict[UUID, StandingChanged] = {}

    def partners(self) -> Iterable[Partner]:
        return self._partners.values()

    def partner(self, partner_id: UUID) -> Partner | None:
        return self._partners.get(partner_id)

    def standing(self, partner_id: UUID) -> StandingChanged | None:
        return self._standings.get(partner_id)

    def put(self, partner: Partner) -> None:
        known = self._partners.get(partner.partner_id)
        if known is None or partner.version > known.version:
            self._partners[partner.partner_id] = partner

    def learn(self, standing: StandingChanged) -> None:
        known = self._standings.get(standing.partner_id)
        if known is None or standing.version > known.version:
            self._standings[standing.partner_id] = standing

    async def on_partners(self, batch: Sequence[Received]) -> None:
        for received in batch:
            self.put(received.record.snapshot)
        self._metrics.market.set(len(self._partners))

    async def on_standings(self, batch: Sequence[Received]) -> None:
        for received in batch:
            self.learn(received.record.data)
