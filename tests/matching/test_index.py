"""What every replica keeps in memory: the newest of each partner and of each standing, as columns."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from string import ascii_uppercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.handlers import keeps_partners
from services.matching.index import Index
from services.matching.selection import Asking, Choice
from services.matching.weights import Weights
from shared.contracts.base import Money, derived_id
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import Priorities
from shared.metrics import Metrics
from tests.builders import NOW, PARTNER_ID, a_partner, an_event, an_offer, details, received
from tests.matching.markets import a_crowd, a_market, a_standing, chosen

DAY = timedelta(days=1)


def gets_it(market: Index, **fields: object) -> bool:
    return bool(chosen(details(**fields), market).selections)


async def test_newer_replaces_older_and_never_the_other_way() -> None:
    market, metrics = a_market(), Metrics("tests")
    for version, available in ((2, False), (1, True), (2, True)):
        partner = a_partner(version=version, available=available)
        await keeps_partners(market, metrics)([received(an_event(PartnerChanged(), partner), topic="partners")])
    assert not gets_it(market)
    assert metrics.registry.get_sample_value("jobwire_market_partners") == market.size == 1


def test_a_standing_that_was_overtaken_is_forgotten() -> None:
    market = a_market(a_partner())
    for version, replies in ((5, 20), (3, 0)):
        standing = a_standing(a_partner(), version=version, replied=replies)
        market.learn(standing)
    assert chosen(details(), market).selections[0].chance > 0.8


def test_a_standing_may_come_before_its_partner() -> None:
    market = a_market()
    market.learn(a_standing(a_partner(), replied=20))
    assert not gets_it(market)
    market.put(a_partner())
    assert chosen(details(), market).selections[0].chance > 0.8


def test_a_change_shows_in_the_next_request() -> None:
    market = a_market(a_partner(version=1))
    assert gets_it(market)
    market.put(a_partner(version=2, available=False))
    assert not gets_it(market)
    market.put(a_partner(version=3, services=(an_offer("video"),)))
    assert not gets_it(market)
    assert gets_it(market, service="video")
    market.put(a_partner(version=4))
    assert gets_it(market)
    assert not gets_it(market, service="video")


def test_the_text_of_a_partner_follows_it_into_every_service() -> None:
    about = "We build shops for tea merchants."
    market = a_market(a_partner(about="We sell bicycles.", version=1))
    market.put(a_partner(about=about, services=(an_offer("video"),), version=2))
    market.put(a_partner(about=about, services=(an_offer("video"), an_offer("seo")), version=3))
    alike = details(title="A shop for tea merchants", business="Tea.", requirements="Build it.")
    fits = {fit_of(chosen(alike.model_copy(update={"service": service}), market)) for service in ("seo", "video")}
    assert len(fits) == 1
    assert fits.pop() > 0.6


def test_as_many_currencies_as_three_letters_can_name_are_told_apart() -> None:
    """A byte would hold 255 of them, and a partner with the next one would break every replica."""
    codes = [f"X{first}{second}" for first in ascii_uppercase for second in ascii_uppercase][:300]
    offers = [
        an_offer().model_copy(update={"price_from": Money(amount=Decimal(1000), currency=code)}) for code in codes
    ]
    market = a_market(*(a_partner(f"Firm {code}", services=(one,)) for code, one in zip(codes, offers, strict=True)))
    assert len({market.currency(code) for code in codes}) == 300
    wanted = details(budget=Money(amount=Decimal(500), currency=codes[-1]), priorities=Priorities(time=0, quality=0))
    costs = Counter(
        factor.value
        for one in chosen(wanted, market, 300).selections
        for factor in one.factors
        if factor.name == "cost"
    )
    assert costs == {0.5: 299, 0.0: 1}, "It is held against the one price in its own currency."


def fit_of(choice: Choice) -> float:
    return next(factor.value for factor in choice.selections[0].factors if factor.name == "fit")


standings = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)),
    max_size=20,
)


@settings(max_examples=60)
@given(standings, st.permutations(range(10)), st.sampled_from([0, 1, 40]))
def test_a_replica_that_read_in_another_order_chooses_the_same_to_the_last_digit(arrived, order, later: int) -> None:
    """Columns differ in their order; what is asked of them does not."""
    crowd = [a_partner(f"Firm {one}", services=(an_offer(price=str(300 * one)),)) for one in range(10)]
    one, other = a_market(*crowd), a_market()
    for firm, version, replied, declined, expired in arrived:
        one.learn(a_standing(crowd[firm], version=version, replied=replied, declined=declined, expired=expired))
        chosen(details(), one)  # somebody asks in between
    for number in order:
        other.put(crowd[number])
    newest = {firm: max((a for a in arrived if a[0] == firm), key=lambda a: a[1]) for firm, *_ in arrived}
    for firm in reversed(newest):
        # Of two with the same version the first counts; the log of a partition has but one.
        _, version, *_ = newest[firm]
        _, _, replied, declined, expired = next(a for a in arrived if a[0] == firm and a[1] == version)
        other.learn(a_standing(crowd[firm], version=version, replied=replied, declined=declined, expired=expired))
    at = NOW + later * DAY
    assert chosen(details(), one, at=at) == chosen(details(), other, at=at)


def test_sums_are_exact_in_any_order() -> None:
    """What makes replicas agree: the table and the weights stand on grids, and their sums fit a float32."""
    about = [
        f"Shops for {word} and {word}ware, in {number} ways." for number, word in enumerate(["tea", "silk", "oak"])
    ]
    market = a_market(*(a_partner(f"Firm {n}", about=about[n % 3]) for n in range(50)))
    for partner in a_crowd(50)[::2]:
        market.learn(a_standing(partner, replied=7, declined=4, expired=1, reviews=3, rating_sum=13))
    wanted = details(title="Silk and tea", priorities=Priorities(time=1, cost=2, quality=4))
    pool = market.slice("seo", NOW.toordinal())
    table, weights = pool.columns.table[: pool.columns.size], Asking(wanted, market, pool, Weights())._row_weights()
    assert np.array_equal(np.rint(table * 2**9), table * 2**9)
    exact = table.astype(np.float64) @ weights.astype(np.float64)
    one_by_one = np.zeros(len(table), np.float32)
    for column in np.random.default_rng(4).permutation(table.shape[1]):
        one_by_one += table[:, column] * weights[column]
    assert np.array_equal(one_by_one, exact)
    assert np.array_equal(table @ weights, exact)


def test_a_mean_that_was_kept_up_is_the_one_that_is_summed_anew() -> None:
    crowd = a_crowd(6)
    kept, anew = a_market(*crowd), a_market(*crowd)
    kept.slice("seo", NOW.toordinal())
    for version in (1, 2):
        for number, partner in enumerate(crowd):
            standing = a_standing(partner, version=version, received=3 * version, replied=version * number, declined=3)
            kept.learn(standing)
            anew.learn(standing)
    means = [market.slice("seo", NOW.toordinal()).mean(0) for market in (kept, anew)]
    assert means[0] == means[1] > 0.5
    assert kept.slice("seo", NOW.toordinal()).mean_load() == anew.slice("seo", NOW.toordinal()).mean_load()


@pytest.mark.parametrize("stranger", [derived_id("stranger"), PARTNER_ID])
def test_who_is_not_known_is_nobody(stranger) -> None:
    market = a_market(*a_crowd(1))
    assert market.row_of(market.slice("seo", NOW.toordinal()), stranger) is None
