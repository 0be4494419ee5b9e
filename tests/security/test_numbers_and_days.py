"""Every day and number is bounded at the door, and a card that cannot be shown takes no page down."""

from datetime import date
from typing import Any

import pytest

from services.leads.amounts import typed_amount
from shared.contracts.base import Locale
from shared.contracts.partners import Away
from tests.builders import NOW, a_partner, an_offer
from tests.leads.markets import Market, a_review
from tests.leads.public import Public

TODAY = NOW.date()
NO_AMOUNTS = ("1,0E50", "1.0E50", "1e999999999", "1E-50", "NaN", "sNaN", "Infinity", "-Infinity", "1_000", "9" * 400)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.mark.parametrize("path", ["/en/partners", "/fr/partners", "/ja/partners", "/api/v1/partners"])
async def test_somebody_who_is_away_until_the_end_of_time_is_listed_like_others(market: Market, path: str) -> None:
    """(L) `last_day=9999-12-31` answered 500 on every page that would list the partner."""
    forever = Away(first_day=TODAY, last_day=date.max)
    await market.has(a_partner(away=forever))
    assert "Studio Hoshi" in (await market.get(path)).text
    profile = f"{path}/studio-hoshi"
    assert "Studio Hoshi" in (await market.get(profile)).text


@pytest.mark.parametrize("price", NO_AMOUNTS)
@pytest.mark.parametrize("locale", list(Locale))
async def test_an_amount_that_nobody_writes_is_no_amount(market: Market, locale: Locale, price: str) -> None:
    """(L) `price=1,0E50` answered 500."""
    await market.has(a_partner(services=(an_offer(),)))
    page = (await market.get(f"/{locale.value}/partners", price=price)).text
    assert 'aria-invalid="true"' in page
    await market.get("/api/v1/partners", 422, price=price, currency="EUR")


@pytest.mark.parametrize("amount", NO_AMOUNTS)
async def test_a_budget_that_nobody_writes_is_asked_for_again(amount: str) -> None:
    public = Public()
    answer = await public.fill_in("/fr/requests/new", budget_amount=amount, budget_currency="EUR")
    assert answer.status_code == 422
    assert public.requests == []


@pytest.mark.parametrize(
    ("typed", "locale", "amount"),
    [
        ("1.500,50", "fr", "1.500,50"),
        ("1 500,50", "fr", "1500.50"),
        ("1\u202f500,50", "fr", "1500.50"),
        ("1,500.50", "en", "1500.50"),
        ("１５００", "ja", "1500"),
        ("007", "en", "7"),
        ("", "en", ""),
        ("-5", "en", "-5"),
        ("1.0E50", "en", "1.0E50"),
    ],
)
def test_amounts_are_read_as_people_write_them(typed: str, locale: str, amount: str) -> None:
    assert typed_amount(typed, Locale(locale)) == amount


async def test_a_card_that_cannot_be_shown_is_left_out_and_counted(market: Market) -> None:
    """Whatever a record of another release holds: everybody else is still found."""
    await market.has(a_partner(), a_partner("Atelier Nord"))
    broken: dict[str, Any] = next(
        document for document in market.database["directory"].documents.values() if document["slug"] == "atelier-nord"
    )
    broken["offers"] = [{"service": "seo", "price_from": {"amount": "many", "currency": "EUR"}}]
    for path in ("/en/partners", "/fr/partners", "/api/v1/partners"):
        text = (await market.get(path)).text
        assert "Studio Hoshi" in text
        assert "Atelier Nord" not in text
    await market.get("/api/v1/partners/atelier-nord", 503)
    await market.get("/en/partners/atelier-nord", 503)
    counted = market.metrics.registry.get_sample_value
    assert counted("jobwire_unshown_total", {"what": "card"}) == 3
    assert counted("jobwire_unshown_total", {"what": "profile"}) == 2


async def test_a_review_that_cannot_be_shown_is_left_out(market: Market) -> None:
    await market.has(a_partner())
    await market.tell(a_review(1, text="Well done."), a_review(2, text="Never shown."))
    for document in market.database["directory_reviews"].documents.values():
        if document["text"] == "Never shown.":
            document["rating"] = "many"
    for path in ("/en/partners/studio-hoshi", "/api/v1/partners/studio-hoshi"):
        text = (await market.get(path)).text
        assert "Well done." in text
        assert "Never shown." not in text
