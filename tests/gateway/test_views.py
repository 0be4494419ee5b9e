"""What each side is shown. Every value that is the team's own is marked, and looked for in all the merchant gets."""

import pytest

from services.gateway.api.views import MARKETPLACE, Entry, entry, merchant_view, partner_view, shown_status
from services.gateway.read.projections import TIMELINE, on_job
from services.jobs.job import evolve
from shared.contracts.base import Actor, ActorKind, Message, derived_id
from shared.contracts.jobs import (
    Act,
    CommentAdded,
    Decline,
    DeclineReason,
    Job,
    JobDeclined,
    JobMarkedInactive,
    JobOpened,
    MembersAssigned,
    Pending,
    ReviewAsked,
    Status,
)
from shared.contracts.seen import sees
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_PARTNER,
    BY_SYSTEM,
    JOB_ID,
    KEN,
    MERCHANT_EMAIL,
    MERCHANT_WROTE,
    NOW,
    PARTNER_ID,
    a_job,
    a_partner,
    an_event,
    job_declined,
    received,
    replied,
)

OURS = "said among ourselves"
HISTORY = (
    JobOpened(actor=BY_PARTNER),
    CommentAdded(text=OURS, actor=BY_PARTNER),
    replied(),
    MembersAssigned(member_ids=(KEN,), added=(KEN,), actor=BY_PARTNER),
    MERCHANT_WROTE,
    JobMarkedInactive(actor=BY_PARTNER),
)


def a_busy_job() -> Job:
    return a_job(Status.INACTIVE, *HISTORY)


def timeline(*facts: Message, for_merchant: bool = False) -> list[Entry]:
    """As the projection writes it and the API shows it."""
    side = ActorKind.MERCHANT if for_merchant else ActorKind.PARTNER
    job, entries = a_job(), []
    for number, fact in enumerate(facts, 2):
        job = evolve(job, fact, JOB_ID, NOW).model_copy(update={"version": number})
        writes = on_job(received(an_event(fact, job), topic="jobs.events"))
        (write,) = [write for write in writes if write.collection == TIMELINE]
        document = {**write.operation._doc["$setOnInsert"], **write.operation._filter}
        entries.append(entry(document, side, number))
    return entries


def for_the_merchant() -> str:
    """All that the merchant's side of the API is made of, as JSON."""
    facts = [fact for fact in HISTORY if sees(ActorKind.MERCHANT, fact)]
    seen = timeline(*facts, for_merchant=True)
    view = merchant_view(a_busy_job(), a_partner())
    return "\n".join(part.model_dump_json() for part in (view, *seen))


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("a comment", OURS),
        ("who was assigned", str(KEN)),
        ("who works there", str(AIKO)),
        ("an address of the team", "@hoshi.example"),
        ("the merchant's own address", MERCHANT_EMAIL),
        ("that it was put aside", "inactive"),
        ("how many comments there are", "comments"),
    ],
)
def test_the_merchant_never_sees(secret: str, text: str) -> None:
    assert text not in for_the_merchant(), secret
    assert "Studio Hoshi" in for_the_merchant()
    assert "Good day." in for_the_merchant()


def test_why_a_partner_declined_is_not_told_to_the_merchant() -> None:
    (ours,), (theirs,) = (timeline(job_declined(), for_merchant=merchant) for merchant in (False, True))
    assert ours.details["decline"]["reason"] == "no_capacity"
    assert theirs.details == {"decline": {"by": "partner"}}


@pytest.mark.parametrize(
    ("status", "turn", "shown"),
    [
        (Status.OPENED, Status.OPENED, Status.NEW),
        (Status.INACTIVE, Status.REPLIED, Status.REPLIED),
        (Status.INACTIVE, Status.AWAITING_REPLY, Status.AWAITING_REPLY),
    ],
)
def test_what_the_partner_does_for_itself_looks_to_the_merchant_as_before(
    status: Status, turn: Status, shown: Status
) -> None:
    assert shown_status(a_job(status=status, turn=turn)) is shown


@pytest.mark.parametrize("status", set(Status) - {Status.OPENED, Status.INACTIVE})
def test_every_other_status_is_shown_as_it_is(status: Status) -> None:
    assert shown_status(a_job(status=status)) is status
    assert merchant_view(a_job(status), None).status is status


def test_the_partner_sees_its_team_and_its_comments_but_not_the_merchants_address() -> None:
    view = partner_view(a_busy_job())
    assert (view.assignees, view.comments, view.messages) == ((KEN,), 1, 2)
    assert MERCHANT_EMAIL not in view.model_dump_json()
    assert OURS in [one.text for one in timeline(*HISTORY)]


@pytest.mark.parametrize("status", Status)
def test_a_deadline_is_shown_while_it_can_be_missed(status: Status) -> None:
    assert (partner_view(a_job(status)).deadline is not None) == (status in (Status.NEW, Status.OPENED))


def test_a_step_of_the_timeline_says_who_and_what() -> None:
    opened, comment, reply, assigned, answer, _ = timeline(*HISTORY)
    assert [step.side for step in (opened, reply, answer)] == ["partner", "partner", "merchant"]
    assert (reply.by, reply.text, reply.version) == ("Aiko", "Good day.", 4)
    assert assigned.details == {"member_ids": [str(KEN)]}
    assert comment.details == {}


def test_that_it_was_blocked_is_the_merchants_secret_also_where_an_earlier_release_wrote_it_down() -> None:
    blocked = Decline(by=ActorKind.MERCHANT, reason=DeclineReason.BLOCKED)
    job = a_job(Status.DECLINED).model_copy(update={"decline": blocked, "blocked": True})
    (step,) = timeline(JobDeclined(decline=blocked, actor=BY_SYSTEM))
    assert (step.details["decline"]["reason"], step.side) == ("other", "merchant")
    assert partner_view(job).decline.reason is DeclineReason.OTHER
    assert not partner_view(job).conversation_over
    assert merchant_view(job, None).blocked


@pytest.mark.parametrize(("by", "told"), [(BY_MERCHANT, "other"), (BY_PARTNER, "spam")])
def test_who_is_declined_for_spam_is_not_told_that_it_was_reported(by: Actor, told: str) -> None:
    spam = Decline(by=by.kind, reason=DeclineReason.SPAM)
    (step,) = timeline(JobDeclined(decline=spam, actor=by))
    assert step.details["decline"]["reason"] == told
    assert partner_view(a_job(Status.DECLINED).model_copy(update={"decline": spam})).decline.reason == told


def test_a_completed_job_that_an_earlier_release_has_blocked_is_over_for_both() -> None:
    job = a_job(Status.COMPLETED, blocked=True)
    assert partner_view(job).conversation_over
    assert merchant_view(job, None).conversation_over


@pytest.mark.parametrize("for_merchant", [False, True])
def test_an_operator_is_the_marketplace_to_both_sides(*, for_merchant: bool) -> None:
    by_operator = Actor(kind=ActorKind.OPERATOR, name="opal")
    (step,) = timeline(ReviewAsked(actor=by_operator), for_merchant=for_merchant)
    assert (step.by, step.side) == (MARKETPLACE, "operator")


def test_what_can_still_be_taken_back_is_shown_to_the_partner_only() -> None:
    pending = Pending(act=Act.COMPLETE, due_at=NOW, actor=BY_PARTNER)
    job = a_job(Status.REPLIED, pending=pending)
    assert partner_view(job).pending == pending
    assert "pending" not in merchant_view(job, None).model_dump()


def test_how_many_others_were_asked_is_told_to_the_partner_and_not_to_the_merchant() -> None:
    job = a_job(others=3)
    assert partner_view(job).others == 3
    assert "others" not in merchant_view(job, None).model_dump()


def test_the_actor_of_the_tests_belongs_to_the_partner_of_the_tests() -> None:
    assert Actor(kind=ActorKind.PARTNER, partner_id=PARTNER_ID, member_id=AIKO, name="Aiko") == BY_PARTNER
    assert derived_id("member", "aiko") == AIKO
