"""A compacted log keeps what was published last; it must be the newest."""

from datetime import timedelta

import pytest

from services.gateway.main import PARTNER
from services.gateway.partners_log import RECENT, PartnersLog
from shared.contracts.base import Actor, ActorKind
from shared.contracts.partners import Approval, Partner, PartnerChanged, Suspension
from shared.metrics import Metrics
from shared.security_events import SecurityEvent, SecurityLog
from shared.store import Change, MongoAggregateStore
from shared.topics import PARTNERS
from tests.builders import BY_PARTNER, NOW, PARTNER_ID, a_partner, an_event, received
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase


class Gateway:
    """The aggregate at a version, and the log that is heard."""

    def __init__(self) -> None:
        self.log, self.database, self.metrics = MemoryLog(partitions=1), MemoryDatabase(), Metrics("gateway")
        self._handler = PartnersLog(self.database, MemoryPublisher(self.log), ManualClock(), SecurityLog(self.metrics))
        self._store: MongoAggregateStore[Partner] = MongoAggregateStore(self.database["partners"], PARTNER.state)

    async def is_at(self, version: int) -> None:
        change = Change(PARTNER_ID, 0, False, a_partner(version=version), version, (), (), {})
        assert await self._store.save([change])

    async def hear(self, *versions: int, ago: timedelta = timedelta()) -> list[tuple[int, PartnerChanged]]:
        """What is said again, as version and fact."""
        events = [an_event(PartnerChanged(), a_partner(version=one), subject=PARTNER_ID) for one in versions]
        await self._handler([received(event, topic="partners", at=NOW - ago) for event in events])
        said = [PARTNERS.codec.decode(raw.value) for raw in self.log.records("partners")]
        assert all(one.snapshot.version == one.version for one in said)
        return [(one.version, one.fact) for one in said]

    async def hear_fact(self, fact: PartnerChanged, *, ago: timedelta = timedelta()) -> dict[str, float]:
        """How often each security event has been said by then."""
        event = an_event(fact, a_partner(), subject=PARTNER_ID)
        await self._handler([received(event, topic="partners", at=NOW - ago)])
        counted = self.metrics.security_events
        return {one.value: n for one in SecurityEvent if (n := counted.labels(one.value)._value.get())}


OLGA = Actor(kind=ActorKind.OPERATOR, name="olga")


@pytest.mark.parametrize(
    ("fact", "event"),
    [
        (PartnerChanged(suspended=Suspension(reason="Spam.", at=NOW), actor=OLGA), "organisation_suspended"),
        (PartnerChanged(restored=True, actor=OLGA), "organisation_restored"),
        (PartnerChanged(approval=Approval.APPROVED, actor=OLGA), "organisation_approval"),
    ],
)
async def test_what_an_operator_decides_is_a_security_event(fact: PartnerChanged, event: str) -> None:
    assert await Gateway().hear_fact(fact) == {event: 1}
    assert await Gateway().hear_fact(fact, ago=RECENT) == {}


async def test_a_registration_is_no_operators_decision() -> None:
    new = a_partner()
    fact = PartnerChanged(profile=new.profile, members=new.members, approval=Approval.PROBATION, actor=BY_PARTNER)
    assert await Gateway().hear_fact(fact) == {}


async def test_a_paused_process_that_publishes_an_old_state_last_is_overruled() -> None:
    gateway = Gateway()
    await gateway.is_at(9)
    assert await gateway.hear(9, 7) == [(9, PartnerChanged())]


async def test_a_log_in_order_is_left_alone() -> None:
    gateway = Gateway()
    await gateway.is_at(9)
    assert await gateway.hear(7, 8, 9, 9) == []


async def test_what_was_read_long_ago_and_is_read_again_says_nothing() -> None:
    gateway = Gateway()
    await gateway.is_at(9)
    assert await gateway.hear(1, 2, ago=RECENT) == []


async def test_a_partner_that_nobody_has_is_none_of_its_business() -> None:
    assert await Gateway().hear(1) == []
