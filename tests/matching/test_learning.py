"""What matching learns from answers, as its partners would tell it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.learning import (
    ANSWERS,
    BANDS,
    NO_REQUEST,
    OFFERS,
    REACH,
    Fading,
    Sort,
    band_of,
    evidence_of,
    sort_of,
)
from shared.contracts.base import Money
from shared.contracts.jobs import PARTNERS_REASONS, DeclineReason
from shared.contracts.requests import RequestDetails, RequestKind
from tests.builders import NOW, a_partner, an_offer
from tests.matching.town import EXPIRES, REPLIES, Habit, Town

TODAY = NOW.date()
BOTH = (an_offer("migration"), an_offer("seo"))


def a_town(habits: dict[str, Habit], size: int = 10, **options: object) -> Town:
    names = [*habits, *(f"Neighbour {number}" for number in range(size - len(habits)))]
    return Town(habits, [a_partner(name, services=BOTH) for name in names], **options)


@pytest.mark.slow
async def test_who_declines_every_migration_stops_getting_them_and_still_gets_other_work() -> None:
    def no_migrations(about: RequestDetails, _number: int) -> str:
        return DeclineReason.NOT_MY_SERVICE if about.service == "migration" else REPLIES

    town = a_town({"Mole": no_migrations})
    await town.opens()
    while town.jobs["Mole"] < 20:  # twenty jobs of both kinds
        await town.lives(1, "migration")
        await town.lives(1, "seo")
    town.asked.clear()
    for _ in range(50):
        await town.lives(1, "migration")
        await town.lives(1, "seo")
    fair = 50 * 4 / 10
    assert town.asked["Mole", "migration"] <= fair / 4, "It still gets what it always declines."
    assert town.asked["Mole", "seo"] >= fair * 0.8, "It gets less of what it likes."


@pytest.mark.slow
async def test_who_lets_a_third_expire_gets_clearly_fewer_jobs_and_recovers_after_answering_again() -> None:
    careless = True

    def forgets_every_third(_about: RequestDetails, number: int) -> str:
        return EXPIRES if careless and number % 3 == 0 else REPLIES

    town = a_town({"Dozer": forgets_every_third})
    await town.opens()
    await town.lives(120)
    town.asked.clear()
    await town.lives(100)
    fair = 100 * 4 / 10
    while_careless = town.asked["Dozer", "seo"]
    assert while_careless <= 0.75 * fair, "Letting a third expire costs it nothing."
    careless = False
    await town.lives(300)
    town.asked.clear()
    await town.lives(100)
    assert town.asked["Dozer", "seo"] >= 0.85 * fair, "It has answered everything for months."
    assert town.asked["Dozer", "seo"] > while_careless


@pytest.mark.slow
async def test_an_expiry_costs_more_than_a_decline() -> None:
    def sometimes(act: str) -> Habit:
        return lambda _about, number: act if number % 3 == 0 else REPLIES

    town = a_town({"Dozer": sometimes(EXPIRES), "Frank": sometimes(DeclineReason.OTHER)})
    await town.opens()
    await town.lives(250)
    assert town.asked["Dozer", "seo"] < town.asked["Frank", "seo"]


@pytest.mark.slow
async def test_who_takes_only_large_budgets_is_asked_for_those() -> None:
    small, large = (Money(amount=Decimal(amount), currency="USD") for amount in (300, 9000))

    def picky(about: RequestDetails, _number: int) -> str:
        return REPLIES if about.budget == large else DeclineReason.BUDGET_TOO_LOW

    town = a_town({"Grand": picky})
    await town.opens()
    for _ in range(40):
        await town.lives(1, budget=small)
        await town.lives(1, budget=large)
    asked = {}
    for name, budget in (("small", small), ("large", large)):
        town.asked.clear()
        await town.lives(40, budget=budget)
        asked[name] = town.asked["Grand", "seo"]
    assert asked["large"] > 2 * asked["small"]


def one(end: str, *, band: int = 0) -> Sort:
    return Sort("seo", band, RequestKind.MATCH, end)


def test_every_reason_that_a_partner_can_give_has_its_reach_and_the_merchants_have_none() -> None:
    assert REACH.keys() == {"expired", *(reason.value for reason in PARTNERS_REASONS - NO_REQUEST)}


def test_a_duplicate_teaches_nothing_of_a_partners_taste() -> None:
    (evidence,) = evidence_of({one("duplicate"): 5.0})
    assert evidence.against == (0, 0, 0)


def test_an_expiry_weighs_more_than_any_decline_at_each_width_but_the_service_it_names() -> None:
    for reason in PARTNERS_REASONS - NO_REQUEST - {DeclineReason.NOT_MY_SERVICE}:
        assert all(worse > declined for worse, declined in zip(REACH["expired"], REACH[reason.value], strict=True)), (
            reason
        )


def test_who_finds_a_budget_too_low_will_not_want_a_smaller_one() -> None:
    found = {evidence.band: evidence for evidence in evidence_of({one("budget_too_low", band=3): 1.0})}
    assert [found[band].against[2] for band in (1, 2, 3)] == [1.0, 1.0, 1.0]
    assert [found[band].declined for band in (1, 2, 3)] == [0, 0, 1.0]


def test_the_order_of_what_was_answered_does_not_matter() -> None:
    answers = {one("replied"): 0.1, one("expired"): 0.2, one("other"): 0.3, one("language"): 0.7}
    assert evidence_of(answers) == evidence_of(dict(reversed(answers.items())))


@pytest.mark.parametrize(("fading", "half_life"), [(ANSWERS, 60), (OFFERS, 30)], ids=["answers", "offers"])
def test_what_fades_is_half_after_its_half_life(fading: Fading, half_life: int) -> None:
    total = 6 * fading.parts(TODAY - timedelta(days=half_life)) + fading.parts(TODAY)
    assert fading.left(total, TODAY) == 4.0
    assert fading.left(total, TODAY + timedelta(days=half_life)) == 2.0


@given(st.lists(st.dates(date(2019, 1, 1), date(2040, 1, 1)), min_size=1), st.randoms())
def test_what_fades_is_what_each_of_its_days_has_left(days: list[date], random: Any) -> None:
    as_of = max(days)
    total = sum(ANSWERS.parts(day) for day in random.sample(days, len(days)))
    each = sum(0.5 ** ((as_of - day).days / 60) for day in days)
    assert ANSWERS.left(total, as_of) == pytest.approx(each)
    for day in days:
        total -= ANSWERS.parts(day)
    assert total == 0


@pytest.mark.parametrize(
    ("budget", "band"),
    [
        (None, 0),
        (("999", "USD"), 1),
        (("1000", "EUR"), 2),
        (("150000", "JPY"), 2),
        (("750000", "JPY"), 3),
        (("5000", "GBP"), 3),
        (("5000", "XAU"), 0),
    ],
)
def test_a_budget_has_a_band_by_the_edges_of_its_own_currency(budget: tuple[str, str] | None, band: int) -> None:
    money = Money(amount=Decimal(budget[0]), currency=budget[1]) if budget else None
    assert band_of(money) == band


def test_every_sort_of_job_has_a_number_of_its_own() -> None:
    sorts = {sort_of(band, by_name) for band in range(BANDS) for by_name in (False, True)}
    assert sorts == set(range(2 * BANDS))
