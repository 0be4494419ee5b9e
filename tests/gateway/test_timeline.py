"""A long conversation comes in pages, the newest first, and nothing of it is missing or comes twice."""

import pytest

from services.gateway.read.projections import TIMELINE, on_job
from services.gateway.read.reading import Reading
from shared.contracts.base import derived_id
from shared.contracts.jobs import CommentAdded, JobOpened, MerchantReplied
from shared.http import Problem
from tests.builders import BY_MERCHANT, BY_PARTNER, JOB_ID, a_job, an_event, received
from tests.memory_mongo import MemoryDatabase

LENGTH = 123


@pytest.fixture
async def reading() -> Reading:
    database = MemoryDatabase()
    job = a_job()
    for version in range(1, LENGTH + 1):
        text = f"Number {version}."
        fact = (
            CommentAdded(text=text, actor=BY_PARTNER) if version % 3 else MerchantReplied(text=text, actor=BY_MERCHANT)
        )
        event = an_event(fact, job.model_copy(update={"version": version}))
        (entry,) = [write for write in on_job(received(event)) if write.collection == TIMELINE]
        await database[TIMELINE].bulk_write([entry.operation], ordered=False)
    return Reading(database)  # type: ignore[arg-type]


@pytest.mark.parametrize(("for_merchant", "versions"), [(False, range(1, 124)), (True, range(3, 124, 3))])
@pytest.mark.parametrize("limit", [1, 40, 41, 50, 100, 123])
async def test_pages_go_back_to_the_beginning(
    reading: Reading, limit: int, versions: range, *, for_merchant: bool
) -> None:
    read: list[int] = []
    cursor = None
    while True:
        page = await reading.timeline(JOB_ID, cursor, limit, for_merchant=for_merchant)
        assert 0 < len(page.timeline) <= limit
        read = [step.version for step in page.timeline] + read
        cursor = page.older_cursor
        if cursor is None:
            break
    assert read == list(versions)


async def test_the_first_page_is_the_newest_and_says_where_older_ones_are(reading: Reading) -> None:
    page = await reading.timeline(JOB_ID)
    assert [step.version for step in page.timeline] == list(range(74, 124))
    assert page.older_cursor


async def test_what_comes_while_somebody_reads_back_shifts_nothing(reading: Reading) -> None:
    first = await reading.timeline(JOB_ID, limit=10)
    event = an_event(JobOpened(actor=BY_PARTNER), a_job(version=LENGTH + 1))
    await reading._timeline.bulk_write(
        [write.operation for write in on_job(received(event)) if write.collection == TIMELINE], ordered=False
    )
    second = await reading.timeline(JOB_ID, first.older_cursor, 10)
    assert second.timeline[-1].version == first.timeline[0].version - 1


@pytest.mark.parametrize("cursor", ["nonsense", "WyJmb3VuZCIsICIzIl0=", "WyJ0aW1lbGluZSIsICJ4Il0=", "W10="])
async def test_another_lists_cursor_is_refused(reading: Reading, cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        await reading.timeline(JOB_ID, cursor)
    assert refused.value.more["errors"][0]["field"] == "query.cursor"


async def test_a_job_of_which_nothing_is_known_has_an_empty_page(reading: Reading) -> None:
    page = await reading.timeline(derived_id("another job"))
    assert (page.timeline, page.older_cursor) == ([], None)
