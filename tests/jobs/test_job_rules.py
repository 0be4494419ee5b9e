"""The rules of a job as short stories, where a table has no room for them: introductions, turns, the clock, undoing,
reviews, access to the store, blocks, assignments.
"""

from datetime import datetime, timedelta

import pytest

from services.gateway.api.views import merchant_view
from services.jobs.job import decide, evolve, timer
from shared.contracts.base import Actor, ActorKind, Message, derived_id
from shared.contracts.jobs import (
    CLOSED_BY,
    EVENTS,
    PARTNERS_REASONS,
    AccessStatus,
    AskAccess,
    AssignMembers,
    CloseJob,
    ConsentAccess,
    CreateJob,
    DeclineReason,
    EditReview,
    ExpireAccess,
    ExpireJob,
    GrantAccess,
    Job,
    JobBlocked,
    JobReplied,
    Permission,
    RemindJob,
    SettleAct,
    Status,
    StoreAccess,
)
from shared.contracts.requests import RequestKind, StoreProof
from shared.contracts.seen import SEEN, sees
from shared.decisions import Rejection
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_OTHER_MERCHANT,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    JOB_ID,
    KEN,
    MERCHANT_WROTE,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    UNDO,
    WINDOW,
    a_job,
    details,
    job_declined,
    replied,
)
from tests.jobs.rules import ASKED, CONSENTED, GRANTED, REQUESTED, SENT, WAYS, Step, Times, Until

TIMES = Times(int(WINDOW.total_seconds()), (24 * 3600, 6 * 3600), int(UNDO.total_seconds()))
DEADLINE = NOW + WINDOW
SECOND = timedelta(seconds=1)
REMIND = RemindJob(due_at=DEADLINE - 24 * HOUR, actor=BY_SYSTEM)


def act(name: str, by: Actor) -> Message:
    """A command by its name in `rules.md`, where it needs no moment of the job."""
    return SENT[name](by)(None, TIMES)


def after(job: Job, command: Message, at: datetime = DEADLINE) -> Job | str:
    """The job after a command, or the code of the refusal."""
    decision = decide(job, command, JOB_ID, at)
    if isinstance(decision, Rejection):
        return decision.code
    for fact in decision:
        job = evolve(job, fact, JOB_ID, at)
    return job


def said(job: Job, command: Message, at: datetime = DEADLINE) -> list[str]:
    """The names of the facts that follow."""
    return [type(fact).__name__ for fact in decide(job, command, JOB_ID, at)]


def test_the_first_reply_introduces_and_the_second_does_not() -> None:
    first = decide(a_job(), act("SendMessage", BY_PARTNER), JOB_ID, NOW)
    second = decide(a_job(Status.REPLIED), act("SendMessage", BY_PARTNER), JOB_ID, NOW)
    assert [fact.first for fact in (*first, *second) if isinstance(fact, JobReplied)] == [True, False]
    introduced = evolve(a_job(), first[0], JOB_ID, NOW + HOUR)
    assert (introduced.introduced, introduced.first_reply_at) == (True, NOW + HOUR)
    assert evolve(introduced, second[0], JOB_ID, NOW + 2 * HOUR).first_reply_at == NOW + HOUR


def test_declining_says_who_and_why() -> None:
    declined = after(a_job(), act("DeclineJob", BY_PARTNER))
    assert (declined.decline.by, declined.decline.reason, declined.decline.note) == ("partner", "timing", "Next year.")


@pytest.mark.parametrize("ended", ["MarkInactive", "CompleteJob"])
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
    assert after(put_aside, act("ReactivateJob", BY_PARTNER)).status is turn


def test_what_was_said_while_completed_decides_whose_turn_it_is() -> None:
    completed = after(a_job(Status.COMPLETED), act("SendMessage", BY_MERCHANT))
    assert completed.status is Status.COMPLETED
    assert after(completed, act("ReactivateJob", BY_PARTNER)).status is Status.AWAITING_REPLY


def test_a_partner_that_writes_to_an_inactive_job_leaves_it_inactive_and_the_turn_with_the_merchant() -> None:
    inactive = after(a_job(Status.AWAITING_REPLY), act("MarkInactive", BY_PARTNER))
    written = after(inactive, act("SendMessage", BY_PARTNER))
    assert (written.status, after(written, act("ReactivateJob", BY_PARTNER)).status) == (
        Status.INACTIVE,
        Status.REPLIED,
    )


def test_a_job_is_reviewed_once() -> None:
    reviewed = after(a_job(Status.COMPLETED), act("ReviewJob", BY_MERCHANT))
    assert reviewed.review.rating == 5
    assert after(reviewed, act("ReviewJob", BY_MERCHANT)) == "already_reviewed"


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
    job = after(a_job(kind=RequestKind.DIRECT), act("SendMessage", BY_MERCHANT), NOW)
    assert timer(job) is not None
    assert after(job, ExpireJob(deadline=DEADLINE, actor=BY_SYSTEM)).status is Status.EXPIRED


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
    assert after(a_job(status), REMIND) == "not_due"


def test_a_reminder_comes_once_and_not_too_early() -> None:
    due = DEADLINE - 24 * HOUR
    assert after(a_job(), REMIND, due - timedelta(milliseconds=1)) == "not_due"
    reminded = after(a_job(), REMIND, due)
    assert after(reminded, REMIND, due) == "not_due"


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
        decide(None, act("OpenJob", BY_PARTNER), JOB_ID, NOW)


def test_assigning_tells_who_is_new_and_the_same_again_changes_nothing() -> None:
    job = a_job(assignees=(AIKO,))
    (assigned,) = decide(job, AssignMembers(member_ids=(AIKO, KEN, KEN), actor=BY_PARTNER), JOB_ID, NOW)
    assert (assigned.member_ids, assigned.added) == ((AIKO, KEN), (KEN,))
    assert decide(job, AssignMembers(member_ids=(AIKO,), actor=BY_PARTNER), JOB_ID, NOW) == []
    assert after(job, AssignMembers(member_ids=(), actor=BY_PARTNER)).assignees == ()


def test_a_merchant_that_was_introduced_may_read_that_it_was_declined() -> None:
    declined = a_job(Status.DECLINED, replied(), job_declined())
    assert after(declined, act("SendMessage", BY_MERCHANT)) == "declined"


def test_a_stranger_to_a_matched_job_learns_nothing_about_introductions() -> None:
    assert after(a_job(), act("SendMessage", BY_OTHER_MERCHANT)) == "forbidden"


# What can be taken back for a moment.

DECLINE = act("DeclineJob (can be undone)", BY_PARTNER)
COMPLETE = act("CompleteJob (can be undone)", BY_PARTNER)
ASIDE = act("MarkInactive (can be undone)", BY_PARTNER)


def settle(job: Job, at: datetime) -> Job | str:
    """What the clock says when the act holds, as often and as late as it says it."""
    return after(job, SettleAct(due_at=NOW + UNDO, actor=BY_SYSTEM), at)


@pytest.mark.parametrize(
    ("command", "end"), [(DECLINE, Status.DECLINED), (COMPLETE, Status.COMPLETED), (ASIDE, Status.INACTIVE)]
)
def test_nobody_is_told_of_an_act_before_it_holds(command: Message, end: Status) -> None:
    job = a_job(Status.REPLIED)
    pending = after(job, command, NOW)
    assert said(job, command, NOW) == ["ActDelayed"]
    assert merchant_view(pending, None) == merchant_view(job, None)
    assert settle(pending, NOW + UNDO - SECOND) == "not_due"
    held = settle(pending, NOW + UNDO)
    assert (held.status, held.pending) == (end, None)


def test_what_was_taken_back_never_happened() -> None:
    job = a_job()
    pending = after(job, DECLINE, NOW)
    undone = after(pending, act("UndoAct", BY_PARTNER), NOW + SECOND)
    assert undone.model_copy(update={"partner_version": job.partner_version}) == job
    assert after(job, act("UndoAct", BY_PARTNER)) == "nothing_to_undo"


def test_the_clock_may_say_twice_and_late_that_an_act_holds() -> None:
    pending = after(a_job(), DECLINE, NOW)
    declined = settle(pending, NOW + HOUR)
    assert declined.status is Status.DECLINED
    assert settle(declined, NOW + HOUR) == "not_due"


def test_the_clock_that_comes_late_does_not_mean_the_next_act() -> None:
    undone = after(after(a_job(), DECLINE, NOW), act("UndoAct", BY_PARTNER), NOW + SECOND)
    again = after(undone, DECLINE, NOW + 2 * SECOND)
    assert settle(again, NOW + UNDO + 2 * SECOND) == "not_due"


def test_a_decline_that_waits_while_the_deadline_passes_is_a_decline() -> None:
    opened = a_job(Status.OPENED)
    pending = after(opened, DECLINE, DEADLINE - SECOND)
    declined = after(pending, ExpireJob(deadline=DEADLINE, actor=BY_SYSTEM), DEADLINE)
    assert (declined.status, declined.decline.reason) == (Status.DECLINED, DeclineReason.TIMING)
    assert said(pending, ExpireJob(deadline=DEADLINE, actor=BY_SYSTEM)) == ["JobDeclined"]


def test_who_has_just_declined_does_not_write_and_the_merchant_may() -> None:
    pending = after(a_job(Status.REPLIED), DECLINE, NOW)
    assert after(pending, act("SendMessage", BY_PARTNER), NOW) == "act_pending"
    written = after(pending, act("SendMessage", BY_MERCHANT), NOW + SECOND)
    assert (written.status, written.pending) == (Status.AWAITING_REPLY, pending.pending)
    assert settle(written, NOW + UNDO).status is Status.DECLINED


def test_a_merchants_decline_holds_at_once_whatever_the_partner_was_about_to_do() -> None:
    pending = after(a_job(Status.REPLIED), COMPLETE, NOW)
    declined = after(pending, act("DeclineJob (can be undone)", BY_MERCHANT), NOW)
    assert (declined.status, declined.decline.by, declined.pending) == (Status.DECLINED, ActorKind.MERCHANT, None)
    assert after(declined, act("UndoAct", BY_PARTNER), NOW) == "nothing_to_undo"


# Which timer comes next.


def test_the_clock_of_a_declined_job_is_first_the_undo_and_then_none() -> None:
    pending = after(a_job(), DECLINE, NOW)
    assert timer(pending) == ("settle", NOW + UNDO)
    assert timer(settle(pending, NOW + UNDO)) is None
    assert timer(after(pending, act("UndoAct", BY_PARTNER), NOW)) == ("remind", DEADLINE - 24 * HOUR)


def test_a_deadline_that_is_nearer_than_the_undo_comes_first() -> None:
    late = DEADLINE - SECOND
    reminded = after(after(a_job(), REMIND, late), DECLINE, late)
    assert timer(reminded) == ("expire", DEADLINE)


def test_a_grant_has_its_clock_in_every_status_and_an_act_comes_before_it() -> None:
    granted = granted_job()
    ends = NOW + timedelta(days=30)
    assert timer(granted) == timer(after(granted, act("MarkInactive", BY_PARTNER), NOW)) == ("end-access", ends)
    assert timer(after(granted, act("CompleteJob", BY_PARTNER), NOW)) is None
    assert timer(after(granted, COMPLETE, NOW)) == ("settle", NOW + UNDO)
    assert timer(after(granted, act("RevokeAccess", BY_MERCHANT), NOW)) is None


# Reviews.


def reviewed_job() -> Job:
    return after(a_job(Status.COMPLETED), act("ReviewJob", BY_MERCHANT), NOW)


def test_a_review_can_be_edited_for_fourteen_days() -> None:
    fortnight = NOW + timedelta(days=14)
    edited = after(reviewed_job(), act("EditReview", BY_MERCHANT), fortnight)
    assert (edited.review.rating, edited.review.at, edited.review.edited_at) == (4, NOW, fortnight)
    late = fortnight + timedelta(milliseconds=1)
    assert after(reviewed_job(), act("EditReview", BY_MERCHANT), late) == "too_late"
    assert after(edited, act("EditReview", BY_MERCHANT), late) == "too_late", "Editing does not start the time anew."


def test_a_review_is_answered_once_and_an_edit_keeps_the_answer() -> None:
    answered = after(reviewed_job(), act("AnswerReview", BY_PARTNER))
    assert after(answered, act("AnswerReview", BY_PARTNER)) == "already_answered"
    assert after(answered, act("EditReview", BY_MERCHANT)).review.answer == "Thank you."


def test_nobody_reviews_their_own_organisation() -> None:
    assert after(a_job(Status.COMPLETED), act("ReviewJob (of its own team)", BY_MERCHANT)) == "own_review"


def test_the_partner_asks_for_a_review_once() -> None:
    asked = after(a_job(Status.COMPLETED), act("AskReview", BY_PARTNER))
    assert asked.review_asked_at == DEADLINE
    assert after(asked, act("AskReview", BY_PARTNER)) == "already_asked"
    assert after(asked, act("ReviewJob", BY_MERCHANT)).review.rating == 5


# Access to the merchant's store.


def along(job: Job, way: tuple[Step, ...]) -> Job:
    """The job after these commands, all of them now: what a way waits for is not late here."""
    for step in way:
        job = job if isinstance(step, Until) else after(job, step(job, TIMES), NOW)
    return job


def granted_job() -> Job:
    return along(a_job(), GRANTED)


def test_access_is_requested_only_after_the_merchant_has_consented() -> None:
    asked = after(a_job(Status.REPLIED), act("AskAccess", BY_PARTNER))
    assert after(asked, act("RequestAccess", BY_PARTNER)) == "consent_missing"
    consented = after(asked, SENT["ConsentAccess"](BY_MERCHANT)(asked, TIMES))
    assert after(consented, act("RequestAccess", BY_PARTNER)).access.status is AccessStatus.REQUESTED


def test_an_earlier_consent_does_not_hold_for_the_next_request() -> None:
    revoked = after(granted_job(), act("RevokeAccess", BY_MERCHANT))
    assert after(revoked, act("RequestAccess", BY_PARTNER)) == "consent_missing"
    asked_again = after(revoked, act("AskAccess", BY_PARTNER))
    assert (asked_again.access.requested_at, asked_again.access.expires_at) == (None, None)
    assert after(asked_again, act("RequestAccess", BY_PARTNER)) == "consent_missing"


def test_a_grant_runs_out_after_the_days_that_were_requested() -> None:
    granted, ends = granted_job(), NOW + timedelta(days=30)
    assert granted.access.expires_at == ends
    expire = ExpireAccess(expires_at=ends, actor=BY_SYSTEM)
    assert after(granted, expire, ends - SECOND) == "not_due"
    assert after(granted, expire, ends).access.status is AccessStatus.EXPIRED


@pytest.mark.parametrize("by", [BY_PARTNER, BY_MERCHANT])
def test_either_side_revokes_and_a_grant_that_comes_later_is_refused(by: Actor) -> None:
    requested = along(a_job(), REQUESTED)
    revoked = after(requested, act("RevokeAccess", by))
    assert revoked.access.status is AccessStatus.REVOKED
    granted = GrantAccess(requested_at=requested.access.requested_at, actor=BY_SYSTEM)
    assert after(revoked, granted) == "wrong_access"
    assert after(revoked, act("RevokeAccess", by)) == "wrong_access"


def test_a_consent_that_nobody_uses_lapses_after_two_weeks() -> None:
    consented = along(a_job(), CONSENTED)
    lapses = NOW + timedelta(days=14)
    assert timer(consented) == ("end-access", lapses)
    assert after(consented, ExpireAccess(expires_at=lapses, actor=BY_SYSTEM), lapses - SECOND) == "not_due"
    lapsed = after(consented, ExpireAccess(expires_at=lapses, actor=BY_SYSTEM), lapses)
    assert (lapsed.access.status, lapsed.access.requested_at) == (AccessStatus.EXPIRED, None)
    assert after(lapsed, act("RequestAccess", BY_PARTNER)) == "consent_missing"


def test_a_consent_is_to_the_ask_that_the_merchant_saw() -> None:
    asked = along(a_job(), ASKED)
    consent = SENT["ConsentAccess"](BY_MERCHANT)(asked, TIMES)
    taken_back = after(asked, act("RevokeAccess", BY_PARTNER), NOW)
    more = AskAccess(permissions=tuple(Permission), days=365, proof=StoreProof.META, actor=BY_PARTNER)
    asked_for_more = after(taken_back, more, NOW + SECOND)
    assert after(asked_for_more, consent, NOW + SECOND) == "other_ask"


def test_who_only_names_a_store_lets_nobody_in() -> None:
    """Anybody can give somebody else's store as their own."""
    job = a_job(Status.REPLIED)
    assert job.details.merchant.store_proof is None
    assert after(job, AskAccess(permissions=(Permission.THEMES,), days=3, actor=BY_PARTNER)) == "store_unproved"


def test_what_an_earlier_release_has_asked_for_is_asked_anew() -> None:
    asked = a_job(Status.REPLIED).model_copy(update={"access": StoreAccess(status=AccessStatus.ASKED)})
    proved = ConsentAccess(proof=StoreProof.FILE, actor=BY_MERCHANT)
    assert after(asked, proved) == "other_ask"
    consented = asked.model_copy(update={"access": StoreAccess(status=AccessStatus.CONSENTED)})
    assert after(consented, act("RequestAccess", BY_PARTNER)) == "store_unproved"
    assert after(consented, act("RefuseAccess", BY_MERCHANT)).access.status is AccessStatus.DENIED


@pytest.mark.parametrize(
    "ends",
    [
        act("DeclineJob", BY_PARTNER),
        act("DeclineJob", BY_MERCHANT),
        act("EndConversation", BY_MERCHANT),
        act("CloseJob (withdrawn)", BY_SYSTEM),
        act("CloseJob (blocked)", BY_SYSTEM),
        act("CompleteJob", BY_PARTNER),
    ],
    ids=["declined", "declined by the merchant", "ended", "withdrawn", "blocked", "completed"],
)
def test_whoever_closes_a_job_takes_the_key_back(ends: Message) -> None:
    assert after(granted_job(), ends).access.status is AccessStatus.REVOKED


def test_a_decline_takes_the_key_back_when_it_holds_and_not_before() -> None:
    pending = after(granted_job(), DECLINE, NOW)
    assert pending.access.status is AccessStatus.GRANTED
    assert settle(pending, NOW + UNDO).access.status is AccessStatus.REVOKED


# Withdrawn, blocked, unassigned.


@pytest.mark.parametrize("reason", list(CLOSED_BY))
def test_what_happened_elsewhere_closes_an_open_job(reason: DeclineReason) -> None:
    """Whoever wants nothing of a partner that it cannot know of has withdrawn, as far as that one can see."""
    closed = after(a_job(), act(f"CloseJob ({reason})", BY_SYSTEM))
    shown = DeclineReason.WITHDRAWN if reason is DeclineReason.BLOCKED else reason
    assert (closed.status, closed.decline.by, closed.decline.reason) == (Status.DECLINED, CLOSED_BY[reason], shown)
    assert closed.blocked == (reason is DeclineReason.BLOCKED)
    assert closed.suspended == (reason is DeclineReason.SUSPENDED)


@pytest.mark.parametrize("reason", sorted(PARTNERS_REASONS))
def test_a_sides_own_reason_closes_nothing_in_its_place(reason: DeclineReason) -> None:
    assert after(a_job(), CloseJob(reason=reason, actor=BY_SYSTEM)) == "wrong_reason"


def test_a_suspension_ends_a_completed_jobs_conversation_and_access_and_leaves_it_completed() -> None:
    granted = after(granted_job(), act("CompleteJob", BY_PARTNER))
    closed = after(granted, act("CloseJob (suspended)", BY_SYSTEM))
    assert (closed.status, closed.access.status, closed.decline) == (Status.COMPLETED, AccessStatus.REVOKED, None)
    assert after(closed, act("SendMessage", BY_MERCHANT)) == after(closed, act("ReactivateJob", BY_PARTNER)) == "closed"


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", [RequestKind.MATCH, RequestKind.DIRECT])
def test_a_block_says_to_the_partner_what_an_end_does(kind: RequestKind, status: Status) -> None:
    """What a merchant can do to a job that it does not know of is to withdraw the request."""
    job = a_job(status, kind=kind)
    plain = act("EndConversation", BY_MERCHANT) if job.known_to_merchant else act("CloseJob (withdrawn)", BY_SYSTEM)
    end = decide(job, plain, JOB_ID, NOW)
    blocked = decide(job, act("CloseJob (blocked)", BY_SYSTEM), JOB_ID, NOW)
    shown = [fact for fact in blocked if sees(ActorKind.PARTNER, fact)]
    assert shown == ([] if isinstance(end, Rejection) else list(end))
    assert blocked[-1] == JobBlocked(actor=BY_SYSTEM)


def test_a_block_ends_the_conversation_of_a_completed_job_and_leaves_it_completed() -> None:
    completed = after(granted_job(), act("CompleteJob", BY_PARTNER))
    blocked = after(completed, act("CloseJob (blocked)", BY_SYSTEM))
    assert (blocked.status, blocked.access.status) == (Status.COMPLETED, AccessStatus.REVOKED)
    assert after(blocked, act("SendMessage", BY_MERCHANT)) == after(blocked, act("AskAccess", BY_PARTNER)) == "closed"
    assert after(blocked, act("ReviewJob", BY_MERCHANT)).review.rating == 5
    assert said(blocked, act("CloseJob (blocked)", BY_SYSTEM)) == []


@pytest.mark.parametrize("side", [ActorKind.PARTNER, ActorKind.MERCHANT])
def test_a_job_of_an_earlier_release_goes_on_from_what_each_side_was_shown(side: ActorKind) -> None:
    unknown = {"partner_version": None, "merchant_version": None, "merchant_activity_at": None}
    job = a_job(Status.COMPLETED, version=9, last_activity_at=NOW, **unknown)
    assert (job.version_for(side), job.activity_for_merchant) == (9, NOW)
    commented = after(job, act("AddComment", BY_PARTNER)).model_copy(update={"version": 10})
    assert commented.version_for(side) == (10 if side is ActorKind.PARTNER else 9)
    assert (commented.last_activity_at, commented.activity_for_merchant) == (DEADLINE, NOW)
    blocked = after(commented, act("CloseJob (blocked)", BY_SYSTEM))
    assert blocked.version_for(side) == commented.version_for(side) + (1 if side is ActorKind.PARTNER else 2)


def test_what_was_seen_by_the_count_of_an_earlier_release_can_still_be_replaced() -> None:
    counted = {"partner_version": None, "merchant_version": None}
    job = after(a_job(Status.COMPLETED), act("ReviewJob", BY_MERCHANT))
    job = job.model_copy(update={"version": 9, "parts": job.parts.model_copy(update={"review": 7}), **counted})
    for expected, outcome in ((6, "version_mismatch"), (7, 5), (9, 5), (10, "version_mismatch")):
        edited = after(job, EditReview(rating=5, text="!", expected_version=expected, actor=BY_MERCHANT))
        assert (edited if isinstance(edited, str) else edited.review.rating) == outcome, expected


def test_every_fact_says_who_sees_it() -> None:
    assert set(SEEN) == set(EVENTS)
    for fact, seen in SEEN.items():
        for side in (ActorKind.PARTNER, ActorKind.MERCHANT):
            field = seen.by(side)
            assert isinstance(field, bool) or fact.model_fields[field].annotation is bool
            assert field is not False or seen.by({"partner": ActorKind.MERCHANT}.get(side, ActorKind.PARTNER))
    for nobody in (ActorKind.OPERATOR, ActorKind.SYSTEM):
        with pytest.raises(KeyError):
            sees(nobody, JobBlocked(actor=BY_SYSTEM))


def test_a_request_that_is_withdrawn_leaves_what_is_completed_alone() -> None:
    assert after(a_job(Status.COMPLETED), act("CloseJob (withdrawn)", BY_SYSTEM)) == "wrong_status"


def test_who_leaves_the_team_is_assigned_no_more_and_nobody_is_new() -> None:
    job = a_job(assignees=(AIKO, KEN))
    (left,) = decide(job, act("UnassignMember", BY_SYSTEM), JOB_ID, NOW)
    assert (left.member_ids, left.added) == ((KEN,), ())
    assert said(a_job(assignees=(KEN,)), act("UnassignMember", BY_SYSTEM)) == []


def test_an_answer_to_an_earlier_request_is_none_to_this_one() -> None:
    first = along(a_job(), REQUESTED)
    again = ("RevokeAccess", "AskAccess", "ConsentAccess", "RequestAccess")
    second = first
    for number, name in enumerate(again):
        by = BY_MERCHANT if name == "ConsentAccess" else BY_PARTNER
        second = after(second, SENT[name](by)(second, TIMES), NOW + number * SECOND)
    late = GrantAccess(requested_at=first.access.requested_at, actor=BY_SYSTEM)
    assert after(second, late) == "wrong_access"
    assert second.access.requested_at > first.access.requested_at


def test_a_review_is_edited_and_answered_also_when_the_job_goes_on() -> None:
    going_on = along(a_job(), WAYS["reviewed, then reactivated"])
    assert after(going_on, act("EditReview", BY_MERCHANT), NOW).review.rating == 4
    assert after(going_on, act("AnswerReview", BY_PARTNER), NOW).review.answer == "Thank you."


def test_a_job_is_worked_on_by_so_many_and_no_more() -> None:
    crowd = tuple(derived_id("member", number) for number in range(101))
    refused = decide(a_job(), AssignMembers(member_ids=crowd, actor=BY_PARTNER), JOB_ID, NOW)
    assert isinstance(refused, Rejection)
    assert refused.code == "too_many_assignees"
    (fact,) = decide(a_job(), AssignMembers(member_ids=crowd[:100], actor=BY_PARTNER), JOB_ID, NOW)
    assert len(fact.added) == 100
