"""Who gets a request, and why."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.index import Index
from services.matching.selection import Choice
from services.matching.weights import Weights
from shared.contracts.base import Locale, Money
from shared.contracts.matching import StandingChanged, Why
from shared.contracts.partners import Away, Partner
from shared.contracts.requests import Priorities, RequestDetails, RequestKind
from tests.builders import (
    MERCHANT_ID,
    NOW,
    PARTNER_ID,
    a_merchant,
    a_partner,
    an_offer,
    derived_id,
    details,
)
from tests.matching.markets import WITHOUT_LUCK, a_crowd, a_market, a_standing, chosen, names


def asked(partner: Partner, wanted: RequestDetails, standing: StandingChanged | None = None) -> bool:
    """Whether a partner that is alone in the market gets this."""
    market = a_market(partner)
    if standing:
        market.learn(standing)
    return bool(chosen(wanted, market).selections)


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
    assert asked(a_partner(), details(**request_fields))
    assert not asked(a_partner(**partner), details(**request_fields)), why


def test_a_partner_that_takes_no_dropshippers_takes_everybody_else() -> None:
    assert asked(a_partner(dropshippers=False), details())


def test_whoever_asks_by_name_has_seen_the_languages_and_found_the_profile() -> None:
    direct = details(RequestKind.DIRECT, locale=Locale.FR)
    assert asked(a_partner(languages=("ja",), visible=False), direct)


def test_nobody_is_asked_twice() -> None:
    crowd = a_crowd(3)
    tried = {crowd[0].partner_id, crowd[2].partner_id}
    assert names(chosen(details(), a_market(*crowd), 9, tried), crowd) == ["Firm 1"]


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
    assert names(chosen(wanted, market, 3), [QUICK, CHEAP, GOOD])[0] == first


def test_who_lets_jobs_expire_comes_after_who_declines_and_both_after_who_is_new() -> None:
    crowd = silent, polite, _ = [a_partner(name) for name in ("Silent", "Polite", "New")]
    market = a_market(*crowd)
    market.learn(a_standing(silent, expired=5))
    market.learn(a_standing(polite, declined=5))
    assert names(chosen(details(), market, 3), crowd) == ["New", "Polite", "Silent"]


def value_of(name: str, choice: Choice) -> float:
    return next(factor.value for factor in choice.selections[0].factors if factor.name == name)


def test_reviews_of_other_services_count_half() -> None:
    def quality(service: str) -> float:
        market = a_market(a_partner(services=(an_offer("seo"), an_offer("video"))))
        market.learn(a_standing(a_partner(), service, reviews=4, rating_sum=4))
        return value_of("quality", chosen(details(), market))

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
    return value_of("cost", chosen(wanted, a_market(a_partner(services=(offer,)))))


@pytest.mark.parametrize(
    ("about", "wanted"),
    [
        ("We build stores for growers of green tea.", "A store for our green tea"),
        ("Nous créons des boutiques de vélos anciens.", "Refaire la page de nos vélos anciens"),
        ("緑茶の商品ページを専門に作っています。", "緑茶の商品ページを作りたい"),
    ],
)
def test_who_writes_about_the_same_things_fits_better(about: str, wanted: str) -> None:
    """In each language; a partner of another trade is the measure."""

    def fit(text: str) -> float:
        market = a_market(a_partner(about=text))
        request = details(title=wanted, business=wanted, requirements=wanted)
        return value_of("fit", chosen(request, market))

    assert fit(about) > fit("Jewellery, bijoux, 宝石の写真撮影。") + 0.05


def test_partners_that_are_equal_take_turns_by_request() -> None:
    crowd = a_crowd(4)
    market = a_market(*crowd)
    firsts = {
        chosen(details(), market, 1, request_id=derived_id(number)).selections[0].partner_id for number in range(64)
    }
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
    choice = chosen(wanted, market, count, weights=Weights())
    assert choice == chosen(wanted, reversed_market, count, weights=Weights())
    assert len(choice.selections) == min(count, len(crowd))
    assert choice.eligible == len(crowd)
    if crowd:
        assert sum(one.probability for one in (*choice.selections, *choice.nearest)) <= count + 1e-9
    for selection in choice.selections:
        assert round(sum(factor.points for factor in selection.factors), 2) == selection.score
        assert abs(sum(factor.weight for factor in selection.factors if factor.name != "exploration") - 1) < 0.001
        assert 0 < selection.probability <= 1
        assert 0 < selection.chance < 1
        for factor in selection.factors:
            assert factor.name == "exploration" or 0 <= factor.value <= 1
            assert abs(100 * factor.value * factor.weight - factor.points) < 0.02
    for passed in choice.nearest:
        assert round(sum(passed.points.values()), 2) == passed.score


def test_without_luck_the_chosen_are_the_best_and_the_next_best_are_named() -> None:
    crowd = [a_partner(f"Firm {one}", services=(an_offer(lead_days=3 * one),)) for one in range(10)]
    choice = chosen(details(), a_market(*crowd), 4)
    scores = [one.score for one in (*choice.selections, *choice.nearest)]
    assert scores == sorted(scores, reverse=True)
    assert len(choice.nearest) == 5
    assert {one.why for one in choice.nearest} == {Why.SCORE}


def test_a_probability_is_the_share_of_requests_that_choose_somebody() -> None:
    """Each request draws anew; what is written down must be how often it really happens."""
    crowd = a_crowd(8)
    market = a_market(*crowd)
    market.learn(a_standing(crowd[0], replied=30))
    said, happened = Counter[str](), Counter[str]()
    for number in range(400):
        choice = chosen(details(), market, 2, request_id=derived_id("draw", number), weights=Weights())
        happened.update(names(choice, crowd))
        for one in (*choice.selections, *choice.nearest):
            said[next(p.profile.name for p in crowd if p.partner_id == one.partner_id)] += one.probability
    for partner in crowd:
        assert abs(said[partner.profile.name] - happened[partner.profile.name]) < 4 * 400**0.5


def test_who_has_had_much_more_than_its_share_waits_for_the_others() -> None:
    crowd = a_crowd(6)
    market = a_market(*crowd)
    for partner in crowd:
        market.learn(a_standing(partner, received=40 if partner is crowd[0] else 4, replied=4))
    choice = chosen(details(), market, 4)
    assert "Firm 0" not in names(choice, crowd)
    assert [one.why for one in choice.nearest if one.partner_id == crowd[0].partner_id] == [Why.SHARE]
    assert len(chosen(details(), market, 6).selections) == 6, "Where there is nobody else, it is asked."


def test_no_score_is_high_enough_for_many_times_a_share() -> None:
    """Where the share counts nothing in the score, the limit alone holds the best of them back."""
    crowd = a_crowd(6)
    market = a_market(*crowd)
    for partner in crowd:
        best = partner is crowd[0]
        market.learn(a_standing(partner, received=60 if best else 4, replied=40 if best else 1))
    free = Weights(share=0, chance=0.55, exploration=0)
    assert free.most_share < 10
    assert "Firm 0" not in names(chosen(details(), market, 4, weights=free), crowd)
    unbounded = free.model_copy(update={"most_share": 1e9})
    assert names(chosen(details(), market, 4, weights=unbounded), crowd)[0] == "Firm 0"


def test_a_newcomer_is_not_kept_waiting_by_those_who_are_known() -> None:
    """Of four places among twenty partners who always reply, a newcomer has more than its fifth."""
    crowd = a_crowd(20)
    market = a_market(*crowd)
    for partner in crowd[1:]:
        market.learn(a_standing(partner, received=10, replied=8, declined=2, reviews=3, rating_sum=14))
    got = sum(
        "Firm 0" in names(chosen(details(), market, 4, request_id=derived_id("new", n), weights=Weights()), crowd)
        for n in range(100)
    )
    assert got > 20


def share_of(partner: Partner, market: Index) -> float:
    choice = chosen(details(), market, 9)
    of = next(one for one in choice.selections if one.partner_id == partner.partner_id)
    return next(factor.value for factor in of.factors if factor.name == "share")


def test_who_had_no_room_for_what_it_was_sent_is_owed_less() -> None:
    crowd = free, busy = a_crowd(2)
    market = a_market(*crowd)
    market.learn(a_standing(free, received=10, replied=5, declined=5))
    market.learn(a_standing(busy, received=10, replied=5, declined=5).model_copy(update={"busy": 5.0}))
    assert share_of(busy, market) < share_of(free, market) - 0.05


def test_who_was_away_is_not_owed_what_it_could_not_get() -> None:
    """Both have got as little; one of them had said that it would be away."""
    gone = Away(first_day=TODAY - 30 * DAY, last_day=TODAY - DAY)
    here, back = a_partner("Here"), a_partner("Back", away=gone)
    market = a_market(here, back)
    for partner in (here, back):
        market.learn(a_standing(partner, received=4, replied=4))
    assert share_of(back, market) < share_of(here, market) - 0.05


def test_a_draw_strays_also_where_everything_is_known() -> None:
    """People change: of two whose answers are known by the hundred, the slightly worse one is still asked sometimes."""
    crowd = better, worse = a_crowd(2)
    market = a_market(*crowd)
    for partner, replied in ((better, 496), (worse, 490)):
        market.learn(a_standing(partner, received=1, replied=replied, declined=500 - replied))
    asked_first = Counter(
        names(chosen(details(), market, 1, request_id=derived_id("floor", n), weights=Weights()), crowd)[0]
        for n in range(60)
    )
    assert 0 < asked_first["Firm 1"] < 30


def test_a_direct_request_asks_nobody_but_the_one_it_names() -> None:
    wanted = details(RequestKind.DIRECT)
    assert chosen(wanted, a_market(*a_crowd(3)), 3).selections == ()
    (selection,) = chosen(wanted, a_market(*a_crowd(3), a_partner()), 3).selections
    assert (selection.partner_id, selection.probability) == (PARTNER_ID, 1.0)


DAY = timedelta(days=1)
TODAY = NOW.date()


@pytest.mark.parametrize(
    ("away", "gets_it"),
    [((0, 0), False), ((-3, 3), False), ((-3, -1), True), ((1, 3), True), ((0, 1), False), ((-1, 0), False)],
)
def test_who_is_away_today_gets_nothing_and_is_back_by_itself(away: tuple[int, int], *, gets_it: bool) -> None:
    first, last = (TODAY + days * DAY for days in away)
    assert asked(a_partner(away=Away(first_day=first, last_day=last)), details()) == gets_it


def test_a_merchant_who_has_blocked_a_partner_is_never_sent_to_it() -> None:
    blocked = a_partner(blocked_by=(MERCHANT_ID,))
    for kind in RequestKind:
        assert not asked(blocked, details(kind))
    assert asked(blocked, details(merchant=a_merchant("olga@other.example")))


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
    assert asked(partner, details(), standing) == gets_it
    assert asked(partner, details(RequestKind.DIRECT), standing), "Who is asked by name can say no."


def may_get(details: RequestDetails, partner: Partner, standing: StandingChanged, at: datetime) -> bool:
    """The seeds' rules once more, one partner at a time, in words instead of bits."""
    profile, wants, by_name = partner.profile, partner.preferences, details.kind.names_a_partner
    week = {(at - timedelta(days=back)).date() for back in range(7)}
    new = sum(count for day, count in standing.received_on.items() if day in week)
    return (
        profile.published
        and any(offer.service == details.service for offer in profile.services)
        and wants.contactable(at)
        and details.merchant.merchant_id not in partner.blocked_by
        and (wants.dropshippers or not details.dropshipping)
        and (by_name or wants.visible)
        and (by_name or details.locale.value in profile.languages)
        and (by_name or wants.open_jobs is None or standing.open_jobs < wants.open_jobs)
        and (by_name or wants.jobs_per_week is None or new < wants.jobs_per_week)
    )


days = st.integers(-8, 3).map(lambda number: TODAY + number * DAY)
any_partner = st.builds(
    a_partner,
    published=st.sampled_from([True, True, False]),
    available=st.sampled_from([True, True, False]),
    visible=st.booleans(),
    dropshippers=st.booleans(),
    languages=st.sampled_from([("en",), ("fr", "en"), ("ja",), ("de", "fr")]),
    services=st.sampled_from([(an_offer("seo"),), (an_offer("seo"), an_offer("video")), (an_offer("video"),)]),
    away=st.none() | st.builds(lambda a, b: Away(first_day=min(a, b), last_day=max(a, b)), days, days),
    open_jobs=st.none() | st.integers(0, 4),
    jobs_per_week=st.none() | st.integers(0, 4),
    blocked_by=st.sampled_from([(), (), (MERCHANT_ID,)]),
)
any_standing = st.builds(
    lambda open_jobs, received: a_standing(a_partner()).model_copy(
        update={"open_jobs": open_jobs, "received_on": dict(sorted(received.items())[-8:])}
    ),
    st.integers(0, 5),
    st.dictionaries(days, st.integers(1, 3), max_size=6),
)
any_request = st.builds(
    details,
    st.sampled_from(RequestKind),
    locale=st.sampled_from(Locale),
    dropshipping=st.booleans(),
    service=st.sampled_from(["seo", "video"]),
    partner_id=st.just(PARTNER_ID),
)


@settings(max_examples=400)
@given(any_partner, any_standing, any_request, st.integers(0, 4))
@pytest.mark.slow
def test_who_may_get_a_request_is_what_the_seeds_say(partner, standing, wanted, later: int) -> None:
    at = NOW + later * DAY
    market = a_market(partner)
    market.learn(standing)
    chosen(details(), market)  # the day before: the columns must follow
    assert bool(chosen(wanted, market, at=at).selections) == may_get(wanted, partner, standing, at)


def test_weights_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 1\.1"):
        Weights(chance=WITHOUT_LUCK.chance + 0.1)
