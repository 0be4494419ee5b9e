"""The directory and the profiles as people see them: in three languages, without a script, whatever partners write."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from services.leads.profiles import links_of, shown
from shared.contracts.base import Locale
from shared.contracts.partners import Away
from tests.builders import NOW, a_partner, an_offer
from tests.leads.markets import HOURS, Market, a_review, a_standing

EVERY = pytest.mark.parametrize("locale", list(Locale))
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)> %(name)s {{ 7*7 }} 'onfocus="
TODAY = NOW.date()


class Parsed(HTMLParser):
    """A page's tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]

    @property
    def links(self) -> list[str]:
        return [link["href"] for link in self.all("a")]


@pytest.fixture
def market() -> Market:
    return Market()


async def page(market: Market, path: str, expect: int = 200, **params: str) -> Parsed:
    response = await market.get(path, expect, **params)
    assert response.headers["content-type"].startswith("text/html")
    return Parsed(response.text)


@EVERY
async def test_both_pages_are_in_the_readers_language(market: Market, locale: Locale) -> None:
    await market.has(a_partner(services=(an_offer(price="1500"),)))
    await market.tell(a_standing(replied=2, reply_seconds=2 * 3 * HOURS, rated=(5, 4)), a_review(rating=4))
    words = {
        Locale.EN: (
            "Find a partner",
            "1 partner",
            "from $1,500.00 per project",
            "within 3 hours",
            "2 reviews",
            "Japan",
        ),
        Locale.FR: ("Trouver un partenaire", "1 partenaire", "$US par projet", "moins de 3 heures", "2 avis", "Japon"),
        Locale.JA: ("パートナーを探す", "パートナー1件", "1案件 $1,500.00から", "3時間以内", "レビュー2件", "日本"),
    }[locale]
    directory = await page(market, f"/{locale}/partners")
    for word in words:
        assert word in directory.text.replace("\u202f", " "), word
    profile = await page(market, f"/{locale}/partners/studio-hoshi")
    for word in words[2:]:
        assert word in profile.text.replace("\u202f", " "), word
    for one in (directory, profile):
        assert one.all("html", lang=locale.value)


@EVERY
@pytest.mark.parametrize("path", ["/partners", "/partners/studio-hoshi"])
async def test_a_page_names_itself_and_its_translations(market: Market, locale: Locale, path: str) -> None:
    await market.has(a_partner())
    found = await page(market, f"/{locale}{path}", country="JP", page="1")
    assert found.all("link", rel="canonical") == [{"rel": "canonical", "href": f"https://jobs.example/{locale}{path}"}]
    translated = {link["hreflang"]: link["href"] for link in found.all("link", rel="alternate")}
    assert translated == {one: f"https://jobs.example/{one}{path}" for one in Locale}
    (description,) = found.all("meta", name="description")
    assert description["content"]
    assert len(found.all("title")) == len(found.all("h1")) == 1


async def test_another_language_keeps_what_was_searched_for(market: Market) -> None:
    found = await page(market, "/en/partners", country="JP", q="tea")
    assert "/fr/partners?q=tea&country=JP" in found.links


async def test_no_page_needs_a_script_a_style_or_another_host(market: Market) -> None:
    await market.has(a_partner(portfolio=("https://shop.example/a",)))
    for path in ("/en/partners", "/en/partners/studio-hoshi", "/en/partners/nobody"):
        response = await market.client.get(path)
        assert "default-src 'none'" in response.headers["content-security-policy"]
        found = Parsed(response.text)
        assert not found.all("script")
        assert not found.all("style")
        for _, attributes in found.tags:
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
            assert attributes.get("src", "/").startswith("/")


async def test_what_partners_and_merchants_write_is_text(market: Market) -> None:
    await market.has(a_partner("Studio Hoshi", slug="hostile", about=HOSTILE, portfolio=(HOSTILE,)))
    await market.has(a_partner(HOSTILE, slug="named"))
    await market.tell(a_standing(replied=1, rated=(2,)), a_review(text=HOSTILE, rating=2, answer=HOSTILE))
    for path in ("/en/partners", "/en/partners/hostile", "/ja/partners/named"):
        found = await page(market, path, q="" if "/partners/" in path else "alert")
        assert not found.all("script")
        assert not found.all("img")
        assert "<script>alert(1)</script>" in found.text
        assert "{{ 7*7 }}" in found.text or path == "/en/partners"


async def test_what_was_searched_for_is_text_too(market: Market) -> None:
    found = await page(market, "/en/partners", q=HOSTILE, price=HOSTILE, service=HOSTILE, country=HOSTILE)
    assert not found.all("script")
    assert found.all("input", name="q")[0]["value"] == HOSTILE


async def test_the_form_keeps_what_was_asked_and_each_filter_can_be_removed(market: Market) -> None:
    await market.has(a_partner())
    asked = {"q": "store", "service": "seo", "country": "JP", "price": "2,000", "currency": "USD", "within": "7"}
    await market.tell(a_standing(replied=1, reply_seconds=7 * HOURS))
    found = await page(market, "/en/partners", **asked)
    assert "1 partner " in found.text
    chosen = {option["value"] for option in found.all("option") if "selected" in option}
    assert chosen == {"seo", "JP", "USD", "7"}
    assert found.all("input", name="price", value="2,000")
    without_service = "/en/partners?q=store&country=JP&price=2000&within=7&currency=USD"
    assert without_service in found.links
    assert "/en/partners?service=seo&country=JP&price=2000&within=7&currency=USD" in found.links
    assert "/en/partners?q=store&service=seo&country=JP&within=7" in found.links
    assert "Up to $2,000.00" in found.text


async def test_a_price_that_is_no_number_is_said_at_its_field(market: Market) -> None:
    await market.has(a_partner())
    found = await page(market, "/en/partners", price="cheap")
    (field,) = found.all("input", name="price")
    assert (field["value"], field["aria-invalid"]) == ("cheap", "true")
    assert found.all("p", id=field["aria-describedby"])
    assert found.all("details", open="")
    assert "1 partner " in found.text


async def test_nothing_found_says_what_to_do(market: Market) -> None:
    await market.has(a_partner())
    found = await page(market, "/en/partners", q="nothing", price="1", currency="EUR")
    assert "0 partners" in found.text
    assert "Remove a filter above" in found.text
    assert "Only prices in EUR were compared." in found.text
    assert "/en/partners" in found.links
    assert "/en/requests/new" in found.links


async def test_pages_lead_on_and_back(market: Market) -> None:
    await market.has(*(a_partner(f"P {n}") for n in range(45)))
    first, second = [await page(market, "/en/partners", country="JP", page=number) for number in "12"]
    assert [link["href"] for link in first.all("a", rel="next")] == ["/en/partners?country=JP&page=2"]
    assert not first.all("a", rel="prev")
    assert [link["href"] for link in second.all("a", rel="prev")] == ["/en/partners?country=JP"]
    assert "45 partners" in second.text
    assert "Page 3 of 3" in (await page(market, "/en/partners", page="99")).text
    listed = [
        link for number in "123" for link in (await page(market, "/en/partners", page=number)).links if "/p-" in link
    ]
    assert len(listed) == len(set(listed)) == 45


CONTACTS = ("/en/requests/new?partner=studio-hoshi", "/en/contact?partner=studio-hoshi")


async def test_a_profile_leads_to_both_ways_of_contact(market: Market) -> None:
    await market.has(a_partner())
    assert set(CONTACTS) <= set((await page(market, "/en/partners/studio-hoshi")).links)


@pytest.mark.parametrize(
    ("preferences", "says"),
    [
        ({"available": False}, "Not available right now"),
        (
            {"away": Away(first_day=TODAY - timedelta(days=1), last_day=TODAY)},
            "Not available right now (back on March 3, 2026)",
        ),
        ({"available": False, "away": Away(first_day=TODAY, last_day=TODAY)}, "Not available right now"),
    ],
    ids=["unavailable", "away", "both"],
)
async def test_who_is_not_available_is_shown_as_such_and_cannot_be_contacted(market: Market, preferences, says) -> None:
    await market.has(a_partner(**preferences))
    for path in ("/en/partners", "/en/partners/studio-hoshi"):
        found = await page(market, path)
        assert says in found.text
        assert ("back on" in found.text) is ("back on" in says)
        assert not set(CONTACTS) & set(found.links)
        assert "Studio Hoshi" in found.text


async def test_who_is_invisible_is_found_by_its_link_alone(market: Market) -> None:
    await market.has(a_partner(visible=False))
    assert "0 partners" in (await page(market, "/en/partners")).text
    assert set(CONTACTS) <= set((await page(market, "/en/partners/studio-hoshi")).links)


@EVERY
async def test_who_is_not_published_is_not_there(market: Market, locale: Locale) -> None:
    await market.has(a_partner(published=False))
    gone = await page(market, f"/{locale}/partners/studio-hoshi", expect=404)
    assert "Hoshi" not in gone.text
    assert f"/{locale}/partners" in gone.links


async def test_a_portfolio_links_to_the_web_and_to_nothing_else(market: Market) -> None:
    portfolio = ("https://shop.example/", "http://a.example/x?y=1", "javascript:alert(1)", "data:text/html,x", "shop")
    await market.has(a_partner(portfolio=portfolio))
    found = await page(market, "/en/partners/studio-hoshi")
    theirs = [link for link in found.all("a") if "://" in link["href"]]
    assert [link["href"] for link in theirs] == list(portfolio[:2])
    assert {link["rel"] for link in theirs} == {"nofollow noopener noreferrer"}


@pytest.mark.parametrize(
    "url",
    [
        "https://bank.example@evil.example/",
        "https://user:pw@evil.example",
        "//evil.example",
        "https:///x",
        "https://[::1",
        "JAVASCRIPT:alert(1)//https://a.example",
        "https://a.example/\n<b>",
        " ",
        "ftp://a.example",
        "https://a:99999",
    ],
)
def test_an_address_that_hides_where_it_leads_is_no_link(url: str) -> None:
    assert links_of([url]) == ()


def test_a_link_is_shown_without_its_scheme() -> None:
    assert shown("https://shop.example/") == "shop.example"
    assert shown("http://shop.example/work/1?a=b") == "shop.example/work/1?a=b"


async def test_reviews_come_a_page_at_a_time_without_anybodys_name(market: Market) -> None:
    await market.has(a_partner())
    reviews = [a_review(n, text=f"Review {n}.", at=NOW + timedelta(hours=n)) for n in range(25)]
    await market.tell(a_standing(replied=25, rated=(5,) * 25), *reviews)
    first = await page(market, "/en/partners/studio-hoshi")
    second = await page(market, "/en/partners/studio-hoshi", reviews="2")
    told = [re.findall(r"Review (\d+)\.", found.text) for found in (first, second)]
    assert told == [[str(n) for n in range(24, 4, -1)], [str(n) for n in range(4, -1, -1)]]
    assert "/en/partners/studio-hoshi?reviews=2#reviews" in first.links
    assert "25 reviews" in first.text
    await page(market, "/en/partners/studio-hoshi", reviews="²")


async def test_a_text_is_marked_with_the_language_it_is_in(market: Market) -> None:
    """So that the glyphs are right and a reader's voice is too."""
    await market.has(a_partner(about="紅茶店の制作。", main_language="ja"))
    await market.tell(a_standing(replied=1, rated=(5,)), a_review(text="Très bien.", about={"locale": "fr"}))
    found = await page(market, "/en/partners/studio-hoshi")
    assert found.all("p", lang="ja")
    assert found.all("p", lang="fr")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "within 1 hour"),
        (3600, "within 1 hour"),
        (3601, "within 2 hours"),
        (47 * HOURS, "within 47 hours"),
        (48 * HOURS, "within 2 days"),
        (60 * HOURS, "within 3 days"),
    ],
)
async def test_a_reply_time_is_promised_rounded_up(market: Market, seconds: float, words: str) -> None:
    await market.has(a_partner())
    await market.tell(a_standing(replied=1, reply_seconds=seconds))
    assert f"Usually answers {words}" in (await page(market, "/en/partners/studio-hoshi")).text


async def test_every_field_has_a_label_and_every_id_is_one(market: Market) -> None:
    await market.has(a_partner())
    await market.tell(a_standing(replied=3, rated=(5,)), a_review())
    for path in ("/en/partners?price=x", "/en/partners/studio-hoshi"):
        found = await page(market, path)
        ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        labelled = {label["for"] for label in found.all("label")}
        fields = [each["id"] for tag in ("input", "select") for each in found.all(tag)]
        assert set(fields) == labelled
        for _, attributes in found.tags:
            named = f"{attributes.get('aria-labelledby', '')} {attributes.get('aria-describedby', '')}".split()
            assert set(named) <= set(ids)
