"""What is promised by whoever keeps the outcomes, over the one in memory and over MongoDB: then what matching learns by
itself is what the service learns.
"""

import random
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.matching.outcomes import MemoryOutcomes, MongoOutcomes, Outcomes
from services.matching.standings import outcome_of, outcome_of_lead, outcomes_of, standing_of
from services.matching.sums import Outcome
from shared.contracts.base import derived_id
from shared.contracts.jobs import Job, Status
from shared.contracts.leads import Lead, lead_id_of
from shared.contracts.matching import Match, MatchStatus, RequestMatched, Selection, StandingChanged
from shared.contracts.requests import RequestKind
from tests.builders import HOUR, NOW, PARTNER_ID, REQUEST_ID, a_job, an_event, details, received, replied
from tests.memory_mongo import MemoryDatabase

OTHER = derived_id("another partner")


def kept(number: int, job: Job) -> Outcome:
    return Outcome(derived_id("kept", number), job.version + 1, outcome_of(job))


def some_outcomes() -> list[Outcome]:
    """Jobs of two partners, in several states of which the newest counts, and a lead."""
    lead = Lead(
        lead_id=lead_id_of(REQUEST_ID, PARTNER_ID),
        request_id=REQUEST_ID,
        partner_id=PARTNER_ID,
        details=details(RequestKind.LEAD),
        others=3,
        delivered_at=NOW,
        version=1,
    )
    outcomes = [Outcome(lead.lead_id, 2, outcome_of_lead(lead))]
    for number, status in enumerate([*Status, *Status]):
        about = details(RequestKind.DIRECT if number % 3 == 0 else RequestKind.MATCH)
        fields: dict[str, Any] = {"partner_id": OTHER if number % 5 == 0 else PARTNER_ID, "details": about}
        outcomes.append(kept(number, a_job(Status.NEW, **fields)))
        outcomes.append(kept(number, a_job(status, **fields).model_copy(update={"created_at": NOW - number * HOUR})))
    return outcomes


async def said(outcomes: Outcomes, *partners: Any) -> list[StandingChanged]:
    ids = list(partners or [PARTNER_ID, OTHER])
    standings = await outcomes.standings(ids)
    return [standing_of(one, standings[one].sums, most=8.0) for one in sorted(standings)]


class AnOutcomeKeeper:
    async def test_nothing_is_known_of_who_has_had_nothing(self, outcomes: Outcomes) -> None:
        assert await said(outcomes) == []

    async def test_jobs_are_summed_per_partner_and_service(self, outcomes: Outcomes) -> None:
        jobs = [a_job(Status.REPLIED), a_job(Status.EXPIRED), a_job(Status.EXPIRED, partner_id=OTHER)]
        await outcomes.remember(kept(number, job) for number, job in enumerate(jobs))
        (ours,) = await said(outcomes, PARTNER_ID)
        assert (ours.version, ours.total().received, ours.total().expired) == (6, 2, 1)

    async def test_the_newest_counts_however_often_and_in_whatever_order_they_come(self, outcomes: Outcomes) -> None:
        given = some_outcomes()
        await outcomes.remember(random.Random(4).sample(given * 2, 2 * len(given)))
        expected = MemoryOutcomes()
        await expected.remember(given)
        assert await said(outcomes) == await said(expected)

    async def test_who_was_just_chosen_has_been_sent_something_before_its_job_says_so(self, outcomes: Outcomes) -> None:
        fact = RequestMatched(
            details=details(), wave=1, selections=(Selection(partner_id=PARTNER_ID, score=1.0, factors=()),)
        )
        match = Match(
            request_id=REQUEST_ID, details=details(), status=MatchStatus.WAITING, wave=1, asked=(), started_at=NOW
        )
        await outcomes.remember(outcomes_of(received(an_event(fact, match), topic="matches")))
        (ours,) = await said(outcomes, PARTNER_ID)
        assert (ours.exposure, ours.open_jobs, ours.received_on) == (1.0, 1, {NOW.date(): 1})
        job = a_job(Status.REPLIED)
        await outcomes.remember(outcomes_of(received(an_event(replied(), job, subject=job.job_id))))
        (ours,) = await said(outcomes, PARTNER_ID)
        assert (ours.exposure, ours.open_jobs, ours.total().replied) == (1.0, 1, 1) or job.job_id is None

    async def test_what_is_long_past_counts_less(self, outcomes: Outcomes) -> None:
        old = a_job(Status.EXPIRED)
        months = timedelta(days=120)
        await outcomes.remember(
            [
                kept(1, old.model_copy(update={"created_at": NOW - months, "deadline": NOW - months})),
                kept(2, a_job(Status.REPLIED)),
            ]
        )
        (ours,) = await said(outcomes, PARTNER_ID)
        (evidence,) = ours.evidence
        assert evidence.accepted == 1.0
        assert 0.2 < evidence.expired < 0.3, "Two half-lives."
        assert ours.total().expired == 1, "The count itself stays."


class TestInMemory(AnOutcomeKeeper):
    @pytest.fixture
    def outcomes(self) -> Outcomes:
        return MemoryOutcomes()


class TestInADatabaseInMemory(AnOutcomeKeeper):
    @pytest.fixture
    def outcomes(self) -> Outcomes:
        return MongoOutcomes(MemoryDatabase())


class TestInMongoDB(AnOutcomeKeeper):
    @pytest_asyncio.fixture
    async def outcomes(self, mongo_database: Any) -> Outcomes:
        outcomes = MongoOutcomes(mongo_database)
        await outcomes.prepare()
        return outcomes
