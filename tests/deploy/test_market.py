"""The seeded market is what its generator makes, and big enough for every request."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from deploy.market import PARTNERS_FILE, load_partners
from deploy.market.make_market import as_lines, make_partners
from deploy.market.offers import OFFERS
from shared.taxonomy import SERVICES, is_service, service_name

PARTNERS = load_partners()
LANGUAGES = ("en", "fr", "ja")
EXAMPLE_HOST = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.example")


def reachable(partner: dict[str, Any]) -> bool:
    preferences = partner["preferences"]
    return bool(partner["published"] and preferences["available"] and preferences["visible"])


def offering(service: str) -> list[dict[str, Any]]:
    return [p for p in PARTNERS if reachable(p) and service in {offer["service"] for offer in p["services"]}]


def members() -> list[dict[str, Any]]:
    return [member for partner in PARTNERS for member in partner["members"]]


def test_the_file_is_what_the_generator_makes() -> None:
    assert PARTNERS_FILE.read_text(encoding="utf-8") == as_lines(make_partners())


def test_two_hundred_partners_in_three_languages() -> None:
    assert Counter(partner["main_language"] for partner in PARTNERS) == {"en": 90, "fr": 60, "ja": 50}
    assert all(partner["main_language"] == partner["languages"][0] for partner in PARTNERS)
    assert {language for partner in PARTNERS for language in partner["languages"]} == set(LANGUAGES)


def test_freelancers_studios_and_agencies_are_all_there() -> None:
    sizes = [len(partner["members"]) for partner in PARTNERS]
    assert set(sizes) <= set(range(1, 13))
    assert min(sizes.count(1), sum(2 <= n <= 5 for n in sizes), sum(n >= 6 for n in sizes)) >= 35


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_partners_for_three_waves(service: str) -> None:
    assert len(offering(service)) >= 12


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("service", SERVICES)
def test_every_request_finds_a_wave_in_its_language(service: str, language: str) -> None:
    speakers = [partner for partner in offering(service) if language in partner["languages"]]
    assert len(speakers) >= 5
    assert sum(partner["preferences"]["dropshippers"] for partner in speakers) >= 4


def test_some_partners_cannot_be_matched() -> None:
    assert sum(not partner["preferences"]["available"] for partner in PARTNERS) == 12
    assert sum(not partner["preferences"]["visible"] for partner in PARTNERS) == 8
    assert sum(not partner["published"] for partner in PARTNERS) == 6
    assert sum(not partner["preferences"]["dropshippers"] for partner in PARTNERS) == 70


def test_nothing_that_should_be_unique_occurs_twice() -> None:
    for key in ("partner_id", "slug", "name", "about"):
        assert len({partner[key] for partner in PARTNERS}) == len(PARTNERS), key
    for key in ("member_id", "email", "name"):
        assert len({member[key] for member in members()}) == len(members()), key


def test_no_sentence_is_used_by_two_partners() -> None:
    sentences = Counter(
        sentence
        for partner in PARTNERS
        for sentence in re.split(r"(?<=[.!?])\s+|(?<=。)", partner["about"])
        if sentence
    )
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


def test_every_about_is_two_or_three_sentences() -> None:
    for partner in PARTNERS:
        assert 2 <= len(re.findall(r"[.!?](?=\s|$)|。", partner["about"])) <= 3, partner["slug"]


def test_only_reserved_addresses() -> None:
    mailboxes = [member["email"] for member in members()]
    mailboxes += [p["preferences"]["notification_email"] for p in PARTNERS if p["preferences"]["notification_email"]]
    for mailbox in mailboxes:
        local, host = mailbox.split("@")
        assert re.fullmatch(r"[a-z-]+(\.[a-z-]+)?", local), mailbox
        assert EXAMPLE_HOST.fullmatch(host), mailbox
    for url in (url for partner in PARTNERS for url in partner["portfolio"]):
        assert EXAMPLE_HOST.fullmatch(url.removeprefix("https://")), url
    text = json.dumps(PARTNERS, ensure_ascii=False)
    assert set(re.findall(r"(?:@|://)[^\s\"]+\.([a-z]+)", text)) == {"example"}


def test_every_team_has_an_owner_and_reads_a_language_of_the_partner() -> None:
    for partner in PARTNERS:
        assert partner["members"][0]["role"] == "owner"
        assert {member["role"] for member in partner["members"]} <= {"owner", "admin", "member"}
        assert {member["locale"] for member in partner["members"]} <= set(partner["languages"])


def test_offers_name_known_services_once_with_a_price_in_the_partners_currency() -> None:
    for partner in PARTNERS:
        offers = partner["services"]
        assert all(is_service(offer["service"]) for offer in offers)
        assert len({offer["service"] for offer in offers}) == len(offers)
        assert len({offer["price_from"]["currency"] for offer in offers}) == 1
        for offer in offers:
            amount, currency = offer["price_from"]["amount"], offer["price_from"]["currency"]
            assert re.fullmatch(r"[1-9]\d*" if currency == "JPY" else r"[1-9]\d*\.\d\d", amount)
            assert offer["unit"] in {"project", "hour", "month", "item"}
            assert offer["lead_days"] >= 1


def test_the_price_table_covers_the_taxonomy() -> None:
    assert set(OFFERS) == set(SERVICES)
    assert all(is_service(neighbour) for offer in OFFERS.values() for neighbour in offer.goes_with)


def test_every_service_has_its_own_name_in_each_language() -> None:
    for language in LANGUAGES:
        assert len({service_name(key, language) for key in SERVICES}) == len(SERVICES)
    assert service_name("store-setup", "de") == service_name("store-setup", "en")
    assert not is_service("palm-reading")
