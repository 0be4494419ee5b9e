"""What the directory knows of partners, and whom a search finds."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from services.leads.filters import Filters, from_query
from services.leads.projections import on_job
from shared.contracts.base import Locale, Money, derived_id
from shared.contracts.partners import Away, Partner
from tests.builders import MERCHANT_ID, NOW, PARTNER_ID, Status, a_job, a_partner, an_event, an_offer, received, replied
from tests.leads.markets import HOURS, Market, a_prospects_review, a_review, a_standing, changed

TODAY = NOW.date()
AWAY = Away(first_day=TODAY, last_day=TODAY + timedelta(days=3))


def an_offer_in(currency: str, price: str, service: str = "seo", **fields: object):
    return an_offer(service, price_from=Money(amount=Decimal(price), currency=currency), **fields)


HANA = a_partner(
    "Hana", about="暮らしの道具を扱うネットショップ。紅茶店の制作も。", services=(an_offer("logo-design"),)
)
LEA = a_partner("Léa Créa", slug="lea", about="Boutiques de thé et d'épices.", languages=("fr",), country="FR")
OTIS = a_partner("Otis", about="Tea shops & C++.", main_language="en", languages=("en",), country="US")


@pytest.fixture
def market() -> Market:
    return Market()


# What is remembered


async def test_a_profile_that_comes_twice_or_late_changes_nothing(market: Market) -> None:
    old, new = a_partner(version=1, about="Old."), a_partner(version=2, about="New.")
    for order in permutations([changed(old), changed(new), changed(new)]):
        await market.tell(*order)
        assert (await market.get("/api/v1/partners/studio-hoshi")).json()["about"] == "New."
        market.database.collections.clear()


async def test_a_standing_that_comes_late_changes_nothing(market: Market) -> None:
    await market.has(a_partner())
    newer, older = a_standing(version=7, replied=4, rated=(5, 4)), a_standing(version=3, replied=1, rated=(1,))
    await market.tell(newer, older, newer)
    partner = (await market.get("/api/v1/partners/studio-hoshi")).json()
    assert partner["rating"] == {"mean": 4.5, "reviews": 2}


async def test_an_edited_or_answered_review_replaces_the_one_before(market: Market) -> None:
    await market.has(a_partner())
    first = a_review(text="Bad.", rating=1, version=9)
    edited = a_review(text="Good after all.", rating=4, version=10, edited_at=NOW)
    answered = a_review(text="Good after all.", rating=4, version=11, edited_at=NOW, answer="Thank you.")
    for order in permutations([first, edited, answered]):
        await market.tell(*order, first)
        (review,) = (await market.get("/api/v1/partners/studio-hoshi")).json()["reviews"]
        assert (review["text"], review["rating"], review["edited"]) == ("Good after all.", 4, True)
        assert review["answer"] == "Thank you."


async def test_reviews_of_jobs_and_of_leads_stand_together_newest_first(market: Market) -> None:
    await market.has(a_partner())
    late = a_review(2, text="Later.", at=NOW + timedelta(days=1))
    await market.tell(a_review(1, text="Earlier.", at=NOW - timedelta(days=1)), a_prospects_review(), late)
    await market.tell(a_review(3, text="Somebody else's.", partner_id=derived_id("another partner")))
    reviews = (await market.get("/api/v1/partners/studio-hoshi")).json()["reviews"]
    assert [review["text"] for review in reviews] == ["Later.", "Well begun.", "Earlier."]


def test_a_job_without_a_review_costs_no_write() -> None:
    event = an_event(replied(), a_job(Status.REPLIED))
    assert list(on_job(received(event, topic="jobs.events"))) == []


async def test_nothing_that_is_private_gets_out(market: Market) -> None:
    """Neither the team, nor who blocked the partner, nor who wrote a review."""
    await market.has(a_partner(blocked_by=(MERCHANT_ID,), notification_email="jobs@hoshi.example"))
    await market.tell(a_review(), a_prospects_review())
    for path in ("/api/v1/partners", "/api/v1/partners/studio-hoshi", "/en/partners", "/en/partners/studio-hoshi"):
        text = (await market.get(path)).text
        for private in ("hoshi.example", "Aiko", "Mia", "Kettle", "kettle.example", str(MERCHANT_ID), "blocked"):
            assert private not in text, path


# Who is found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", {"hana", "lea", "otis"}),
        ("hana", {"hana"}),
        ("Lea crea", {"lea"}),
        ("THÉ", {"lea"}),
        ("tea", {"otis"}),
        ("te", {"otis"}),
        ("te ", set()),
        ("c++", {"otis"}),
        ("道具", {"hana"}),
        ("茶", {"hana"}),
        ("紅茶店", {"hana"}),
        ("紅茶道具", set()),
        ("ロゴ", {"hana"}),
        ("logo design", {"hana"}),
        ("création de logo", {"hana"}),
        ("SEO対策", {"lea", "otis"}),
        ("référencement", {"lea", "otis"}),
        (".*", {"hana", "lea", "otis"}),
        ("tea nothing", set()),
    ],
)
async def test_words_are_found_in_the_name_the_description_and_the_services(
    market: Market, q: str, found: set[str]
) -> None:
    await market.has(HANA, LEA, OTIS)
    assert set(await market.slugs(q=q)) == found


def some(number: int) -> Partner:
    """One of a few dozen partners who differ in all that can be filtered."""
    return a_partner(
        f"P {number}",
        languages=(("en",), ("fr", "en"), ("ja",))[number % 3],
        country=("US", "FR", "JP", "CA")[number % 4],
        services=(
            an_offer_in(("USD", "EUR")[number % 2], str(100 * (number + 1))),
            an_offer_in("USD", "20", "translation", unit="item"),
        )[: 1 + number % 5 // 4],
    )


def numbers(slugs: list[str]) -> set[int]:
    return {int(slug.removeprefix("p-")) for slug in slugs}


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"language": "fr"}, lambda n: n % 3 == 1),
        ({"country": "JP"}, lambda n: n % 4 == 2),
        ({"language": "en", "country": "FR"}, lambda n: n % 3 in (0, 1) and n % 4 == 1),
        ({"service": "translation"}, lambda n: n % 5 == 4),
        ({"price": "1000", "currency": "USD"}, lambda n: (n % 2 == 0 and n < 10) or n % 5 == 4),
        ({"price": "1000", "currency": "USD", "service": "seo"}, lambda n: n % 2 == 0 and n < 10),
        ({"price": "1000", "currency": "EUR"}, lambda n: n % 2 == 1 and n < 10),
        ({"price": "1000", "currency": "USD", "per": "item"}, lambda n: n % 5 == 4),
        ({"price": "99.99", "currency": "EUR"}, lambda n: False),
        ({"rating": "4"}, lambda n: n % 6 == 2),
        ({"within": "4"}, lambda n: n % 6 in (2, 3)),
        ({"within": "4", "rating": "4.5", "country": "JP"}, lambda n: False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
async def test_every_filter_holds(market: Market, filters: dict[str, str], fits) -> None:
    await market.has(*(some(number) for number in range(36)))
    for number in range(36):
        partner_id = some(number).partner_id
        if number % 6 == 2:
            await market.tell(a_standing(partner_id, replied=2, reply_seconds=2 * 4 * HOURS, rated=(4, 4)))
        elif number % 6 == 3:
            await market.tell(a_standing(partner_id, replied=5, reply_seconds=5 * HOURS, rated=(3,)))
        elif number % 6 == 4:
            await market.tell(a_standing(partner_id, expired=5))
    wanted = {number for number in range(36) if fits(number)}
    found = [slug for page in (1, 2) for slug in await market.slugs(**filters, page=page)]
    assert numbers(found) == wanted
    assert len(found) == len(wanted)


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "witchcraft"},
        {"price": "5"},
        {"price": "-1", "currency": "USD"},
        {"rating": "9"},
        {"rating": "nan"},
        {"within": "0"},
        {"language": "french"},
        {"country": "fr"},
        {"page": "0"},
        {"q": "x" * 300},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_the_api_names_the_filter_that_it_does_not_understand(market: Market, wrong: dict[str, str]) -> None:
    problem = (await market.get("/api/v1/partners", expect=422, **wrong)).json()
    field = "currency" if wrong == {"price": "5"} else next(iter(wrong))
    assert problem["errors"][0]["field"] == f"query.{field}"


async def test_unpublished_and_invisible_partners_are_not_in_search(market: Market) -> None:
    await market.has(a_partner("Shown"), a_partner("Draft", published=False), a_partner("Hidden", visible=False))
    assert await market.slugs() == ["shown"]
    await market.get("/api/v1/partners/hidden")
    await market.get("/api/v1/partners/draft", expect=404)
    await market.get("/api/v1/partners/nobody", expect=404)


async def test_who_cannot_be_contacted_comes_after_all_others(market: Market) -> None:
    resting, away = a_partner("Resting", available=False), a_partner("Away", away=AWAY)
    await market.has(resting, away, *(a_partner(f"Here {n}") for n in range(5)))
    best = {"replied": 30, "reply_seconds": 30.0, "rated": (5,) * 20}
    await market.tell(*(a_standing(one.partner_id, **best) for one in (resting, away)))
    found = (await market.get("/api/v1/partners")).json()["partners"]
    assert {one["slug"] for one in found[-2:]} == {"resting", "away"}
    assert Counter(one["available"] for one in found) == {True: 5, False: 2}
    assert {one["slug"]: one["back_on"] for one in found[-2:]} == {"resting": None, "away": "2026-03-06"}


async def test_who_was_away_comes_back_by_itself(market: Market) -> None:
    await market.has(a_partner(away=AWAY))
    market.clock.move(timedelta(days=4))
    partner = (await market.get("/api/v1/partners/studio-hoshi")).json()
    assert (partner["available"], partner["back_on"]) == (True, None)


async def test_pages_hold_everybody_once_and_stay_as_they_are(market: Market) -> None:
    await market.has(*(a_partner(f"P {n}", available=n % 7 > 0) for n in range(45)))
    await market.tell(*(a_standing(derived_id("partner", f"P {n}"), replied=n, rated=(4,)) for n in range(30)))
    pages = [await market.slugs(page=page) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [20, 20, 5, 0]
    assert len({slug for page in pages for slug in page}) == 45
    assert pages == [await market.slugs(page=page) for page in (1, 2, 3, 4)]
    first = (await market.get("/api/v1/partners")).json()
    assert (first["total"], first["pages"], first["next_page"]) == (45, 3, 2)
    assert (await market.get("/api/v1/partners", page=3)).json()["next_page"] is None


async def test_newcomers_have_their_share_of_the_page(market: Market) -> None:
    await market.has(*(a_partner(f"P {n}") for n in range(40)))
    await market.tell(*(a_standing(derived_id("partner", f"P {n}"), replied=9, rated=(5,)) for n in range(30)))
    page = (await market.get("/api/v1/partners")).json()["partners"]
    assert [place for place, partner in enumerate(page, 1) if partner["newcomer"]] == [5, 10, 15, 20]


async def test_the_api_tells_prices_and_times(market: Market) -> None:
    await market.has(a_partner(services=(an_offer(price="600.50", lead_days=4), an_offer("video", unit="hour"))))
    await market.tell(a_standing(replied=4, reply_seconds=4 * 1800.0, rated=(5, 4, 4)))
    (partner,) = (await market.get("/api/v1/partners")).json()["partners"]
    assert partner["partner_id"] == str(PARTNER_ID)
    assert partner["services"][0] == {
        "service": "seo",
        "price_from": {"amount": "600.50", "currency": "USD"},
        "unit": "project",
        "lead_days": 4,
    }
    assert (partner["rating"], partner["reply_seconds"]) == ({"mean": 4.33, "reviews": 3}, 1800)


async def test_the_api_is_documented(market: Market) -> None:
    document = (await market.get("/openapi.json")).json()
    assert set(document["paths"]) == {"/api/v1/partners", "/api/v1/partners/{slug}"}
    named = {parameter["name"] for parameter in document["paths"]["/api/v1/partners"]["get"]["parameters"]}
    assert named == set(Filters.model_fields)


# What an address says


@pytest.mark.parametrize(
    ("typed", "locale", "price"),
    [("1,500", Locale.EN, "1500"), ("1 500,50", Locale.FR, "1500.50"), ("１０，０００", Locale.JA, "10000")],
)
def test_a_price_is_read_as_people_write_it(typed: str, locale: Locale, price: str) -> None:
    filters, wrong = from_query({"price": typed}, locale)
    assert (filters.price, wrong) == (Decimal(price), set())
    assert filters.currency in ("USD", "EUR", "JPY")


def test_what_is_not_understood_is_left_out_and_the_rest_holds() -> None:
    query = {"q": "tea", "price": "cheap", "currency": "EUR", "service": "witchcraft", "country": "FR", "page": "x"}
    filters, wrong = from_query({**query, "rating": "", "unknown": "1"}, Locale.EN)
    assert (filters.q, filters.country, filters.price, filters.service, filters.page) == ("tea", "FR", None, None, 1)
    assert filters.currency == "EUR"
    assert wrong == {"price", "service", "page"}


def test_a_price_in_a_currency_that_is_none_is_not_taken_for_another() -> None:
    filters, wrong = from_query({"price": "5", "currency": "euro"}, Locale.EN)
    assert (filters.price, filters.currency, wrong) == (None, "USD", {"price", "currency"})


def test_an_address_says_its_filters_and_nothing_else() -> None:
    filters, _ = from_query({"q": "a&b", "price": "5", "currency": "EUR", "rating": "4.5", "language": ""}, Locale.EN)
    assert filters.query() == "?q=a%26b&price=5&rating=4.5&currency=EUR"
    assert filters.query(price=None, rating=None, page=2) == "?q=a%26b&page=2"
    assert from_query({}, Locale.EN)[0].query() == ""
