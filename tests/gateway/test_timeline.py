"""A long conversation comes in pages, the newest first, and nothing of it is missing or comes twice."""

import pytest

from services.gateway.read.cursors import cursor_of
from services.gateway.read.projections import TIMELINE, on_job
from services.gateway.read.reading import Reading
from services.jobs.job import evolve
from shared.contracts.base import ActorKind, Message, derived_id
from shared.contracts.jobs import CommentAdded, Job, JobBlocked, JobOpened, MerchantReplied
from shared.http import Problem
from tests.builders import BY_MERCHANT, BY_PARTNER, BY_SYSTEM, JOB_ID, MERCHANT_WROTE, NOW, a_job, an_event, received
from tests.memory_mongo import MemoryDatabase

LENGTH = 123
PARTNER, MERCHANT = ActorKind.PARTNER, ActorKind.MERCHANT


TEAMS = {PARTNER: range(1, LENGTH + 1), MERCHANT: range(1, LENGTH // 3 + 1)}
"""What each side counts, from its first step on."""


async def told(database: MemoryDatabase, job: Job, fact: Message) -> Job:
    """The job after a fact that the timeline has heard of."""
    job = evolve(job, fact, JOB_ID, NOW).model_copy(update={"version": job.version + 1})
    (entry,) = [write for write in on_job(received(an_event(fact, job))) if write.collection == TIMELINE]
    await database[TIMELINE].bulk_write([entry.operation], ordered=False)
    return job


@pytest.fixture
async def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
async def job(database: MemoryDatabase) -> Job:
    """One of which every third step is the merchant's to see."""
    job = a_job(version=0, partner_version=0, merchant_version=0)
    for number in range(1, LENGTH + 1):
        text = f"Number {number}."
        comment, answer = CommentAdded(text=text, actor=BY_PARTNER), MerchantReplied(text=text, actor=BY_MERCHANT)
        job = await told(database, job, comment if number % 3 else answer)
    return job


@pytest.fixture
def reading(database: MemoryDatabase) -> Reading:
    return Reading(database)  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [PARTNER, MERCHANT])
@pytest.mark.parametrize("limit", [1, 40, 41, 50, 100, 123])
async def test_pages_go_back_to_the_beginning(reading: Reading, job: Job, side: ActorKind, limit: int) -> None:
    read: list[int] = []
    cursor = None
    while True:
        page = await reading.timeline(job, side, cursor, limit)
        assert 0 < len(page.timeline) <= limit
        read = [step.version for step in page.timeline] + read
        cursor = page.older_cursor
        if cursor is None:
            break
    assert read == list(TEAMS[side])
    assert read[-1] == job.version_for(side)


@pytest.mark.parametrize("behind", [0, 1, 2, 7])
@pytest.mark.parametrize("side", [PARTNER, MERCHANT])
async def test_a_step_has_its_number_whichever_of_job_and_timeline_is_ahead(
    reading: Reading, database: MemoryDatabase, job: Job, side: ActorKind, behind: int
) -> None:
    was = job
    for number in range(behind):
        if number % 2:
            job = await told(database, job, JobOpened(actor=BY_PARTNER))
        else:
            job = await told(database, job, MERCHANT_WROTE)
    for snapshot in (was, job):
        (step,) = (await reading.timeline(snapshot, side, limit=1)).timeline
        assert step.version == job.version_for(side)


async def test_what_an_earlier_release_counted_goes_on(reading: Reading, database: MemoryDatabase, job: Job) -> None:
    """It counted everything; no number that a merchant has seen falls."""
    old = job.model_copy(update={"partner_version": None, "merchant_version": None})
    (last,) = (await reading.timeline(old, MERCHANT, limit=1)).timeline
    assert last.version == LENGTH
    job = await told(database, old, CommentAdded(text="Among us.", actor=BY_PARTNER))
    job = await told(database, job, MERCHANT_WROTE)
    page = await reading.timeline(job, MERCHANT, limit=2)
    assert [step.version for step in page.timeline] == [LENGTH, LENGTH + 1]


async def test_a_block_is_in_nobodys_timeline_but_the_merchants(
    reading: Reading, database: MemoryDatabase, job: Job
) -> None:
    job = await told(database, job, JobBlocked(actor=BY_SYSTEM))
    types = {side: (await reading.timeline(job, side, limit=1)).timeline[-1].type for side in (PARTNER, MERCHANT)}
    assert types == {PARTNER: "MerchantReplied", MERCHANT: "JobBlocked"}


async def test_a_cursor_names_no_step_that_its_side_does_not_see(reading: Reading, job: Job) -> None:
    """Else whoever guesses could ask what there is."""
    hidden = (await reading.timeline(job, PARTNER, limit=2)).timeline[0]
    assert hidden.type == "CommentAdded"
    with pytest.raises(Problem):
        await reading.timeline(job, MERCHANT, cursor_of("timeline", hidden.id, "41"))


async def test_the_first_page_is_the_newest_and_says_where_older_ones_are(reading: Reading, job: Job) -> None:
    page = await reading.timeline(job, PARTNER)
    assert [step.version for step in page.timeline] == list(range(74, 124))
    assert page.older_cursor


async def test_what_comes_while_somebody_reads_back_shifts_nothing(
    reading: Reading, database: MemoryDatabase, job: Job
) -> None:
    first = await reading.timeline(job, PARTNER, limit=10)
    await told(database, job, JobOpened(actor=BY_PARTNER))
    second = await reading.timeline(job, PARTNER, first.older_cursor, 10)
    assert second.timeline[-1].version == first.timeline[0].version - 1


SOME_ID = str(derived_id("some step"))


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "W10=",
        *(cursor_of(*words) for words in (("found", "3"), ("timeline", "7"), ("timeline", "x", "7"))),
        *(cursor_of("timeline", SOME_ID, number) for number in ("7", "-7", "x", "9" * 16)),
    ],
)
async def test_another_lists_cursor_is_refused(reading: Reading, job: Job, cursor: str) -> None:
    """One of an earlier release too: it named a place in the log, so that a merchant could count the team's steps."""
    with pytest.raises(Problem) as refused:
        await reading.timeline(job, PARTNER, cursor)
    assert refused.value.more["errors"][0]["field"] == "query.cursor"


async def test_a_job_of_which_nothing_is_known_has_an_empty_page(reading: Reading) -> None:
    page = await reading.timeline(a_job(job_id=derived_id("another job")), PARTNER)
    assert (page.timeline, page.older_cursor) == ([], None)
