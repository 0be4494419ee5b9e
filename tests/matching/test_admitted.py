"""Who is let in how far gets which requests, and no request goes to two organisations of the same people."""

from typing import Any

import pytest

from services.matching.index import Few, Index
from services.matching.seen import SeenPartner
from services.matching.weights import Weights
from shared.contracts.base import derived_id, mailbox_key
from shared.contracts.matching import Why
from shared.contracts.partners import Approval, Partner, Suspension
from shared.contracts.requests import RequestKind
from tests.builders import NOW, PARTNER_ID, a_member, a_partner, an_offer, details
from tests.matching.markets import a_crowd, a_market, a_standing, chosen

SUSPENDED = Suspension(reason="Spam.", at=NOW)
ONE = "otto@fronts.example"


def fronts(count: int, email: str = ONE, **fields: Any) -> list[Partner]:
    """Organisations of one person, better than everybody else."""
    cheap = (an_offer(lead_days=1),)
    return [
        a_partner(f"Front {n}", members=(a_member("Otto", email=email),), services=cheap, **fields)
        for n in range(count)
    ]


def asked(market: Index, kind: RequestKind = RequestKind.MATCH, count: int = 4, **more: Any) -> list[Any]:
    named = {"partner_id": PARTNER_ID} if kind.names_a_partner else {"partner_id": None}
    return [one.partner_id for one in chosen(details(kind, **named), market, count, **more).selections]


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("approval", Approval)
def test_each_approval_gets_its_kinds_of_request(kind: RequestKind, approval: Approval) -> None:
    market = a_market(a_partner(approval=approval, languages=("en",)))
    may = approval.rights.leads if kind.is_prospects else approval.rights.jobs
    assert asked(market, kind) == ([PARTNER_ID] if may else [])


@pytest.mark.parametrize("kind", RequestKind)
def test_a_suspended_organisation_gets_nothing_until_it_is_restored(kind: RequestKind) -> None:
    market = a_market(a_partner(suspended=SUSPENDED, languages=("en",)))
    assert asked(market, kind) == []
    market.put(a_partner(version=2, languages=("en",)))
    assert asked(market, kind) == [PARTNER_ID]


def test_who_is_on_probation_gets_few_jobs() -> None:
    market = Index(Few(open_jobs=2, jobs_per_week=9))
    ours = a_partner(approval=Approval.PROBATION)
    market.put(ours)
    market.learn(a_standing(ours, received=1).model_copy(update={"open_jobs": 1}))
    assert asked(market) == [PARTNER_ID]
    market.learn(a_standing(ours, version=2, received=2).model_copy(update={"open_jobs": 2}))
    assert asked(market) == []
    market.put(a_partner(version=2))
    assert asked(market) == [PARTNER_ID]


def test_declining_at_once_brings_no_more_than_the_week_has() -> None:
    market = Index(Few(open_jobs=3, jobs_per_week=5))
    ours = a_partner(approval=Approval.PROBATION)
    market.put(ours)
    market.learn(a_standing(ours, received=5).model_copy(update={"received_on": {NOW.date(): 5}}))
    assert asked(market) == []


def test_who_wants_less_than_probation_gives_gets_what_it_wants() -> None:
    market = Index(Few(open_jobs=3, jobs_per_week=5))
    market.put(a_partner(approval=Approval.PROBATION, open_jobs=0))
    assert asked(market) == []


@pytest.mark.parametrize("weights", [Weights(), Weights(exploration=0)], ids=["with luck", "without"])
def test_of_one_persons_organisations_one_is_asked(weights: Weights) -> None:
    clones, others = fronts(25), a_crowd(40)
    market = a_market(*clones, *others)
    for number in range(20):
        found = asked(market, request_id=derived_id("request", number), weights=weights)
        assert len(found) == 4
        assert sum(one.partner_id in found for one in clones) <= 1


def test_however_many_organisations_somebody_has_the_others_come_no_less_near() -> None:
    few, many = fronts(1), fronts(300)
    others = a_crowd(40)
    with_few, with_many = a_market(*few, *others), a_market(*many, *others)
    for number in range(10):
        request_id = derived_id("request", number)
        honest = [
            {one for one in asked(market, request_id=request_id) if one in {p.partner_id for p in others}}
            for market in (with_few, with_many)
        ]
        assert honest[0] == honest[1]


def test_where_there_is_nobody_else_one_of_them_is_asked() -> None:
    assert len(asked(a_market(*fronts(5)))) == 1


def test_the_next_wave_goes_to_other_people() -> None:
    clones, other = fronts(5), a_partner("Else")
    market = a_market(*clones, other)
    (first, *_) = asked(market)
    assert asked(market, tried={first, other.partner_id}) == []
    assert asked(market, tried={first}) == [other.partner_id]


def test_somebody_who_is_in_two_teams_joins_them() -> None:
    both = a_member("Otto", email=ONE)
    ours, theirs = a_member("Ann", email="ann@a.example"), a_member("Ben", email="ben@b.example")
    market = a_market(a_partner("A", members=(ours, both)), a_partner("B", members=(theirs, both)))
    assert len(asked(market)) == 1


def test_who_is_only_invited_joins_nobody() -> None:
    invited = a_member("Otto", email=ONE, joined=False)
    market = a_market(
        a_partner("A", members=(a_member("Otto", email=ONE),)),
        a_partner("B", members=(a_member("Ben", email="ben@b.example"), invited)),
    )
    assert len(asked(market)) == 2


@pytest.mark.parametrize("other", ["OTTO@fronts.example", "otto+2@fronts.example"])
def test_another_spelling_is_the_same_person(other: str) -> None:
    first, second = fronts(1), fronts(2, other)[1:]
    assert len(asked(a_market(*first, *second))) == 1


def test_why_the_others_were_not_asked_is_told() -> None:
    choice = chosen(details(), a_market(*fronts(3), *a_crowd(4)), 4)
    clones = {one.partner_id for one in fronts(3)}
    whys = {one.partner_id: one.why for one in choice.nearest}
    assert [whys[one] for one in clones & whys.keys()] == [Why.SAME_PEOPLE] * 2
    assert all(one.probability == 0 for one in choice.nearest if one.partner_id in clones)


def test_the_topic_tells_what_the_partner_would() -> None:
    """What matching reads of the record is enough to know the same."""
    clones = fronts(3, approval=Approval.PROBATION)
    seen = [SeenPartner.model_validate_json(one.model_dump_json()) for one in clones]
    assert [asked(a_market(*clones)), asked(a_market(*seen))] == [asked(a_market(*clones))] * 2
    assert seen[0].rights == clones[0].rights


@pytest.mark.parametrize(
    ("spelt", "key"),
    [
        ("Ann@Example.org", "ann@example.org"),
        ("ann+shop@example.org", "ann@example.org"),
        ("a.n.n+x@gmail.com", "ann@gmail.com"),
        ("a.n.n@googlemail.com", "ann@gmail.com"),
        ("a.n.n@example.org", "a.n.n@example.org"),
        ("+tag@example.org", "+tag@example.org"),
    ],
)
def test_addresses_of_one_mailbox_have_one_key(spelt: str, key: str) -> None:
    assert mailbox_key(spelt) == key
