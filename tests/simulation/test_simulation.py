"""The simulated market: fair to all policies, and silent about its truth."""

import asyncio
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from deploy.simulation.loads import Loads
from deploy.simulation.market import START, make_market
from deploy.simulation.measures import measured
from deploy.simulation.nature import Nature
from deploy.simulation.playing import Playing, play
from deploy.simulation.policies import POLICIES, SIMPLE, matcher_for
from deploy.simulation.report import as_json, as_text
from deploy.simulation.run import Run
from deploy.simulation.statistics import interval, kaplan_meier, lorenz, median_of, unevenness
from deploy.simulation.targets import targets
from deploy.simulation.truth import Truth
from services.matching.index import Index
from shared.contracts.base import derived_id

SMALL = Nature(days=16, partners=150, requests_a_day=5.0)
BRIEF = replace(SMALL, days=2)


def run(policy, seed=1, truth_seed=None, nature=SMALL):
    truth = Truth(make_market(seed, nature), truth_seed)
    loads = Loads(truth)
    one = Run(truth, matcher_for(policy, truth, loads), loads)
    asyncio.run(one.play())
    return truth, one


@cache
def played(policy):
    truth, one = run(policy)
    return measured(truth, policy, one)


def first_selections(one):
    """Of the requests before anybody can have answered anything."""
    soon = sorted(one.stories.values(), key=lambda story: story.wish.at)
    first = soon[0]
    return [(sent.number, sent.chance) for sent in first.sent if sent.at == first.wish.at]


@pytest.mark.parametrize("policy", [one for one in POLICIES if one != "oracle"])
def test_another_truth_behind_the_same_records_changes_no_first_selection(policy):
    selections = [first_selections(run(policy, truth_seed=seed, nature=BRIEF)[1]) for seed in (1, 2)]

    assert selections[0] == selections[1] != []


def test_the_oracle_sees_another_truth():
    selections = [first_selections(run("oracle", truth_seed=seed, nature=BRIEF)[1]) for seed in (1, 2)]

    assert selections[0] != selections[1]


def test_a_truth_is_another_one_behind_the_same_market():
    market = make_market(1, SMALL)

    assert Truth(market, 1).characters == Truth(market, 1).characters != Truth(market, 2).characters


def test_the_same_seed_gives_the_same_numbers():
    truth, one = run("ours")

    assert measured(truth, "ours", one) == played("ours")


def test_all_policies_meet_the_same_market_and_the_same_luck():
    truths = [Truth(make_market(3, SMALL)) for _ in range(2)]
    wish, firm = truths[0].market.wishes[5], truths[0].market.firms[7]
    service = firm.partner.profile.services[0].service
    wish = replace(wish, details=wish.details.model_copy(update={"service": service}))

    outcomes = [truth.outcome(firm.number, wish, START, 0.0) for truth in truths]

    assert outcomes[0] == outcomes[1]


def test_what_happens_is_as_likely_as_the_truth_says():
    truth = Truth(make_market(2, replace(SMALL, requests_a_day=60.0)))
    sent = [
        (truth.chance(firm.number, wish, wish.at, 0.9), truth.outcome(firm.number, wish, wish.at, 0.9).end == "replied")
        for wish in truth.market.wishes[::3]
        for firm in truth.market.firms
        if firm.partner.offer(wish.details.service)
    ]

    assert sum(chance for chance, _ in sent) / len(sent) == pytest.approx(
        sum(replied for _, replied in sent) / len(sent), abs=0.02
    )


def test_random_chooses_everybody_eligible_equally_often():
    market = make_market(1, SMALL)
    index = Index()
    for firm in market.firms:
        index.put(firm.partner)
    choose = SIMPLE["random"]()(index)
    wish = next(wish for wish in market.wishes if wish.details.partner_id is None)
    requests, wanted = 1000, 2

    choices = [choose(derived_id(number), wish.details, wanted, (), wish.at) for number in range(requests)]

    chosen = Counter(selection.partner_id for choice in choices for selection in choice.selections)
    expected = requests * wanted / choices[0].eligible
    assert len(chosen) == choices[0].eligible > wanted
    assert all(abs(times - expected) < 4.5 * expected**0.5 for times in chosen.values())


def test_who_knows_the_truth_does_better_than_luck():
    """In a market this small everybody is asked in the end, so it shows in what is asked in vain."""
    assert played("oracle").figures["satisfied"] >= played("random").figures["satisfied"]
    assert played("oracle").figures["wasted"] < played("random").figures["wasted"]
    assert played("oracle").figures["wasted"] < played("random").figures["wasted"]


def test_nobody_is_sent_a_request_twice_or_before_joining():
    truth, one = run("round-robin")

    for story in one.stories.values():
        numbers = [sent.number for sent in story.sent]
        assert len(set(numbers)) == len(numbers)
        assert all(truth.market.firms[sent.number].joins <= sent.at for sent in story.sent)


def test_a_report_tells_each_policy_and_each_promise_that_it_can_judge():
    runs = [played("ours"), played("random")]

    text, report = as_text(runs), as_json(runs)

    assert "ours" in text
    assert "random" in text
    assert set(report["policies"]) == {"ours", "random"}
    assert not any("blind" in one["promise"] for one in report["targets"])


def test_a_lead_is_paired_by_market():
    runs = {"ours": [{"satisfied": 0.5}, {"satisfied": 0.7}], "blind": [{"satisfied": 0.4}, {"satisfied": 0.6}]}
    lacking = dict.fromkeys(("brier_skill", "calibration_error", "newcomer_days", "first_offer_days"), 0.0)
    runs = {policy: [{**one, **lacking} for one in figures] for policy, figures in runs.items()}

    assert targets(runs)[0].met


def test_the_statistics_are_those_of_the_textbook():
    assert interval([1.0, 2.0, 3.0]).half == pytest.approx(4.303 / 3**0.5)
    assert unevenness([(1, 2), (1, 2), (2, 4)]) == pytest.approx(0)
    assert unevenness([(1, 0)] * 9 + [(1, 5)]) == pytest.approx(0.9)
    assert lorenz([(1, 3), (1, 1)])[1] == (0.5, 0.25)
    assert median_of(kaplan_meier([(2, True), (3, False), (5, True), (9, False)])) == 5


def test_one_call_plays_one_policy_in_one_market():
    figures = play(Playing(1, "random", SMALL)).figures

    assert figures.pop("seconds") > 0
    assert figures == played("random").figures


def test_a_turn_is_followed_from_when_it_happens():
    truth, one = run("ours")
    half = truth.nature.days / 2
    followed = one.turns.followed.values()

    assert any(turn.earlier for turn in followed)
    assert all(look.day < half for turn in followed for look in turn.earlier)
    assert all(turn.looks[0].day == half for turn in followed if truth.market.firms[turn.number].joins == START)
    assert all(turn.before > turn.after for turn in followed if turn.turn.to_refusing)
