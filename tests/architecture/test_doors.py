"""A topic is no trust border: each owner checks again who speaks, also for what only services should say."""

from datetime import datetime
from uuid import UUID

import pytest

from services.jobs.job import decide as decide_job
from services.leads.request import decide as decide_request
from services.matching.match import decide_with
from services.matching.selection import choosing
from shared.contracts.base import Actor
from shared.contracts.jobs import job_id_of
from shared.contracts.matching import Answer, NoteAnswer, SelectPartners
from shared.contracts.requests import SubmitRequest
from shared.decisions import Rejection
from tests.builders import (
    BY_MERCHANT,
    BY_PARTNER,
    JOB_ID,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_creation,
    a_partner,
    details,
)
from tests.matching.markets import WITHOUT_LUCK, a_market

OUTSIDERS = pytest.mark.parametrize("actor", [BY_PARTNER, BY_MERCHANT], ids=["partner", "merchant"])


def refused(decision: object) -> bool:
    return isinstance(decision, Rejection) and decision.code == "forbidden"


@OUTSIDERS
def test_nobody_outside_makes_a_job(actor: Actor) -> None:
    assert refused(decide_job(None, a_creation(actor=actor), job_id_of(REQUEST_ID, PARTNER_ID), NOW))


def test_a_job_has_the_id_of_its_request_and_partner() -> None:
    assert refused(decide_job(None, a_creation(), UUID(int=1), NOW))
    assert not refused(decide_job(None, a_creation(), job_id_of(REQUEST_ID, PARTNER_ID), NOW))


@OUTSIDERS
def test_nobody_outside_starts_a_match_or_notes_an_answer(actor: Actor) -> None:
    decide = decide_with(choosing(a_market(a_partner()), WITHOUT_LUCK))
    at: datetime = NOW
    start = SelectPartners(details=details(), partners_per_wave=4, waves=3, actor=actor)
    note = NoteAnswer(partner_id=PARTNER_ID, answer=Answer.REPLIED, partners_per_wave=4, waves=3, actor=actor)
    assert refused(decide(None, start, REQUEST_ID, at))
    assert refused(decide(None, note, REQUEST_ID, at))


def test_nobody_submits_a_request_for_somebody_else() -> None:
    assert refused(decide_request(None, SubmitRequest(details=details(), actor=BY_PARTNER), REQUEST_ID, NOW))
    stranger = BY_MERCHANT.model_copy(update={"merchant_id": JOB_ID})
    assert refused(decide_request(None, SubmitRequest(details=details(), actor=stranger), REQUEST_ID, NOW))
