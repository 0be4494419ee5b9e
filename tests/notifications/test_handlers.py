"""What follows from a partner's records: it is known from then on, and whoever it invited is mailed, once."""

from datetime import timedelta

import pytest

from services.notifications.current import Current
from services.notifications.handlers import Handlers
from services.notifications.outbox import Outbox
from services.notifications.teams import Teams
from shared.contracts.partners import PartnerChanged, Role
from shared.metrics import Metrics
from shared.publisher import Headers
from shared.records import REPLAY_HEADER, Received
from tests.builders import BY_PARTNER, KEN, NOW, PARTNER_ID, a_member, a_partner, an_event, received
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase

TEAM = a_partner(members=(a_member("Aiko"), a_member("Ken", Role.MEMBER, joined=False)))


NEWS_FOR = timedelta(days=5)


class Service:
    """Notifications, as far as it hears of partners."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.teams = Teams(self.database)
        self.clock = ManualClock(NOW)
        self.outbox = Outbox(self.database)
        self.handlers = Handlers(
            self.outbox,
            self.teams,
            Current(self.database, self.teams),
            self.clock,
            Metrics("tests"),
            sign_in_minutes=30,
            news_for=NEWS_FOR,
        )

    def mails(self) -> list[tuple[str, str]]:
        return [(mail["template"], mail["to"]) for mail in self.database["mails"].documents.values()]


@pytest.fixture
def service() -> Service:
    return Service()


def invitation(headers: Headers = ()) -> Received:
    fact = PartnerChanged(members=TEAM.members, invited=KEN, actor=BY_PARTNER)
    return received(an_event(fact, TEAM, subject=PARTNER_ID), topic="partners", headers=headers)


async def test_whoever_is_invited_gets_one_mail_however_often_the_record_comes(service: Service) -> None:
    await service.handlers.on_partners([invitation()])
    await service.handlers.on_partners([invitation(), invitation()])
    assert service.mails() == [("invitation", "ken@hoshi.example")]


async def test_a_replayed_partner_is_learned_and_invites_nobody(service: Service) -> None:
    await service.handlers.on_partners([invitation(headers=((REPLAY_HEADER, b"1"),))])
    assert await service.teams.of([PARTNER_ID], NOW) == {PARTNER_ID: TEAM}
    assert service.mails() == []
