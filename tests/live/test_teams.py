"""Who is in which team and who signs in, over a real MongoDB: asked by an index, and once though many ask at once."""

import asyncio

import pytest

from services.gateway.accounts import Accounts, Proof
from services.gateway.limits import ActLimits
from services.gateway.sessions import Session
from services.gateway.teams import Teams
from shared.clock import SystemClock
from shared.contracts.base import derived_id
from shared.http import Problem
from shared.links import Links
from shared.metrics import Metrics
from shared.mongo import IGNORING_CASE, Database
from shared.rates import Rates
from shared.security_events import SecurityLog
from shared.settings import Settings
from tests.builders import a_member, a_partner
from tests.fakes import MemoryLog, MemoryPublisher
from tests.limits import UNLIMITED

PARTNERS = 2_000


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
async def test_of_many_partners_only_those_of_the_address_are_read(mongo_database: Database) -> None:
    teams = Teams(mongo_database)
    await teams.prepare()
    state = a_partner().model_dump(mode="json")
    await mongo_database["partners"].insert_many(
        {
            "_id": derived_id("partner", number),
            "state": {**state, "members": [a_member(email=f"Owner{number}@hoshi.example").model_dump(mode="json")]},
        }
        for number in range(PARTNERS)
    )
    assert len(await teams.of("owner7@hoshi.example")) == 1
    found = mongo_database["partners"].find({"state.members.email": "owner7@hoshi.example"}, collation=IGNORING_CASE)
    plan = await found.explain()
    assert (plan["executionStats"]["nReturned"], plan["executionStats"]["totalDocsExamined"]) == (1, 1)


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
async def test_of_many_who_use_a_link_at_once_one_attempt_opens_one_session(mongo_database: Database) -> None:
    settings = Settings(secret_keys="the-key-of-the-tests")
    links, clock = Links(settings), SystemClock()
    security = SecurityLog(Metrics("gateway"))
    limits = ActLimits(Rates(settings, mongo_database, clock, security), UNLIMITED)
    publisher = MemoryPublisher(MemoryLog(clock))
    accounts = Accounts(mongo_database, links, publisher, clock, settings, limits=limits, security=security)
    await accounts.prepare()
    aiko = Proof(email="aiko@hoshi.example")
    for number in range(10):
        link = links.sign("sign-in", derived_id("link", number), {"email": "aiko@hoshi.example"})
        attempts = (accounts.open_session(link, f"attempt {each % 3}", proof=aiko) for each in range(12))
        opened = await asyncio.gather(*attempts, return_exceptions=True)
        assert {type(one) for one in opened} == {Session, Problem}
        assert len({one.token for one in opened if isinstance(one, Session)}) == 1
        assert await mongo_database["sessions"].count_documents({}) == number + 1
