"""Who comes first in the directory: fair, steady for a day, and open to newcomers."""

from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.ranking import KNOWN_AFTER, NEWCOMERS_PLACE, SLOW_REPLY_SECONDS, UNKNOWN, Standing, ranked, score
from services.leads.search import PAGE

TODAY = date(2026, 3, 2)
PLAIN = Standing(ended=10, replied=10, reply_seconds=10 * 7200.0, reviews=4, rating_sum=18, answers=0.9)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    replied = draw(st.integers(0, 50))
    reviews = draw(st.integers(0, replied))
    return Standing(
        ended=replied + draw(st.integers(0, 20)),
        replied=replied,
        reply_seconds=replied * draw(st.floats(0, 2 * SLOW_REPLY_SECONDS)),
        reviews=reviews,
        rating_sum=draw(st.integers(reviews, 5 * reviews)),
        answers=draw(st.none() | st.floats(0, 1)),
    )


MARKETS = st.dictionaries(st.uuids(), standings() | st.just(UNKNOWN), max_size=60)


@given(MARKETS)
def test_everybody_has_one_place(market: dict[UUID, Standing]) -> None:
    assert sorted(ranked(market, TODAY)) == sorted(market)


@given(MARKETS, st.integers())
def test_for_one_day_the_order_is_the_same_whoever_asks(market: dict[UUID, Standing], seed: int) -> None:
    shuffled = list(market.items())
    Random(seed).shuffle(shuffled)
    assert ranked(dict(shuffled), TODAY) == ranked(market, TODAY)


@given(MARKETS)
def test_those_who_are_known_stand_in_the_order_of_their_scores(market: dict[UUID, Standing]) -> None:
    scores = [score(market[one]) for one in ranked(market, TODAY) if not market[one].is_newcomers]
    assert scores == sorted(scores, reverse=True)


@given(MARKETS)
def test_every_fifth_place_is_a_newcomers_while_there_are_any(market: dict[UUID, Standing]) -> None:
    order = ranked(market, TODAY)
    new = [market[one].is_newcomers for one in order]
    for place, is_new in enumerate(new, 1):
        rest = new[place - 1 :]
        if place % NEWCOMERS_PLACE == 0:
            assert is_new or not any(rest)
        else:
            assert not is_new or all(rest)


def test_every_page_has_the_same_share() -> None:
    assert PAGE % NEWCOMERS_PLACE == 0


@given(standings())
def test_a_score_is_between_nothing_and_one(standing: Standing) -> None:
    assert 0 <= score(standing) <= 1


@given(standings(), st.integers(1, 5), st.integers(1, 5))
def test_a_better_review_is_never_worse(standing: Standing, one: int, other: int) -> None:
    low, high = (
        score(standing._replace(reviews=standing.reviews + 1, rating_sum=standing.rating_sum + rating))
        for rating in sorted((one, other))
    )
    assert low <= high


@pytest.mark.parametrize(
    "worse",
    [{"rating_sum": 12}, {"answers": 0.4}, {"reply_seconds": 10 * 40 * 3600.0}],
    ids=["rated lower", "answers fewer", "answers later"],
)
def test_what_is_worse_counts_less(worse: dict[str, float]) -> None:
    assert score(PLAIN._replace(**worse)) < score(PLAIN)


def test_one_perfect_review_is_not_worth_more_than_many_good_ones() -> None:
    assert score(PLAIN._replace(reviews=1, rating_sum=5)) < score(PLAIN._replace(reviews=40, rating_sum=190))


def test_equals_take_turns_from_day_to_day() -> None:
    market = {UUID(int=number): PLAIN for number in range(1, 6)}
    first = {ranked(market, TODAY + timedelta(days=day))[0] for day in range(60)}
    assert first == set(market)


def test_newcomers_take_turns_too() -> None:
    market = {UUID(int=number): UNKNOWN if number > 20 else PLAIN for number in range(1, 31)}
    fifth = {ranked(market, TODAY + timedelta(days=day))[4] for day in range(200)}
    assert fifth == {one for one, standing in market.items() if standing is UNKNOWN}


def test_nobody_stays_new_by_letting_jobs_expire_or_by_a_review() -> None:
    assert UNKNOWN.is_newcomers
    assert Standing(ended=KNOWN_AFTER - 1).is_newcomers
    assert not Standing(ended=KNOWN_AFTER, answers=0.4).is_newcomers
    assert not Standing(reviews=1, rating_sum=5).is_newcomers
