"""A partner's people find their jobs by what stands in them, and nobody else's."""

import random
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.errors import ServerSelectionTimeoutError

from services.gateway.read.projections import JOBS, TIMELINE
from services.gateway.read.search import Place
from services.gateway.read.search_index import INDEXED, SEARCH, WORDS, Indexing, on_job
from services.jobs.job import evolve
from shared.contracts.base import Message
from shared.contracts.jobs import EVENTS, JobOpened, MembersAssigned, Review, Status
from shared.projection import Projection
from shared.tokens import terms_of
from shared.topics import JOB_EVENTS
from tests.builders import (
    AIKO,
    BY_PARTNER,
    JOB_ID,
    NOW,
    PARTNER_ID,
    a_job,
    a_merchant,
    an_event,
    received,
)
from tests.contracts.golden import golden_file
from tests.gateway.searching import (
    OTHER_ID,
    Desk,
    a_query,
    a_story,
    brute_force,
    commented,
    heard,
    said,
    stories,
)
from tests.memory_mongo import MemoryDatabase

OPENED = JobOpened(actor=BY_PARTNER)
ASSIGNED = MembersAssigned(member_ids=(AIKO,), added=(AIKO,), actor=BY_PARTNER)


@pytest.fixture
def desk() -> Desk:
    return Desk(MemoryDatabase())


def contents(database: MemoryDatabase) -> dict[str, Any]:
    """What an index holds; the order of tokens says nothing."""
    documents = [{**one, "tokens": sorted(one["tokens"])} for one in database[SEARCH].documents.values()]
    return {"jobs": {one["_id"]: one for one in documents}, "words": database[WORDS].documents}


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Spring launch", "spring"),
        ("Spring launch", "LAUNCH spr"),
        ("Spring launch", "sprnig"),
        ("Référencement d'été", "referencement ete "),
        ("cafe\u0301", "café"),
        ("紅茶店の検索順位", "茶"),
        ("紅茶店の検索順位", "検索"),
        ("紅茶店の検索順位", "店の検索順"),
        ("ｶﾞｰﾄﾞ", "ガード"),
        ("ＳＥＯ対策", "seo対策"),
        ("Wir sind in der Hauptstraße", "hauptstrasse "),
    ],
)
async def test_a_job_is_found_by_what_stands_in_it(desk: Desk, text: str, q: str) -> None:
    story = a_story(1, title="Wanted", requirements=text)
    await desk.tell(story, a_story(2, title="Something else"))
    assert await desk.jobs(q) == [story.job_id]


@pytest.mark.parametrize(
    "q", ["", "  ", "!!!", "*", "$ne", "laun.*", "か", "店紅", "tea nothing", "prin", "spring laun "]
)
async def test_what_does_not_stand_there_is_not_found(desk: Desk, q: str) -> None:
    await desk.tell(a_story(1, title="Springs launch", requirements="が 紅茶店", business="tea"))
    assert await desk.jobs(q) == []


async def test_all_of_a_job_is_searched_and_a_hit_says_where_it_is(desk: Desk) -> None:
    story = a_story(
        1,
        said("Our magic offer", "magic.pdf"),
        heard("More magic?"),
        commented("Too little magic."),
        merchant=a_merchant(name="Magic & Co"),
        title="Magic first",
        requirements="magic",
        business="We sell magic.",
        service="magic",
    )
    await desk.tell(story)
    (hit,) = await desk.find("magic")
    assert (hit.job_id, hit.created_at) == (story.job_id, story.created_at)
    entries = [event.record.id for event in story.events]
    assert [(place.field, place.entry_id) for place in hit.places] == [
        *((name, None) for name in ("merchant", "title", "requirements", "business", "service")),
        ("message", entries[1]),
        ("attachment", entries[1]),
        ("message", entries[2]),
        ("comment", entries[3]),
    ]
    assert hit.places[0] == Place("merchant", None, "Magic & Co", [(0, 5)])


async def test_an_excerpt_is_short_and_shows_its_hits(desk: Desk) -> None:
    await desk.tell(a_story(1, requirements=f"{'first ' * 60}the ｶﾞｰﾄﾞ, the ガード{' last' * 60}", title="No ガード"))
    title, long = (await desk.find("ガード"))[0].places
    assert title == Place("title", None, "No ガード", [(3, 6)])
    assert len(long.excerpt) <= 162
    assert long.excerpt[0] == long.excerpt[-1] == "…"
    assert [long.excerpt[start:end] for start, end in long.spans] == ["ｶﾞｰﾄﾞ", "ガード"]


async def test_a_corrected_word_is_shown_where_it_stands(desk: Desk) -> None:
    await desk.tell(a_story(1, title="Good Marketing"))
    assert (await desk.find("markteing"))[0].places == [Place("title", None, "Good Marketing", [(5, 14)])]


async def test_a_word_is_corrected_only_if_no_job_of_the_partner_has_it(desk: Desk) -> None:
    exact, near = a_story(1, title="launch"), a_story(2, title="lunch")
    others = a_story(3, title="launch", partner_id=OTHER_ID)
    await desk.tell(exact, near, others)
    assert await desk.jobs("launch ") == [exact.job_id]
    await desk.tell(a_story(4, title="paunch", partner_id=OTHER_ID))
    assert await desk.jobs("paunch ") == [exact.job_id]


async def test_a_comment_is_found_also_by_a_typo_or_a_beginning(desk: Desk) -> None:
    story = a_story(1, commented("Beware: troublesome 困った客"))
    await desk.tell(story)
    for q in ("troublesome ", "troub", "troublesmoe", "困", "困った客"):
        assert await desk.jobs(q) == [story.job_id], q


async def test_comments_are_stored_as_what_no_word_can_be(desk: Desk) -> None:
    await desk.tell(a_story(1, commented("secret 秘密")))
    (document,) = desk.database[SEARCH].documents.values()
    assert {"#secret", "#秘", "#密", "#秘密"} <= set(document["tokens"])
    assert not {"secret", "秘", "秘密"} & set(document["tokens"])


async def test_another_partners_job_is_never_found(desk: Desk) -> None:
    theirs = a_story(1, commented("verysecret"), title="Rareword 紅茶店", partner_id=OTHER_ID)
    await desk.tell(theirs, a_story(2))
    for q in ("rareword", "rarew", "raerword", "verysecret", "茶", "紅茶店"):
        assert await desk.jobs(q) == []
        assert await desk.jobs(q, partner_id=OTHER_ID) == [theirs.job_id]
    assert await desk.jobs("rareword", filters={"partner_id": OTHER_ID}) == []


async def test_a_search_can_be_narrowed(desk: Desk) -> None:
    new, opened, mine = a_story(1), a_story(2, OPENED), a_story(3, OPENED, ASSIGNED)
    await desk.tell(new, opened, mine)
    assert await desk.jobs("spring") == [mine.job_id, opened.job_id, new.job_id]
    assert await desk.jobs("spring", filters={"status": {"$in": ["opened"]}}) == [mine.job_id, opened.job_id]
    assert await desk.jobs("spring", filters={"assignees": str(AIKO)}) == [mine.job_id]
    assert await desk.jobs("sprign", filters={"status": "declined"}) == []


async def test_pages_go_on_where_the_last_one_ended(desk: Desk) -> None:
    told = [a_story(number, at=NOW) for number in range(7)]
    await desk.tell(*told)
    assert await desk.pages("spring", 3) == await desk.jobs("spring") == brute_force(told, PARTNER_ID, "spring")


async def test_a_page_is_filled_although_tokens_promised_more(desk: Desk) -> None:
    """All pairs of the run stand in these texts, the run itself in few of them."""
    told = [a_story(number, requirements="紅茶店" if number % 10 == 0 else "茶店 紅茶") for number in range(60)]
    await desk.tell(*told)
    assert await desk.jobs("紅茶店", limit=4) == [told[number].job_id for number in (50, 40, 30, 20)]
    assert len(await desk.pages("紅茶店", 4)) == 6


@pytest.mark.parametrize("q", ["kelp", "kelp ", "klep", "海藻の", "海"])
async def test_of_a_long_conversation_only_what_may_hold_the_words_is_read(desk: Desk, q: str) -> None:
    long = [said(f"Number {number} of many, 海の中。") for number in range(40)]
    await desk.tell(a_story(1, *long[:20], said("Kelp, 海藻の話。", "kelp.png"), *long[20:]))
    corrected = [await desk.search._corrected(PARTNER_ID, term) for term in terms_of(q)]
    read = [entry async for entry in desk.search._said(list(desk.database[JOBS].documents), corrected)]
    assert len(read) == (41 if q == "海" else 1)
    (hit,) = await desk.find(q)
    assert [place.field for place in hit.places][:1] == ["message"]


async def test_entries_of_before_there_were_tokens_are_found_as_before(desk: Desk) -> None:
    await desk.tell(a_story(1, said("Kelp, 海藻の話。"), commented("Kelp again.")))
    for entry in desk.database[TIMELINE].documents.values():
        entry.pop("tokens", None)
    for q in ("kelp", "海藻の話"):
        (hit,) = await desk.find(q)
        assert hit.places


async def test_a_job_that_the_list_does_not_know_yet_is_left_out(desk: Desk) -> None:
    known, unknown = a_story(1), a_story(2)
    await desk.tell(known)
    await desk.index(unknown.events)
    assert await desk.jobs("spring", limit=1) == [known.job_id]


@given(st.integers(0, 10_000), st.lists(st.integers(0, 10_000), min_size=8, max_size=8))
@settings(max_examples=40, deadline=None)
@pytest.mark.slow
async def test_a_search_finds_what_looking_at_every_text_finds(seed: int, queries: list[int]) -> None:
    desk, told = Desk(MemoryDatabase()), stories(seed, 12)
    await desk.tell(*told)
    for q in map(a_query, queries):
        for partner_id in (PARTNER_ID, OTHER_ID):
            expected = brute_force(told, partner_id, q)
            assert await desk.jobs(q, partner_id=partner_id) == expected, q
            assert await desk.pages(q, 2, partner_id=partner_id) == expected, q


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
async def test_the_index_is_the_same_whatever_comes_twice_or_late(seed: int, draw: random.Random) -> None:
    events = [event for story in stories(seed, 4) for event in story.events]
    once, again = MemoryDatabase(), MemoryDatabase()
    await Projection(once, on_job)(events)
    shuffled = [*events, *draw.choices(events, k=len(events))]
    draw.shuffle(shuffled)
    index = Indexing(again)
    while shuffled:
        size = draw.randint(1, 6)
        await index(shuffled[:size])
        del shuffled[:size]
    assert contents(again) == contents(once)


async def test_a_job_is_whole_in_whatever_order_its_events_come() -> None:
    story, seen = a_story(1, OPENED, said("hello"), commented("psst"), ASSIGNED), []
    for events in permutations(story.events):
        database = MemoryDatabase()
        await Indexing(database)(events)
        seen.append(contents(database))
    assert all(one == seen[0] for one in seen)
    (job,) = seen[0]["jobs"].values()
    assert (job["status"], job["assignees"], job["introduced"]) == ("replied", [str(AIKO)], False)
    assert {"hello", "#psst", "spring", "seo"} <= set(job["tokens"])


async def test_a_batch_that_failed_brings_its_words_again(monkeypatch: pytest.MonkeyPatch) -> None:
    database, events = MemoryDatabase(), a_story(1).events
    index, write = Indexing(database), database[WORDS].bulk_write

    async def away(*_: Any, **__: Any) -> None:
        raise ServerSelectionTimeoutError

    monkeypatch.setattr(database[WORDS], "bulk_write", away)
    with pytest.raises(ServerSelectionTimeoutError):
        await index(events)
    monkeypatch.setattr(database[WORDS], "bulk_write", write)
    await index(events)
    assert "spring" in database[WORDS].documents


async def test_a_word_is_written_once_by_a_process() -> None:
    database = MemoryDatabase()
    index = Indexing(database)
    await index([*a_story(1).events, *a_story(2).events])
    database[WORDS].documents.clear()
    await index([*a_story(3).events, *a_story(4, title="Autumn").events])
    assert set(database[WORDS].documents) == {"autumn"}


@pytest.mark.parametrize("fact_type", [one for one in EVENTS if one not in INDEXED], ids=lambda one: one.__name__)
def test_a_fact_that_is_not_indexed_changes_nothing_that_a_search_filters_by(fact_type: type[Message]) -> None:
    fact = JOB_EVENTS.codec.decode(golden_file(JOB_EVENTS, fact_type).read_bytes()).fact
    for status in Status:
        job = a_job(status, assignees=(AIKO,), review=Review(rating=4, text="Good.", at=NOW))
        after = evolve(job, fact, JOB_ID, NOW)
        assert (after.status, after.assignees, after.introduced) == (job.status, job.assignees, job.introduced)
        assert list(on_job(received(an_event(fact, after)))) == []
