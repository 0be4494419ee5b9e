"""Who gets a request, and why."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.selection import eligible, explained, has_room, select
from shared.contracts.base import Locale, Money
from shared.contracts.matching import Selection
from shared.contracts.partners import Away
from shared.contracts.requests import Priorities, RequestKind
from tests.builders import (
    MERCHANT_ID,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_merchant,
    a_partner,
    an_offer,
    derived_id,
    details,
)
from tests.matching.markets import a_crowd, a_market, a_standing


def names(selections: tuple[Selection, ...], partners) -> list[str]:
    by_id = {partner.partner_id: partner.profile.name for partner in partners}
    return [by_id[selection.partner_id] for selection in selections]


@pytest.mark.parametrize(
    ("why", "partner", "request_fields"),
    [
        ("it is not published", {"published": False}, {}),
        ("it is not available", {"available": False}, {}),
        ("it does not offer the service", {"services": (an_offer("video"),)}, {}),
        ("it takes no dropshippers", {"dropshippers": False}, {"dropshipping": True}),
        ("it is not visible", {"visible": False}, {}),
        ("it does not speak the language", {"languages": ("ja", "fr")}, {}),
    ],
)
def test_a_partner_gets_nothing_when(why: str, partner, request_fields) -> None:
    assert eligible(details(**request_fields), a_partner(), NOW) is not None
    assert eligible(details(**request_fields), a_partner(**partner), NOW) is None, why


def test_a_partner_that_takes_no_dropshippers_takes_everybody_else() -> None:
    assert eligible(details(), a_partner(dropshippers=False), NOW) is not None


def test_whoever_asks_by_name_has_seen_the_languages_and_found_the_profile() -> None:
    direct = details(RequestKind.DIRECT, locale=Locale.FR)
    assert eligible(direct, a_partner(languages=("ja",), visible=False), NOW) is not None


def test_nobody_is_asked_twice() -> None:
    crowd = a_crowd(3)
    tried = {crowd[0].partner_id, crowd[2].partner_id}
    assert names(select(REQUEST_ID, details(), a_market(*crowd), 9, tried, at=NOW), crowd) == ["Firm 1"]


QUICK = a_partner("Quick", services=(an_offer(price="3000", lead_days=0),))
CHEAP = a_partner("Cheap", services=(an_offer(price="200", lead_days=30),))
GOOD = a_partner("Good", services=(an_offer(price="3000", lead_days=30),))


@pytest.mark.parametrize(
    ("matters", "first"),
    [
        (Priorities(time=5, cost=0, quality=0), "Quick"),
        (Priorities(time=0, cost=5, quality=0), "Cheap"),
        (Priorities(time=0, cost=0, quality=5), "Good"),
    ],
)
def test_the_merchants_priorities_decide_who_comes_first(matters: Priorities, first: str) -> None:
    market = a_market(QUICK, CHEAP, GOOD)
    market.learn(a_standing(GOOD, reviews=20, rating_sum=100))
    wanted = details(priorities=matters, budget=Money(amount=Decimal(1000), currency="USD"))
    assert names(select(REQUEST_ID, wanted, market, 3, (), at=NOW), [QUICK, CHEAP, GOOD])[0] == first


def test_who_lets_jobs_expire_comes_after_who_answers_and_a_decline_is_an_answer() -> None:
    crowd = silent, polite, _ = [a_partner(name) for name in ("Silent", "Polite", "New")]
    market = a_market(*crowd)
    market.learn(a_standing(silent, expired=5))
    market.learn(a_standing(polite, declined=5))
    assert names(select(REQUEST_ID, details(), market, 3, (), at=NOW), crowd) == ["Polite", "New", "Silent"]


def test_reviews_of_other_services_count_half() -> None:
    def quality(service: str) -> float:
        standing = a_standing(a_partner(), service, reviews=4, rating_sum=4)
        selection = explained(details(), a_partner(), an_offer(), standing)
        return next(factor.value for factor in selection.factors if factor.name == "quality")

    newcomer = (4.2 - 1) / 4
    assert quality("seo") < quality("video") < newcomer


@pytest.mark.parametrize(
    ("price", "budget", "value"),
    [
        ("500", 1000, 1.0),
        ("1000", 1000, 0.5),
        ("1500", 1000, 0.25),
        ("2000", 1000, 0.0),
        ("9000", 1000, 0.0),
        ("1", 0, 0),
    ],
)
def test_a_price_is_judged_by_the_budget(price: str, budget: int, value: float) -> None:
    wanted = details(budget=Money(amount=Decimal(budget), currency="USD"))
    assert cost(wanted, an_offer(price=price)) == value


def test_a_price_that_cannot_be_compared_is_neither_good_nor_bad() -> None:
    euros = details(budget=Money(amount=Decimal(1), currency="EUR"))
    dollars = details(budget=Money(amount=Decimal(1), currency="USD"))
    assert cost(details(), an_offer()) == cost(euros, an_offer()) == cost(dollars, an_offer(unit="hour")) == 0.5


def cost(wanted, offer) -> float:
    selection = explained(wanted, a_partner(), offer, None)
    return next(factor.value for factor in selection.factors if factor.name == "cost")


def test_partners_that_are_equal_take_turns_by_request() -> None:
    crowd = a_crowd(4)
    market = a_market(*crowd)
    firsts = {select(derived_id(number), details(), market, 1, (), at=NOW)[0].partner_id for number in range(64)}
    assert firsts == {partner.partner_id for partner in crowd}


counts = st.integers(0, 50)
partners = st.builds(
    lambda number, price, days, unit, language: a_partner(
        f"Firm {number}",
        main_language=language,
        services=(an_offer(price=str(price), lead_days=days, unit=unit),),
    ),
    st.integers(0, 30),
    st.integers(0, 100_000),
    st.integers(0, 365),
    st.sampled_from(["project", "hour"]),
    st.sampled_from(Locale),
)
wishes = st.builds(
    lambda time, cost, quality, budget: details(
        priorities=Priorities(time=time, cost=cost, quality=quality),
        budget=Money(amount=Decimal(budget), currency="USD") if budget is not None else None,
    ),
    *[st.integers(0, 5)] * 3,
    st.none() | st.integers(0, 100_000),
)
histories = st.builds(
    lambda replied, declined, expired, seconds, reviews, stars: {
        "received": replied + declined + expired,
        "replied": replied,
        "declined": declined,
        "expired": expired,
        "reply_seconds": replied * seconds,
        "reviews": reviews,
        "rating_sum": reviews * stars,
    },
    counts,
    counts,
    counts,
    st.floats(0, 1e6),
    counts,
    st.integers(1, 5),
)


@given(wanted=wishes, crowd=st.lists(st.tuples(partners, st.none() | histories), max_size=8), count=st.integers(1, 5))
def test_every_selection_explains_itself_and_is_the_same_again(wanted, crowd, count: int) -> None:
    market, reversed_market = a_market(), a_market()
    crowd = list({partner.partner_id: (partner, past) for partner, past in crowd}.values())
    for order, into in ((crowd, market), (crowd[::-1], reversed_market)):
        for partner, past in order:
            into.put(partner)
            if past:
                into.learn(a_standing(partner, **past))
    chosen = select(REQUEST_ID, wanted, market, count, (), at=NOW)
    assert chosen == select(REQUEST_ID, wanted, reversed_market, count, (), at=NOW)
    assert len(chosen) == min(count, len(crowd))
    scores = [selection.score for selection in chosen]
    assert scores == sorted(scores, reverse=True)
    for selection in chosen:
        assert 0 <= selection.score <= 100
        assert round(sum(factor.points for factor in selection.factors), 2) == selection.score
        assert abs(sum(factor.weight for factor in selection.factors) - 1) < 0.001
        for factor in selection.factors:
            assert 0 <= factor.value <= 1
            assert abs(100 * factor.value * factor.weight - factor.points) < 0.02


def test_a_direct_request_asks_nobody_but_the_one_it_names() -> None:
    wanted = details(RequestKind.DIRECT)
    assert select(REQUEST_ID, wanted, a_market(*a_crowd(3)), 3, (), at=NOW) == ()
    assert [
        one.partner_id for one in select(REQUEST_ID, wanted, a_market(*a_crowd(3), a_partner()), 3, (), at=NOW)
    ] == [PARTNER_ID]


DAY = timedelta(days=1)
TODAY = NOW.date()


@pytest.mark.parametrize(
    ("away", "gets_it"),
    [((0, 0), False), ((-3, 3), False), ((-3, -1), True), ((1, 3), True), ((0, 1), False), ((-1, 0), False)],
)
def test_who_is_away_today_gets_nothing_and_is_back_by_itself(away: tuple[int, int], *, gets_it: bool) -> None:
    first, last = (TODAY + days * DAY for days in away)
    partner = a_partner(away=Away(first_day=first, last_day=last))
    assert (eligible(details(), partner, NOW) is not None) == gets_it


def test_a_merchant_who_has_blocked_a_partner_is_never_sent_to_it() -> None:
    blocked = a_partner(blocked_by=(MERCHANT_ID,))
    for kind in RequestKind:
        assert eligible(details(kind), blocked, NOW) is None
    assert eligible(details(merchant=a_merchant("olga@other.example")), blocked, NOW) is not None


@pytest.mark.parametrize(
    ("limits", "open_jobs", "days_ago", "gets_it"),
    [
        ({}, 99, (0, 0, 0), True),
        ({"open_jobs": 3}, 2, (), True),
        ({"open_jobs": 3}, 3, (), False),
        ({"open_jobs": 0}, 0, (), False),
        ({"jobs_per_week": 2}, 0, (0, 6), False),
        ({"jobs_per_week": 2}, 0, (0, 7), True),
        ({"jobs_per_week": 3}, 9, (0, 3), True),
    ],
)
def test_no_more_is_sent_than_a_partner_wants(
    limits: dict[str, int], open_jobs: int, days_ago: tuple[int, ...], *, gets_it: bool
) -> None:
    partner = a_partner(**limits)
    received_on = Counter(TODAY - days * DAY for days in days_ago)
    standing = a_standing(partner).model_copy(update={"open_jobs": open_jobs, "received_on": dict(received_on)})
    assert has_room(partner, standing, details(), NOW) == gets_it
    assert has_room(partner, standing, details(RequestKind.DIRECT), NOW), "Who is asked by name can say no."
    assert has_room(a_partner(), None, details(), NOW)
