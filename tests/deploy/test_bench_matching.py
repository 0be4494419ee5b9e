"""The benchmark of matching measures what it says: its market is as promised, and both sides do the same work."""

from statistics import mean

import pytest

from deploy.bench.matching import database, speed
from deploy.bench.matching.changes import Changes
from deploy.bench.matching.market import LONGEST, POPULAR, SHORTEST, TODAY, Known, partners, requests
from services.matching.index import Index
from shared.contracts.base import Locale
from shared.mongo import Database
from shared.topics import PARTNERS

pytestmark = pytest.mark.slow

SIZE = 2_000


@pytest.fixture(scope="module")
def market() -> list[Known]:
    return list(partners(SIZE, TODAY))


@pytest.fixture(scope="module")
def index(market: list[Known]) -> Index:
    return speed.filled(market)


def test_the_same_market_every_time(market: list[Known]) -> None:
    assert list(partners(20, TODAY)) == market[:20]


def test_three_services_each_on_average_and_one_that_a_fifth_offer(market: list[Known]) -> None:
    offered = [{offer.service for offer in partner.profile.services} for partner, _ in market]
    assert {len(services) for services in offered} == {1, 2, 3, 4, 5}
    assert mean(map(len, offered)) == pytest.approx(3, abs=0.1)
    assert sum(POPULAR in services for services in offered) / SIZE == pytest.approx(0.205, abs=0.03)


def test_texts_are_of_the_promised_length_and_in_three_languages(market: list[Known]) -> None:
    assert all(SHORTEST <= len(partner.profile.about) <= LONGEST for partner, _ in market)
    assert {partner.profile.main_language for partner, _ in market} == set(Locale)


def test_half_of_them_are_known(market: list[Known]) -> None:
    standings = [standing for _, standing in market if standing]
    assert len(standings) / SIZE == pytest.approx(0.5, abs=0.05)
    assert all(standing.evidence for standing in standings)


def test_three_quarters_of_a_slice_are_eligible(index: Index) -> None:
    told = speed.measure(index, requests(60))
    assert told.eligible / told.rows == pytest.approx(0.74, abs=0.06)


def test_no_two_requests_are_alike_and_some_name_no_budget() -> None:
    asked = requests(100)
    assert len({one.model_dump_json() for one in asked}) == 100
    assert {one.locale for one in asked} == set(Locale)
    assert 10 < sum(one.budget is None for one in asked) < 60


def test_nobody_offers_what_is_left_out() -> None:
    assert all(partner.offer("training") is None for partner, _ in partners(300, TODAY, without="training"))


def test_changes_are_records_that_the_topic_carries() -> None:
    changes = Changes(50)
    decoded = PARTNERS.codec.decode_all([one.value for one in changes.some(100, but=3)])
    assert all(record.version == record.snapshot.version > 1 for record in decoded)
    assert changes.partner(3).version == 1
    facts = [record.fact for record in decoded]
    assert sum(fact.preferences is not None for fact in facts) > sum(fact.profile is not None for fact in facts) > 0


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
async def test_mongodb_and_the_index_choose_the_same(mongo_database: Database, index: Index) -> None:
    offers = mongo_database["offers"]
    await database.fill(offers, index, index.slices[POPULAR])
    for details in requests(25):
        await database.check_same(offers, index, details)
