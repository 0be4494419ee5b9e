"""The search over a real MongoDB: it finds what looking at every text finds, and by its index."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.gateway.read import projections
from services.gateway.read.search import _Page
from services.gateway.read.search_index import prepare
from shared.mongo import Database
from shared.tokens import terms_of
from tests.builders import PARTNER_ID
from tests.gateway.searching import OTHER_ID, Desk, a_query, a_story, brute_force, said, stories

JOBS, QUERIES = 300, 20
UNBOUNDED = ["[MinKey, MaxKey]"]


@pytest.fixture
async def desk(mongo_database: Database) -> Desk:
    await projections.prepare(mongo_database)
    await prepare(mongo_database)
    return Desk(mongo_database)


async def test_a_search_finds_what_looking_at_every_text_finds(desk: Desk) -> None:
    told = stories(1, JOBS)
    await desk.tell(*told)
    await desk.tell(*told[:50])
    for number in range(QUERIES):
        q = a_query(number)
        for partner_id in (PARTNER_ID, OTHER_ID):
            expected = brute_force(told, partner_id, q)
            assert await desk.jobs(q, partner_id=partner_id) == expected, q
            assert await desk.pages(q, 50, partner_id=partner_id) == expected, q


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
@pytest.mark.parametrize(
    ("q", "bounds"),
    [
        ("theme ", {'["#theme", "#theme"]', '["theme", "theme"]'}),
        ("them", {'["#them", "#then")', "[/^#them/, /^#them/]", '["them", "then")', "[/^them/, /^them/]"}),
        ("検索", {'["#検索", "#検索"]', '["検索", "検索"]'}),
        ("が", {'["#が", "#が"]', '["が", "が"]'}),
    ],
)
async def test_a_query_reads_only_the_part_of_the_index_that_it_is_about(desk: Desk, q: str, bounds: set[str]) -> None:
    await desk.tell(*stories(1, JOBS))
    plan = await explained(desk, q)
    assert not {"COLLSCAN", "FETCH"} & {stage["stage"] for stage in plan}
    scans = [stage["indexBounds"] for stage in plan if stage["stage"] == "IXSCAN"]
    assert {bound for scan in scans for bound in scan["tokens"]} == bounds
    assert all(len(scan["partner_id"]) == 1 for scan in scans)


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
async def test_a_full_query_goes_by_the_same_index(desk: Desk) -> None:
    await desk.tell(*stories(1, JOBS))
    (last,) = await desk.find("theme ", limit=1)
    filters = {"status": {"$in": ["new"]}}
    plan = await explained(desk, "theme 検索順位 mark", filters, (last.created_at, last.job_id))
    scans = [stage["indexBounds"] for stage in plan if stage["stage"] == "IXSCAN"]
    assert scans
    assert all(scan["partner_id"] != UNBOUNDED and scan["tokens"] != UNBOUNDED for scan in scans)


@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)
@pytest.mark.parametrize("q", ["kelp ", "kel", "海藻の"])
async def test_of_a_long_conversation_the_server_reads_only_what_may_hold_the_words(desk: Desk, q: str) -> None:
    long = [said(f"Number {number} of many, 海の中。") for number in range(300)]
    told = [a_story(number, *long, said("Kelp, 海藻の話。")) for number in range(3)]
    await desk.tell(*told)
    plan = await desk.search._said([story.job_id for story in told], terms_of(q)).explain()
    assert plan["executionStats"]["nReturned"] == 3
    # Also what says nothing, which has no tokens, and what is found by a pair that stands elsewhere, too.
    assert plan["executionStats"]["totalDocsExamined"] <= 12


async def explained(desk: Desk, q: str, filters: Any = None, before: Any = None) -> list[dict[str, Any]]:
    """The stages of the plan that the server has chosen for a query of the search."""
    page = _Page(PARTNER_ID, filters or {}, before, 20)
    plan = await desk.search._candidates(page, terms_of(q)).explain()
    return list(stages(plan["queryPlanner"]["winningPlan"]))


def stages(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A newer server puts its plan into `queryPlan`."""
    plan = plan.get("queryPlan", plan)
    yield plan
    for inner in [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", []):
        yield from stages(inner)
