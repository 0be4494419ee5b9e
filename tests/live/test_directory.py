"""The directory over a real MongoDB: it finds what it finds in memory, and by its indexes."""

import pytest

from deploy.market import load_partners
from services.leads.filters import Filters
from services.leads.projections import PROFILES, prepare
from services.leads.search import _query
from shared.contracts.partners import Partner, Preferences, Profile
from shared.mongo import Database
from shared.tokens import terms_of
from tests.builders import NOW
from tests.leads.markets import HOURS, Market, a_review, a_standing
from tests.live.test_search import stages

ASKED = [
    {},
    {"page": 3},
    {"q": "store"},
    {"q": "茶"},
    {"q": "商品"},
    {"q": "ネットショップ"},
    {"q": "boutique référencement"},
    {"service": "seo", "language": "ja"},
    {"country": "FR", "price": "100", "currency": "EUR", "per": "hour"},
    {"service": "seo", "price": "900", "currency": "USD"},
    {"rating": 4, "within": 12},
]


def the_market() -> list[Partner]:
    return [
        Partner(
            partner_id=one["partner_id"],
            profile=Profile.model_validate(one),
            preferences=Preferences.model_validate(one["preferences"]),
            members=(),
            version=1,
        )
        for one in load_partners()
    ]


async def fill(market: Market) -> None:
    partners = the_market()
    await market.has(*partners)
    for number, partner in enumerate(partners[::3]):
        ratings = (1 + number % 5,) * (number % 4)
        counts = {"replied": number, "expired": number % 3, "reply_seconds": number * (number % 30) * HOURS}
        await market.tell(a_standing(partner.partner_id, **counts, rated=ratings))
    await market.tell(*(a_review(n, partner_id=partners[0].partner_id, at=NOW.replace(hour=n % 24)) for n in range(30)))


async def test_a_search_finds_what_it_finds_in_memory(mongo_database: Database) -> None:
    await prepare(mongo_database)
    real, memory = Market(mongo_database), Market()
    for market in (real, memory):
        await fill(market)
    for asked in ASKED:
        filters = Filters.model_validate(asked)
        found = await real.search.find(filters)
        assert found == await memory.search.find(filters), asked
        assert found.total, asked
    assert await real.search.choices() == await memory.search.choices()
    slug = the_market()[0].profile.slug
    for page in (1, 2):
        assert await real.search.profile(slug, page) == await memory.search.profile(slug, page)


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
@pytest.mark.parametrize("asked", [{"q": "them"}, {"q": "紅茶"}, {"service": "seo"}], ids=["prefix", "run", "service"])
async def test_a_query_goes_by_an_index(mongo_database: Database, asked: dict[str, str]) -> None:
    await prepare(mongo_database)
    await fill(Market(mongo_database))
    filters = Filters.model_validate(asked)
    plan = await mongo_database[PROFILES].find(_query(filters, terms_of(filters.q))).explain()
    assert "COLLSCAN" not in {stage["stage"] for stage in stages(plan["queryPlanner"]["winningPlan"])}
