"""The rules of a job that the table has no room for: introductions, turns, the clock, reviews, assignments."""

from datetime import timedelta

import pytest

from services.jobs.job import decide, evolve, timer
from shared.contracts.jobs import (
    AssignMembers,
    CreateJob,
    ExpireJob,
    Job,
    JobReplied,
    RemindJob,
    Status,
)
from shared.contracts.requests import RequestKind
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    JOB_ID,
    KEN,
    MERCHANT_WROTE,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_job,
    details,
    job_declined,
    replied,
)
from tests.jobs.test_job_table import DEADLINE, act, after


def test_the_first_reply_introduces_and_the_second_does_not() -> None:
    first = decide(a_job(), act("partner-writes", BY_PARTNER), JOB_ID, NOW)
    second = decide(a_job(Status.REPLIED), act("partner-writes", BY_PARTNER), JOB_ID, NOW)
    assert [fact.first for fact in (*first, *second) if isinstance(fact, JobReplied)] == [True, False]
    introduced = evolve(a_job(), first[0], JOB_ID, NOW + HOUR)
    assert (introduced.introduced, introduced.first_reply_at) == (True, NOW + HOUR)
    assert evolve(introduced, second[0], JOB_ID, NOW + 2 * HOUR).first_reply_at == NOW + HOUR


def test_declining_says_who_and_why() -> None:
    declined = after(a_job(), act("decline", BY_PARTNER))
    assert (declined.decline.by, declined.decline.reason, declined.decline.note) == ("partner", "timing", "Next year.")


@pytest.mark.parametrize("ended", ["mark-inactive", "complete"])
@pytest.mark.parametrize(
    ("history", "turn"),
    [
        ((replied(),), Status.REPLIED),
        ((replied(), MERCHANT_WROTE), Status.AWAITING_REPLY),
        ((replied(), MERCHANT_WROTE, replied(first=False)), Status.REPLIED),
    ],
)
def test_reactivating_gives_the_turn_back_to_whose_it_was(history, turn: Status, ended: str) -> None:
    put_aside = after(a_job(turn, *history), act(ended, BY_PARTNER))
    assert after(put_aside, act("reactivate", BY_PARTNER)).status is turn


def test_what_was_said_while_completed_decides_whose_turn_it_is() -> None:
    completed = after(a_job(Status.COMPLETED), act("merchant-writes", BY_MERCHANT))
    assert completed.status is Status.COMPLETED
    assert after(completed, act("reactivate", BY_PARTNER)).status is Status.AWAITING_REPLY


def test_a_partner_that_writes_to_an_inactive_job_leaves_it_inactive_and_the_turn_with_the_merchant() -> None:
    inactive = after(a_job(Status.AWAITING_REPLY), act("mark-inactive", BY_PARTNER))
    written = after(inactive, act("partner-writes", BY_PARTNER))
    assert (written.status, after(written, act("reactivate", BY_PARTNER)).status) == (Status.INACTIVE, Status.REPLIED)


def test_a_job_is_reviewed_once() -> None:
    reviewed = after(a_job(Status.COMPLETED), act("review", BY_MERCHANT))
    assert reviewed.review.rating == 5
    assert after(reviewed, act("review", BY_MERCHANT)) == "already_reviewed"


@pytest.mark.parametrize("status", [Status.NEW, Status.OPENED])
@pytest.mark.parametrize(
    ("at", "deadline", "end"),
    [
        (DEADLINE, DEADLINE, Status.EXPIRED),
        (DEADLINE - timedelta(milliseconds=1), DEADLINE, "not_due"),
        (DEADLINE + HOUR, DEADLINE - HOUR, "not_due"),
        (DEADLINE + HOUR, DEADLINE + HOUR, "not_due"),
    ],
    ids=["on time", "too early by the log's clock", "an earlier deadline", "a later deadline"],
)
def test_a_job_expires_by_the_logs_time_and_by_this_very_deadline(status: Status, at, deadline, end) -> None:
    result = after(a_job(status), ExpireJob(deadline=deadline, actor=BY_SYSTEM), at)
    assert (result.status if isinstance(result, Job) else result) == end


def test_a_merchants_message_does_not_stop_the_clock_of_a_direct_job() -> None:
    job = after(a_job(kind=RequestKind.DIRECT), act("merchant-writes", BY_MERCHANT), NOW)
    assert timer(job) is not None
    assert after(job, act("72-h-pass", BY_SYSTEM)).status is Status.EXPIRED


def test_the_clock_reminds_twice_and_then_expires() -> None:
    job, told = a_job(), []
    while due := timer(job):
        told.append((due.kind, DEADLINE - due.due_at))
        command = RemindJob if due.kind == "remind" else ExpireJob
        field = "due_at" if due.kind == "remind" else "deadline"
        job = after(job, command(**{field: due.due_at}, actor=BY_SYSTEM), due.due_at)
    assert told == [("remind", 24 * HOUR), ("remind", 6 * HOUR), ("expire", 0 * HOUR)]
    assert job.status is Status.EXPIRED


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.NEW, Status.OPENED)])
def test_a_job_that_was_answered_or_closed_has_no_clock(status: Status) -> None:
    assert timer(a_job(status)) is None
    assert after(a_job(status), act("remind", BY_SYSTEM)) == "not_due"


def test_a_reminder_comes_once_and_not_too_early() -> None:
    due = DEADLINE - 24 * HOUR
    assert after(a_job(), act("remind", BY_SYSTEM), due - timedelta(milliseconds=1)) == "not_due"
    reminded = after(a_job(), act("remind", BY_SYSTEM), due)
    assert after(reminded, act("remind", BY_SYSTEM), due) == "not_due"


def test_a_reminder_that_would_lie_before_the_creation_is_left_out() -> None:
    short = CreateJob(
        request_id=REQUEST_ID,
        partner_id=PARTNER_ID,
        details=details(),
        reply_window_seconds=10 * 3600,
        remind_before_seconds=(24 * 3600, 6 * 3600),
        actor=BY_SYSTEM,
    )
    job = after_created(short)
    assert job.remind_at == (NOW + 4 * HOUR,)
    assert decide(job, short, JOB_ID, NOW) == []


def after_created(command: CreateJob) -> Job:
    (created,) = decide(None, command, JOB_ID, NOW)
    return evolve(None, created, JOB_ID, NOW)


def test_a_job_that_does_not_exist_decides_nothing() -> None:
    with pytest.raises(ValueError, match="There is no job"):
        decide(None, act("open", BY_PARTNER), JOB_ID, NOW)


def test_assigning_tells_who_is_new_and_the_same_again_changes_nothing() -> None:
    job = a_job(assignees=(AIKO,))
    (assigned,) = decide(job, AssignMembers(member_ids=(AIKO, KEN, KEN), actor=BY_PARTNER), JOB_ID, NOW)
    assert (assigned.member_ids, assigned.added) == ((AIKO, KEN), (KEN,))
    assert decide(job, AssignMembers(member_ids=(AIKO,), actor=BY_PARTNER), JOB_ID, NOW) == []
    assert after(job, AssignMembers(member_ids=(), actor=BY_PARTNER)).assignees == ()


def test_a_merchant_that_was_introduced_may_read_that_it_was_declined() -> None:
    declined = a_job(Status.DECLINED, replied(), job_declined())
    assert after(declined, act("merchant-writes", BY_MERCHANT)) == "declined"
