"""What matching learns of a partner: each job's own numbers, and their sum."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.jobs.job import evolve
from services.matching.outcomes import MemoryOutcomes, Outcomes
from services.matching.standings import end_of, outcome_of, standing_of
from services.matching.sums import Outcome
from shared.contracts.base import Actor
from shared.contracts.jobs import Decline, DeclineReason, Job, JobDeclined, JobReviewed, ReviewTakenDown, Status
from shared.contracts.matching import ServiceStanding, StandingChanged
from tests.builders import (
    BY_MERCHANT,
    BY_OPERATOR,
    BY_PARTNER,
    HOUR,
    JOB_ID,
    NOW,
    PARTNER_ID,
    WINDOW,
    a_job,
    derived_id,
    details,
    job_declined,
    replied,
)

NOTHING = {"replied": 0, "declined": 0, "expired": 0, "reply_seconds": 0.0, "reviews": 0, "rating_sum": 0}


def learned(job: Job) -> dict[str, object]:
    return {name: value for name, value in outcome_of(job).items() if name in NOTHING}


@pytest.mark.parametrize(
    ("status", "numbers"),
    [
        (Status.NEW, {}),
        (Status.OPENED, {}),
        (Status.REPLIED, {"replied": 1}),
        (Status.INACTIVE, {"replied": 1}),
        (Status.COMPLETED, {"replied": 1}),
        (Status.DECLINED, {"declined": 1}),
        (Status.EXPIRED, {"expired": 1}),
    ],
)
def test_a_job_counts_once_for_what_its_partner_did(status: Status, numbers: dict[str, int]) -> None:
    assert learned(a_job(status)) == NOTHING | numbers


def test_a_reply_counts_with_the_time_it_took() -> None:
    job = evolve(a_job(), replied(), JOB_ID, NOW + 2 * HOUR)
    assert learned(job) == NOTHING | {"replied": 1, "reply_seconds": 7200.0}


def test_a_partner_that_declines_after_a_reply_has_replied() -> None:
    assert learned(a_job(Status.DECLINED, replied(), job_declined())) == NOTHING | {"replied": 1}


def test_a_merchants_decline_is_not_held_against_the_partner() -> None:
    assert learned(a_job(Status.DECLINED, job_declined(BY_MERCHANT))) == NOTHING


@pytest.mark.parametrize(
    ("by", "reason"), [(BY_PARTNER, DeclineReason.SPAM), (BY_OPERATOR, DeclineReason.STOPPED)], ids=["spam", "stopped"]
)
def test_what_was_no_request_teaches_nothing_and_takes_no_share(by: Actor, reason: DeclineReason) -> None:
    declined = JobDeclined(decline=Decline(by=by.kind, reason=reason), actor=by)
    job = a_job(Status.DECLINED, declined)
    assert learned(job) == NOTHING
    assert (end_of(job), outcome_of(job)["offered"], outcome_of(a_job())["offered"]) == (None, 0, 1)
    answered = a_job(Status.DECLINED, replied(), declined)
    assert (end_of(answered), outcome_of(answered)["offered"]) == ("replied", 1)


def test_a_review_that_was_taken_down_counts_no_more() -> None:
    job = evolve(a_job(Status.COMPLETED), JobReviewed(rating=1, text="Fools.", actor=BY_MERCHANT), JOB_ID, NOW)
    assert learned(evolve(job, ReviewTakenDown(actor=BY_OPERATOR), JOB_ID, NOW)) == NOTHING | {"replied": 1}


def test_a_review_counts_with_its_stars() -> None:
    reviewed = JobReviewed(rating=4, text="Good.", actor=BY_MERCHANT)
    job = evolve(a_job(Status.COMPLETED), reviewed, JOB_ID, NOW + WINDOW)
    assert learned(job) == NOTHING | {"replied": 1, "reviews": 1, "rating_sum": 4}


async def standing(*jobs: Job, kept: Outcomes | None = None) -> list[StandingChanged]:
    """What is said of the partner when the projection has kept these jobs."""
    kept = kept or MemoryOutcomes()
    await kept.remember(
        Outcome(derived_id("kept", number), job.version + 1, outcome_of(job)) for number, job in enumerate(jobs)
    )
    return [standing_of(one, sums, most=8.0) for one, (sums, _) in (await kept.standings([PARTNER_ID])).items()]


async def test_a_standing_is_summed_per_service_and_its_version_is_the_sum_of_its_jobs_versions() -> None:
    jobs = [a_job(Status.REPLIED), a_job(Status.EXPIRED), a_job(Status.DECLINED, details=details(service="video"))]
    (said,) = await standing(*jobs)
    assert (said.partner_id, said.version) == (PARTNER_ID, sum(job.version + 1 for job in jobs))
    assert said.services == {
        "seo": ServiceStanding(received=2, replied=1, expired=1),
        "video": ServiceStanding(received=1, declined=1),
    }
    assert said.total() == ServiceStanding(received=3, replied=1, declined=1, expired=1)


async def test_who_has_had_no_job_has_no_standing() -> None:
    assert await standing() == []
    assert await standing(a_job(partner_id=derived_id("another"))) == []


@given(st.lists(st.sampled_from(Status), max_size=12), st.randoms())
def test_the_order_of_the_jobs_does_not_matter(statuses: list[Status], random) -> None:
    jobs = [a_job(status) for status in statuses]
    shuffled = random.sample(jobs, len(jobs))
    assert asyncio.run(standing(*jobs)) == asyncio.run(standing(*shuffled))
