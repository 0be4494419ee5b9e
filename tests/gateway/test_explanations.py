"""Why a partner was asked or was not: what is written down, in which words it is told, and to whom."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.gateway.explaining import FACTORS, advice, coarse, label, words
from services.gateway.operators import Operators
from services.gateway.read import reading
from services.gateway.read.explanations import EXPLANATIONS, Explanation, explanations_of, on_match
from services.matching.selection import parts_of
from services.matching.weights import Weights
from shared.contracts.base import Locale, Message, Money, derived_id
from shared.contracts.jobs import job_id_of
from shared.contracts.matching import Answer, AnswerNoted, MatchClosed, RequestMatched, WavePostponed, Why
from shared.contracts.requests import RequestKind
from shared.projection import Projection
from shared.records import Received
from shared.settings import Settings
from shared.topics import MATCHES
from tests.builders import HOUR, MERCHANT_ID, NOW, PARTNER_ID, a_member, an_offer, details
from tests.contracts.golden import golden_file
from tests.flow.people import Person, a_team, fill_in_the_form, follow, sign_in
from tests.flow.world import Weather, World
from tests.gateway.waves import BOB, CY, DEE, PARTS, a_wave, heard, passed_over, selected
from tests.memory_mongo import MemoryDatabase

TOKEN = "a-token-of-those-who-run-it"
OTHER_TOKEN = "another-token-of-theirs-it-is"


def explained(wave: RequestMatched) -> list[Explanation]:
    return explanations_of(heard(wave).record)


def of(partner_id: UUID, wave: RequestMatched) -> Explanation:
    (one,) = [one for one in explained(wave) if one.partner_id == partner_id]
    return one


async def written(*news: Received) -> dict[Any, dict[str, Any]]:
    database = MemoryDatabase()
    await Projection(database, on_match)(news)
    return database[EXPLANATIONS].documents


async def test_whoever_was_asked_or_came_near_has_one_explanation_however_often_the_wave_is_heard_of() -> None:
    wave = heard(a_wave(selected(), selected(CY), nearest=(passed_over(BOB),)))
    documents = await written(wave, wave)
    assert {(one["partner_id"], one["chosen"]) for one in documents.values()} == {
        (PARTNER_ID, True),
        (CY, True),
        (BOB, False),
    }
    assert documents == await written(wave)


@pytest.mark.parametrize(
    "fact",
    [WavePostponed(), MatchClosed(), AnswerNoted(partner_id=PARTNER_ID, answer=Answer.REPLIED)],
    ids=lambda fact: type(fact).__name__,
)
async def test_what_else_happens_to_a_match_explains_nothing(fact: Message) -> None:
    assert await written(heard(fact)) == {}


async def test_nothing_tells_whose_request_it_was_or_what_was_written() -> None:
    about = details(title="secret-title", requirements="secret-requirements", business="secret-business")
    documents = await written(heard(a_wave(selected(), nearest=(passed_over(BOB),), of=about)))
    stored = str(documents)
    assert "secret" not in stored
    for hidden in (about.merchant.name, about.merchant.email, about.merchant.store_url, MERCHANT_ID):
        assert str(hidden) not in stored


def test_the_bar_is_the_lowest_score_that_was_asked_without_the_luck_of_the_draw() -> None:
    wave = a_wave(selected(chance=40), selected(CY, luck=6.5, chance=22), nearest=(passed_over(BOB, Why.DRAW),))
    assert {one.bar for one in explained(wave)} == {52.0}
    assert of(CY, wave).score == 58.5


def test_who_was_passed_over_is_weighed_as_those_who_were_asked() -> None:
    cost = next(part for part in of(BOB, a_wave(nearest=(passed_over(BOB, cost=5),))).factors if part.name == "cost")
    assert (cost.weight, cost.value, cost.points) == (PARTS["cost"], 0.25, 5)


def test_what_cost_most_is_where_those_who_were_asked_were_ahead_the_farthest_first() -> None:
    asked = (selected(chance=30, answers=28), selected(CY, chance=36, answers=20, luck=9))
    behind = of(BOB, a_wave(*asked, nearest=(passed_over(BOB, chance=10, answers=15, cost=9.8, quality=10),))).behind
    assert behind == ("chance", "answers")


def test_a_wave_of_the_time_before_anybody_counted_can_still_be_told() -> None:
    record = MATCHES.codec.decode(golden_file(MATCHES, RequestMatched).read_bytes())
    (one,) = explanations_of(record)
    assert one.eligible == 0
    assert words(one.model_copy(update={"kind": RequestKind.MATCH}), Locale.EN)[0] == (
        "You were the only partner who was asked."
    )


CHOSEN = of(
    PARTNER_ID,
    a_wave(selected(luck=2.34, cost=18, chance=39, probability=0.87), selected(BOB), selected(CY), selected(DEE)),
)
ALONE = of(PARTNER_ID, a_wave(selected(luck=-1.2)))
BY_SCORE, BY_SHARE, BY_DRAW = (
    of(BOB, a_wave(selected(cost=18, chance=36), nearest=(passed_over(BOB, why, probability, **points),)))
    for why, probability, points in (
        (Why.SCORE, 0.015625, {"cost": 4.0, "answers": 14.6}),
        (Why.SHARE, 0.0, {"cost": 18.0, "chance": 38.0}),
        (Why.DRAW, 0.25, {"cost": 18.0, "chance": 36.5}),
    )
)


@pytest.mark.parametrize(
    ("explanation", "told"),
    [
        (
            CHOSEN,
            {
                Locale.EN: [
                    "You were asked together with 3 other partners, of 57 who could have been.",
                    (
                        "Your score was 79.3 of 100. What counted most: how likely you are to reply to such a request, "
                        "your price against the budget, and answering in time."
                    ),
                    "The luck of the draw added 2.3 to it.",
                    "In 87 draws of 100 you would have been among those who were asked.",
                ],
                Locale.FR: [
                    "Cette demande vous a été envoyée, ainsi qu’à 3 autres partenaires, sur 57 possibles.",
                    (
                        "Votre score était de 79,3 sur 100. Ce qui a le plus compté\u00a0: la probabilité que vous "
                        "répondiez à ce type de demande, votre prix par rapport au budget et le respect des délais "
                        "de réponse."
                    ),
                    "Le hasard du tirage a ajouté 2,3 à ce score.",
                    "Dans 87 tirages sur 100, vous auriez fait partie des partenaires sollicités.",
                ],
                Locale.JA: [
                    "候補となった57社のうち、あなたとほか3社のパートナーに、このリクエストが送信されました。",
                    "スコアは100点満点中79.3点でした。特に評価された点：この種のリクエストに返信する見込み、予算に対する料金、期限内の回答。",
                    "このうち2.3点は、抽選の運によるものです。",
                    "100回抽選した場合、87回は送信先に含まれる計算です。",
                ],
            },
        ),
        (
            coarse(BY_SCORE),
            {
                Locale.EN: [
                    "You could have been asked as well: of 57 partners who could, 1 was.",
                    "Those who were asked scored about 75 or more; you came to about 45.",
                    (
                        "What cost you most in comparison: how likely you are to reply to such a request and your "
                        "price against the budget."
                    ),
                    "In 2 draws of 100 you would have been among those who were asked.",
                ],
                Locale.FR: [
                    "Cette demande aurait aussi pu vous être envoyée\u00a0: sur 57 partenaires possibles, 1 l’a reçue.",
                    "Le score des partenaires sollicités est d’environ 75 ou plus\u00a0; le vôtre, d’environ 45.",
                    (
                        "Ce qui vous a le plus pénalisé en comparaison\u00a0: la probabilité que vous répondiez à ce "
                        "type de demande et votre prix par rapport au budget."
                    ),
                    "Dans 2 tirages sur 100, vous auriez fait partie des partenaires sollicités.",
                ],
                Locale.JA: [
                    "このリクエストの候補に入っていました。候補となった57社のうち、1社に送信されました。",
                    "送信先となったパートナーのスコアはおよそ75点以上、あなたのスコアはおよそ45点でした。",
                    "最も差がついた点：この種のリクエストに返信する見込み、予算に対する料金。",
                    "100回抽選した場合、2回は送信先に含まれる計算です。",
                ],
            },
        ),
    ],
    ids=["asked", "passed over"],
)
def test_it_is_told_in_the_readers_language(explanation: Explanation, told: dict[Locale, list[str]]) -> None:
    assert {locale: words(explanation, locale) for locale in Locale} == told


def test_who_had_more_than_its_share_is_told_that_this_passes_and_who_lost_the_lot_that_it_was_as_good() -> None:
    assert words(BY_SHARE, Locale.EN)[1:] == [
        (
            "Lately you had been sent far more than your share of requests, so it was the turn of others. "
            "This passes by itself."
        )
    ]
    assert words(coarse(BY_DRAW), Locale.EN)[1:] == [
        (
            "You were about as good: you came to about 75, those who were asked to about 75 or more. "
            "The lot fell on others."
        ),
        "In 25 draws of 100 you would have been among those who were asked.",
    ]


def test_who_was_asked_alone_is_told_so_and_what_luck_took() -> None:
    first, _, luck = words(ALONE, Locale.EN)
    assert first == "You were the only partner who was asked, of 57 who could have been."
    assert luck == "The luck of the draw took 1.2 from it."


def test_who_was_asked_by_name_is_told_of_no_contest() -> None:
    for kind in (RequestKind.DIRECT, RequestKind.CONTACT):
        by_name = of(PARTNER_ID, a_wave(of=details(kind, partner_id=PARTNER_ID), eligible=1))
        assert words(by_name, Locale.EN) == ["You were asked by name, and nobody else was."]


@pytest.mark.parametrize("locale", Locale)
def test_whatever_matching_scores_with_has_a_name_and_an_advice_in_words(locale: Locale) -> None:
    assert set(FACTORS) == {*parts_of(details(), Weights()), "exploration"}
    names = {label(name, locale) for name in FACTORS}
    assert len(names) == len(FACTORS)
    assert all(name[0] == name[0].upper() for name in names)
    assert label("of other times", locale) == "Of other times"


def test_advice_is_given_on_what_was_weak_and_on_what_cost_most() -> None:
    given = {part.name for part in BY_SCORE.factors if advice(part, BY_SCORE, Locale.EN)}
    assert given == {"cost", "chance", "answers"}
    lucky, unlucky = (next(p for p in one.factors if p.name == "exploration") for one in (CHOSEN, ALONE))
    assert advice(lucky, CHOSEN, Locale.EN) is None
    assert "There is nothing to do" in (advice(unlucky, ALONE, Locale.EN) or "")


def test_who_was_passed_over_by_little_is_told_no_two_numbers_that_are_the_same() -> None:
    close = of(BOB, a_wave(selected(cost=18, chance=36), nearest=(passed_over(BOB, cost=17, chance=36),)))
    assert words(coarse(close), Locale.EN)[1] == "Those who were asked scored a little higher than you did."


ADA, BOBS = a_team("Ada", services=(an_offer(),)), a_team("Bob", Locale.FR, services=(an_offer(),))
LOU = a_member("Lou", "member", email="lou@ada.example", assigned_only=True)


class Desk:
    """A gateway that has heard of some waves: Ada was asked twice and passed over once, Bob was passed over twice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests = [derived_id("request", number) for number in range(3)]

    async def open(self) -> None:
        ada = ADA.model_copy(update={"members": (*ADA.members, LOU)})
        self.world.register(ada, BOBS)
        await self.world.settle()
        passed, bob = passed_over(ADA.partner_id), passed_over(BOBS.partner_id, Why.SHARE)
        migration = details(service="migration")
        await self.hears(
            heard(a_wave(selected(ADA.partner_id), nearest=(bob,)), self.requests[0], at=NOW),
            heard(a_wave(selected(ADA.partner_id), of=migration), self.requests[1], at=NOW + HOUR),
            heard(a_wave(selected(CY), nearest=(passed, bob)), self.requests[2], at=NOW + 2 * HOUR),
        )

    async def hears(self, *news: Received) -> None:
        await Projection(self.world.services["gateway"].database, on_match)(news)

    def operator(self, token: str = TOKEN) -> Person:
        return Person(self.world, self.world.client("gateway", Authorization=f"Bearer {token}"))


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(World(Weather(), monkeypatch, ops_tokens=f"ora:{TOKEN}, otto:{OTHER_TOKEN}"))
    await desk.open()
    return desk


async def listed(person: Person, **params: Any) -> list[dict[str, Any]]:
    return (await person.get("/matching/explanations", **params))["explanations"]


def outcomes(found: Iterable[dict[str, Any]]) -> list[tuple[str, bool]]:
    return [(one["service"], one["chosen"]) for one in found]


async def test_a_partner_is_told_of_itself_only_the_newest_first(desk: Desk) -> None:
    found = await listed(await sign_in(desk.world, "owner@ada.example"))
    assert outcomes(found) == [("seo", False), ("migration", True), ("seo", True)]
    assert {one["partner_id"] for one in found} == {one["request_id"] for one in found} == {None}
    assert [one["job_id"] for one in found] == [
        None,
        *(str(job_id_of(request_id, ADA.partner_id)) for request_id in (desk.requests[1], desk.requests[0])),
    ]
    assert not any(str(one) in json.dumps(found) for one in (BOBS.partner_id, CY, desk.requests[2]))


async def test_a_partner_finds_nothing_of_another_by_its_id(desk: Desk) -> None:
    owner = await sign_in(desk.world, "owner@ada.example")
    assert await listed(owner, partner_id=str(BOBS.partner_id)) == []
    assert len(await listed(owner, partner_id=str(ADA.partner_id))) == 3
    assert outcomes(await listed(owner, request_id=str(desk.requests[0]))) == [("seo", True)]


async def test_a_list_is_filtered_by_what_came_of_it_and_by_service(desk: Desk) -> None:
    owner = await sign_in(desk.world, "owner@ada.example")
    assert outcomes(await listed(owner, chosen=False)) == [("seo", False)]
    assert outcomes(await listed(owner, chosen=True, service="migration")) == [("migration", True)]
    assert await listed(owner, service="logo-design") == []


BUDGET = Money(amount=Decimal("4321.09"), currency="USD")


async def passed_over_at(desk: Desk, cost: float, number: int, budget: Money = BUDGET) -> dict[str, Any]:
    """What Ada is shown of a request that it did not get, by what its price brought."""
    wave = a_wave(selected(CY), nearest=(passed_over(ADA.partner_id, cost=cost),), of=details(budget=budget))
    await desk.hears(heard(wave, derived_id("priced", number), at=NOW + (3 + number) * HOUR))
    found = (await listed(await sign_in(desk.world, "owner@ada.example")))[0]
    return {name: value for name, value in found.items() if name not in ("id", "at")}


async def test_nothing_tells_what_a_merchant_would_have_paid_somebody_else(desk: Desk) -> None:
    """Value, weight and points of the price would: it counts in full at half the budget, and not at all at twice it."""
    shown = await passed_over_at(desk, 3.21, 0)
    assert shown["budget"] is None
    assert {part[name] for part in shown["factors"] for name in ("points", "value", "weight")} == {None}
    assert not any(secret in json.dumps(shown) for secret in ("4321", "3.21", "43.21"))
    richer = BUDGET.model_copy(update={"amount": Decimal(5000)})
    assert await passed_over_at(desk, 4.4, 1, richer) == shown
    asked = await listed(await sign_in(desk.world, "owner@ada.example"), chosen=True)
    assert all(part["points"] is not None for one in asked for part in one["factors"])


async def test_what_an_earlier_release_wrote_down_of_a_budget_is_not_told_either(desk: Desk) -> None:
    await passed_over_at(desk, 3.21, 0)
    documents = desk.world.services["gateway"].database[EXPLANATIONS].documents
    for document in documents.values():
        document["budget"] = BUDGET.model_dump(mode="json")
    found = await listed(await sign_in(desk.world, "owner@ada.example"), chosen=False)
    assert {one["budget"] for one in found} == {None}


async def test_an_operator_is_told_every_number(desk: Desk) -> None:
    await passed_over_at(desk, 3.21, 0)
    one = (await listed(desk.operator(), chosen=False))[0]
    cost = next(part for part in one["factors"] if part["name"] == "cost")
    assert (cost["points"], cost["weight"], cost["value"]) == (3.21, PARTS["cost"], 0.1605)


async def test_pages_follow_each_other_without_a_gap(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    owner = await sign_in(desk.world, "owner@ada.example")
    first = await owner.get("/matching/explanations")
    second = await owner.get("/matching/explanations", cursor=first["next_cursor"])
    assert outcomes([*first["explanations"], *second["explanations"]]) == [
        ("seo", False),
        ("migration", True),
        ("seo", True),
    ]
    assert second["next_cursor"] is None


async def test_each_member_reads_it_in_its_own_language(desk: Desk) -> None:
    found = await listed(await sign_in(desk.world, "owner@bob.example"))
    assert found[0]["words"][0].startswith("Cette demande aurait aussi pu vous être envoyée")
    assert found[0]["factors"][0]["label"] == "Votre prix par rapport au budget"


async def test_who_sees_only_what_is_assigned_sees_no_explanations(desk: Desk) -> None:
    assert await listed(await sign_in(desk.world, LOU.email)) == []


async def test_an_operator_is_told_of_everybody_and_of_whom(desk: Desk) -> None:
    operator = desk.operator()
    found = await listed(operator)
    assert len(found) == 6
    assert {one["partner_id"] for one in found} == {str(one) for one in (ADA.partner_id, BOBS.partner_id, CY)}
    assert {one["request_id"] for one in found} == {str(one) for one in desk.requests}
    of_bob = await listed(desk.operator(OTHER_TOKEN), partner_id=str(BOBS.partner_id), chosen=False)
    assert [one["why"] for one in of_bob] == ["share", "share"]
    assert len(await listed(operator, request_id=str(desk.requests[2]))) == 3
    assert of_bob[0]["words"][0].startswith("You could have been asked")


@pytest.mark.parametrize("token", ["", TOKEN[:-1], f"{TOKEN},{OTHER_TOKEN}", TOKEN.upper(), f" {TOKEN}é"])
async def test_another_token_is_nobodys(desk: Desk, token: str) -> None:
    client = desk.world.client("gateway")
    headers = {"Authorization": f"Bearer {token}".encode()}
    answer = await client.get("/api/v1/matching/explanations", headers=headers)
    assert answer.status_code == 401


async def test_an_operators_token_opens_nothing_else(desk: Desk) -> None:
    for path in ("/me", "/jobs", "/standing", "/merchant/requests"):
        await desk.operator().get(path, expect=401)


async def test_without_tokens_in_the_settings_nobody_is_an_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Weather(), monkeypatch)
    for token in ("", ",", TOKEN):
        answer = await world.client("gateway").get(
            "/api/v1/matching/explanations", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "tokens",
    [TOKEN, f":{TOKEN}", f"Ora:{TOKEN}", f"o:{TOKEN}", f"ora:{TOKEN},{OTHER_TOKEN}", f"ora:{TOKEN},otto:{TOKEN}"],
)
def test_a_token_is_one_persons_and_says_whose(tokens: str) -> None:
    with pytest.raises(ValueError, match="JOBWIRE_OPS_TOKENS") as refused:
        Operators(Settings(ops_tokens=tokens))
    assert TOKEN not in str(refused.value)


def test_a_person_may_have_two_tokens_while_one_replaces_the_other() -> None:
    operators = Operators(Settings(ops_tokens=f"ora:{TOKEN},ora:{OTHER_TOKEN}"))
    assert operators.named(TOKEN) == operators.named(OTHER_TOKEN)
    assert operators.named("ora") is None


def test_a_token_that_could_be_guessed_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="JOBWIRE_OPS_TOKENS") as refused:
        Operators(Settings(ops_tokens=f"ora:{TOKEN},otto:guess-me"))
    assert not {"guess-me", TOKEN} & set(str(refused.value).split())


def test_the_document_says_that_both_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    document = World(Weather(), monkeypatch).apps["gateway"].openapi()
    operation = document["paths"]["/api/v1/matching/explanations"]["get"]
    assert operation["security"] == [{"HTTPBearer": []}, {"Operator": []}]
    assert set(operation["security"][1]) <= set(document["components"]["securitySchemes"])
    elsewhere = [
        one
        for where, path in document["paths"].items()
        for one in path.values()
        if one is not operation and not where.startswith("/api/v1/operators/")
    ]
    assert not [one for one in elsewhere if {"Operator": []} in one.get("security", [])]


async def test_a_request_on_its_way_is_explained_to_whom_it_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Weather(), monkeypatch)
    world.register(ADA)
    await world.settle()
    await follow(world, await fill_in_the_form(world))
    owner = await sign_in(world, "owner@ada.example")
    (job,) = (await owner.get("/jobs"))["jobs"]
    (one,) = await listed(owner)
    assert (one["chosen"], one["job_id"], one["why"]) == (True, job["job_id"], None)
    assert one["words"][0] == "You were the only partner who was asked."
    assert abs(sum(factor["points"] for factor in one["factors"]) - one["score"]) < 0.01
    assert job["others"] == 0
