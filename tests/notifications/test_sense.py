"""What is late is sent only if it still makes sense, to whoever may still read it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifications.current import Current
from services.notifications.envelope import Mail
from services.notifications.kinds import KINDS, Subject, as_of, instead, senseless
from services.notifications.mail import mail_for_request, mail_for_sign_in, mails_for_job, mails_for_partner
from services.notifications.prospects import mails_for_lead, mails_for_match
from services.notifications.sense import Now, hours_left
from services.notifications.teams import Teams
from shared.contracts.base import ActorKind, Locale, Message
from shared.contracts.jobs import (
    AccessChanged,
    AccessStatus,
    CommentAdded,
    Decline,
    DeclineReason,
    Job,
    JobBlocked,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobExpired,
    JobReminded,
    JobReviewed,
    MembersAssigned,
    MerchantReplied,
    ReviewTakenDown,
    Status,
    StoreAccess,
)
from shared.contracts.leads import LeadReview, LeadReviewRequested
from shared.contracts.matching import RequestUnmatched
from shared.contracts.partners import Partner, PartnerChanged, Role, SignInRequested
from shared.contracts.requests import RequestConfirmed, RequestStatus, RequestSubmitted
from tests.builders import (
    BY_MERCHANT,
    BY_OPERATOR,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    KEN,
    NOW,
    PARTNER_ID,
    WINDOW,
    a_command,
    a_job,
    a_member,
    a_partner,
    a_request,
    an_event,
    details,
    job_declined,
    received,
    replied,
)
from tests.memory_mongo import MemoryDatabase
from tests.notifications.leads import a_lead, a_match, about, asked, delivered, matched

TEAM = a_partner(members=(a_member("Aiko"), a_member("Ken", Role.MEMBER)), version=3)
CREATED = JobCreated(
    request_id=a_job().request_id, partner_id=PARTNER_ID, details=details(), reply_window_seconds=1,
    remind_before_seconds=(),
)  # fmt: skip
REMINDED = JobReminded(due_at=NOW)
ASSIGNED = MembersAssigned(member_ids=(KEN,), added=(KEN,), actor=BY_PARTNER.model_copy(update={"member_id": None}))
ACCESS_ASKED = AccessChanged(access=StoreAccess(status=AccessStatus.ASKED), actor=BY_PARTNER)


class Learned:
    """What notifications know of the world, by its topics."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.teams = Teams(self.database)
        self.current = Current(self.database, self.teams)

    async def partner(self, partner: Partner) -> None:
        fact = PartnerChanged(profile=partner.profile)
        await self.teams.learn([received(an_event(fact, partner, subject=partner.partner_id), topic="partners")])

    async def job(self, *jobs: Job) -> None:
        events = [an_event(JobExpired(), job) for job in jobs]
        await self.current.learn(Subject.JOB, [received(event, topic="jobs.events") for event in events])

    async def lead(self, **fields: Any) -> None:
        event = about(LeadReviewRequested(actor=BY_PARTNER), a_lead(**fields))
        await self.current.learn(Subject.LEAD, [received(event, topic="leads.events")])

    async def request(self, status: RequestStatus, **fields: Any) -> None:
        request = a_request(status, version=5, **fields)
        event = an_event(RequestConfirmed(), request, subject=request.request_id)
        await self.current.learn(Subject.REQUEST, [received(event, topic="requests")])

    async def why_not(self, mail: Mail, at: datetime = NOW) -> str:
        return senseless(mail, await self.current.of(mail), at)


@pytest.fixture
async def learned() -> Learned:
    learned = Learned()
    await learned.partner(TEAM)
    return learned


def mails(fact: Message, job: Job | None = None) -> dict[str, Mail]:
    """The mails that follow from a job's fact, by template."""
    return {mail.template: mail for mail in mails_for_job(an_event(fact, job or a_job(assignees=(KEN,))), TEAM)}


def later(status: Status = Status.NEW, **fields: Any) -> Job:
    """The job as it stands by the time a mail is sent."""
    return a_job(status).model_copy(update={"version": 9, "assignees": (KEN,), **fields})


SENSELESS = [
    ("a reminder of a job that was answered", mails(REMINDED)["reminder"], later(Status.REPLIED)),
    ("a reminder of a job that has expired", mails(REMINDED)["reminder"], later(Status.EXPIRED)),
    ("a reminder of a job that was declined", mails(REMINDED)["reminder"], later(Status.DECLINED)),
    ("a reminder after the deadline", mails(REMINDED)["reminder"], later(deadline=NOW)),
    ("a new job that has expired", mails(CREATED)["new_job"], later(Status.EXPIRED)),
    ("a new job that was withdrawn or declined", mails(CREATED)["new_job"], later(Status.DECLINED)),
    ("a new job of a merchant who blocked the partner", mails(CREATED)["new_job"], later(blocked=True)),
    ("a job that was given to somebody else", mails(ASSIGNED)["assigned"], later(assignees=())),
    ("a job of one's own that is over", mails(ASSIGNED)["assigned"], later(Status.EXPIRED)),
    ("an answer of a partner who is blocked", mails(replied())["partner_replied"], later(blocked=True)),
    (
        "a question that was answered",
        mails(ACCESS_ASKED)["access_asked"],
        later(access=StoreAccess(status=AccessStatus.DENIED)),
    ),
    (
        "a review that is there",
        mails(JobCompleted(actor=BY_PARTNER))["review_request"],
        a_job(Status.COMPLETED, *[]).model_copy(update={"version": 9, "review": {"rating": 5, "text": "", "at": NOW}}),
    ),
    ("a review of work that goes on", mails(JobCompleted(actor=BY_PARTNER))["review_request"], later(Status.REPLIED)),
]


@pytest.mark.parametrize(("what", "mail", "job"), SENSELESS, ids=[what for what, _, _ in SENSELESS])
async def test_nobody_is_told_of(learned: Learned, what: str, mail: Mail, job: Job) -> None:
    assert await learned.why_not(mail) == "", "Unknown means send."
    await learned.job(job)
    assert await learned.why_not(mail) != ""


STILL = [
    ("a reminder of a job that was looked at", mails(REMINDED)["reminder"], later(Status.OPENED)),
    ("a new job that a colleague has answered", mails(CREATED)["new_job"], later(Status.REPLIED)),
    (
        "a message, whatever came after it",
        mails(MerchantReplied(text="When?", actor=BY_MERCHANT))["merchant_replied"],
        later(Status.COMPLETED),
    ),
    ("an expiry", mails(JobExpired())["expired"], later(Status.EXPIRED)),
    ("a merchant's decline", mails(job_declined(BY_MERCHANT))["job_declined"], later(Status.DECLINED, blocked=True)),
    (
        "a review",
        mails(JobReviewed(rating=5, text="Good.", actor=BY_MERCHANT))["review_received"],
        later(Status.REPLIED),
    ),
]


@pytest.mark.parametrize(("what", "mail", "job"), STILL, ids=[what for what, _, _ in STILL])
async def test_somebody_is_told_of(learned: Learned, what: str, mail: Mail, job: Job) -> None:
    await learned.job(job)
    assert await learned.why_not(mail) == ""


TEAMS_FACTS = {
    "new_job": CREATED,
    "reminder": REMINDED,
    "expired": JobExpired(),
    "job_declined": job_declined(BY_MERCHANT),
    "job_stopped": JobDeclined(decline=Decline(by=ActorKind.OPERATOR, reason=DeclineReason.STOPPED), actor=BY_SYSTEM),
    "review_taken_down": ReviewTakenDown(actor=BY_OPERATOR),
    "merchant_replied": MerchantReplied(text="When?", actor=BY_MERCHANT),
    "review_received": JobReviewed(rating=5, text="Good.", actor=BY_MERCHANT),
    "assigned": ASSIGNED,
    "correspondence": CommentAdded(text="Who?", actor=BY_PARTNER.model_copy(update={"member_id": None})),
    "mention": CommentAdded(text="Ken?", mentions=(KEN,), actor=BY_PARTNER),
}


@pytest.mark.parametrize("template", TEAMS_FACTS)
async def test_whoever_has_left_the_team_hears_nothing_more(learned: Learned, template: str) -> None:
    mail = mails(TEAMS_FACTS[template])[template]
    stays = a_member("Lea")
    assert await learned.why_not(mail) == ""
    await learned.partner(TEAM.model_copy(update={"members": (stays,), "version": 4}))
    assert await learned.why_not(mail) == "left_team"


async def test_whoever_sees_only_its_own_jobs_hears_nothing_of_one_that_is_not_its_own_any_more(
    learned: Learned,
) -> None:
    mail = mails(TEAMS_FACTS["mention"])["mention"]
    await learned.job(later())
    ken = a_member("Ken", Role.MEMBER, assigned_only=True)
    await learned.partner(TEAM.model_copy(update={"members": (a_member("Aiko"), ken), "version": 4}))
    assert await learned.why_not(mail) == ""
    await learned.job(later(assignees=(), version=10))
    assert await learned.why_not(mail) == "no_access"


async def test_the_desk_hears_as_long_as_it_is_the_desk(learned: Learned) -> None:
    desk = a_partner(members=TEAM.members, notification_email="desk@hoshi.example", version=4)
    (mail,) = mails_for_job(an_event(CREATED, a_job()), desk)
    await learned.partner(desk)
    assert await learned.why_not(mail) == ""
    moved = a_partner(members=TEAM.members, notification_email="jobs@hoshi.example", version=5)
    await learned.partner(moved)
    assert await learned.why_not(mail) == "left_team"


async def test_a_merchant_leaves_no_team(learned: Learned) -> None:
    await learned.job(later(Status.REPLIED))
    assert await learned.why_not(mails(replied())["partner_replied"]) == ""


async def test_a_lead_waits_for_its_turn_and_is_not_sent_when_it_is_over(learned: Learned) -> None:
    lead = a_lead()
    event = about(delivered().fact, lead)
    (mail,) = mails_for_lead(event, TEAM)
    await learned.lead()
    for status in (RequestStatus.CONFIRMED, RequestStatus.SUBMITTED):
        await learned.request(status)
        assert await learned.why_not(mail) == ""
    for over in (RequestStatus.WITHDRAWN, RequestStatus.HELPED, RequestStatus.DROPPED):
        learned.database["requests"].documents.clear()
        await learned.request(over)
        assert await learned.why_not(mail) == f"request_{over}"


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("blocked", {"blocked_by": (a_lead().details.merchant.merchant_id,)}),
        ("unpublished", {"profile": TEAM.profile.model_copy(update={"published": False})}),
        ("left_team", {"members": (a_member("Lea"),)}),
    ],
)
async def test_a_lead_is_not_sent_to_a_partner_that_may_not_have_it_any_more(
    learned: Learned, why: str, changed: dict[str, Any]
) -> None:
    (mail,) = mails_for_lead(about(delivered().fact, a_lead()), TEAM)
    await learned.lead()
    await learned.partner(TEAM.model_copy(update={"version": 4, **changed}))
    assert await learned.why_not(mail) == why


async def test_a_lead_that_an_older_jobwire_has_queued_is_looked_at_just_the_same(learned: Learned) -> None:
    (mail,) = mails_for_lead(about(delivered().fact, a_lead()), TEAM)
    await learned.lead()
    await learned.partner(TEAM.model_copy(update={"version": 4, "members": (a_member("Lea"),)}))
    assert await learned.why_not(mail._replace(partner_id=None)) == "left_team"


async def test_a_review_of_a_lead_is_asked_for_once(learned: Learned) -> None:
    (mail,) = mails_for_lead(about(LeadReviewRequested(actor=BY_PARTNER), a_lead()), TEAM)
    await learned.lead()
    assert await learned.why_not(mail) == ""
    await learned.lead(review=LeadReview(rating=5, text="Good.", at=NOW), version=2)
    assert await learned.why_not(mail) == "reviewed"


async def test_an_address_is_asked_to_confirm_only_while_it_can(learned: Learned) -> None:
    request = a_request()
    event = an_event(RequestSubmitted(details=details()), request, subject=request.request_id)
    mail = mail_for_request(event)
    assert await learned.why_not(mail) == ""
    await learned.request(RequestStatus.SUBMITTED, confirm_until=NOW + HOUR)
    assert await learned.why_not(mail) == ""
    assert await learned.why_not(mail, NOW + HOUR) == "too_late"
    learned.database["requests"].documents.clear()
    await learned.request(RequestStatus.CONFIRMED)
    assert await learned.why_not(mail) == "request_confirmed"


async def test_whoever_asked_is_told_nothing_of_a_request_that_is_over(learned: Learned) -> None:
    of = asked()
    (told,) = mails_for_match(a_match(matched(of), of))
    (nobody,) = mails_for_match(a_match(RequestUnmatched(details=of, reason="nobody_eligible"), of))
    await learned.request(RequestStatus.HELPED)
    assert {await learned.why_not(told), await learned.why_not(nobody)} == {"request_helped"}


async def test_an_invitation_that_was_taken_back_or_accepted_is_not_sent(learned: Learned) -> None:
    ken = a_member("Ken", Role.MEMBER, joined=False)
    invited = TEAM.model_copy(update={"members": (a_member("Aiko"), ken)})
    fact = PartnerChanged(members=invited.members, invited=KEN, actor=BY_PARTNER)
    (mail,) = mails_for_partner(an_event(fact, invited, subject=PARTNER_ID), "help@jobwire.example")
    assert await learned.why_not(mail) == "joined"
    await learned.partner(invited.model_copy(update={"version": 4}))
    assert await learned.why_not(mail) == ""
    await learned.partner(invited.model_copy(update={"version": 5, "members": (a_member("Aiko"),)}))
    assert await learned.why_not(mail) == "left_team"


async def test_a_link_to_sign_in_is_of_no_use_an_hour_later(learned: Learned) -> None:
    wanted = SignInRequested(email="mia@kettle.example", name="Mia", locale=Locale.EN)
    mail = mail_for_sign_in(a_command(wanted), 30)._replace(wanted_at=NOW)
    assert await learned.why_not(mail, NOW + timedelta(minutes=59)) == ""
    assert await learned.why_not(mail, NOW + HOUR) == "too_late"


async def test_the_hours_that_are_left_are_counted_when_the_mail_is_sent(learned: Learned) -> None:
    job = a_job(remind_at=())
    mail = mails(REMINDED, job)["reminder"]
    assert mail.values["hours_left"] == 72
    for before, hours in ((30 * HOUR, 30), (HOUR, 1), (timedelta(minutes=5), 1)):
        assert as_of(mail, Now(), job.deadline - before).values["hours_left"] == hours
    moved = job.model_copy(update={"version": 9, "deadline": NOW + 5 * HOUR})
    await learned.job(moved)
    said = as_of(mail, await learned.current.of(mail), NOW).values
    assert said["hours_left"] == 5
    assert said["deadline"] != mail.values["deadline"]


async def test_a_reminder_that_an_older_jobwire_has_queued_says_what_it_said(learned: Learned) -> None:
    mail = mails(REMINDED)["reminder"]
    old = mail._replace(values={name: value for name, value in mail.values.items() if name != "deadline_at"})
    assert as_of(old, Now(), NOW + WINDOW) == old


def test_nobody_has_no_hours_left() -> None:
    assert hours_left(NOW, NOW) == 1


async def test_an_older_event_that_comes_late_changes_nothing(learned: Learned) -> None:
    mail = mails(REMINDED)["reminder"]
    await learned.job(later(Status.REPLIED))
    await learned.job(a_job(Status.NEW))
    assert await learned.why_not(mail) == "job_replied"


async def test_what_a_newer_jobwire_has_written_is_unknown_or_read_as_far_as_it_goes(learned: Learned) -> None:
    mail = mails(CREATED)["new_job"]
    await learned.job(later())
    documents = learned.database["jobs"].documents
    (document,) = documents.values()
    document["status"] = "on_a_journey"
    assert await learned.why_not(mail) == ""
    del document["assignees"]
    assert (await learned.current.of(mail)).job is None
    learned.database["teams"].documents[PARTNER_ID]["partner"] = {"of": "tomorrow"}
    assert (await learned.current.of(mail)).partner is None
    assert await learned.why_not(mail) == ""


@pytest.mark.parametrize("template", sorted(KINDS))
def test_whoever_may_not_read_it_any_more_gets_no_mail_of_a_team(template: str) -> None:
    """Every kind that goes to a member has the check; whatever is new here must choose."""
    to_members = {*TEAMS_FACTS, "access_step", "lead", "lead_stopped", "lead_review_taken_down"}
    to_members |= {"organisation_approved", "organisation_suspended"}
    checks = {check.__name__ for check in KINDS[template].unless}
    assert ("left_team" in checks) == (template in to_members)


def test_a_block_is_no_event_that_mails_are_about() -> None:
    assert mails(JobBlocked(actor=BY_MERCHANT)) == {}


@pytest.mark.parametrize("template", [name for name, kind in KINDS.items() if kind.reaches_somebody])
async def test_what_is_new_reaches_whoever_is_at_the_desk_now(learned: Learned, template: str) -> None:
    """Aiko and Lea were told; Aiko has left before, and Noa has come. Lea is not told twice."""
    owners = a_partner(members=(a_member("Aiko"), a_member("Lea")), version=4)
    event = an_event(CREATED, a_job()) if template == "new_job" else about(delivered().fact, a_lead())
    aikos, leas = mails_for_job(event, owners) if template == "new_job" else mails_for_lead(event, owners)
    await learned.partner(owners.model_copy(update={"members": (a_member("Lea"), a_member("Noa")), "version": 5}))
    known = await learned.current.of(aikos)
    to_lea, to_noa = instead(aikos, known, senseless(aikos, known, NOW))
    assert to_lea.id == leas.id
    assert (to_noa.recipient.email, senseless(to_noa, known, NOW)) == ("noa@hoshi.example", "")
    assert to_noa.id not in (aikos.id, leas.id)


async def test_what_is_not_new_goes_to_nobody_else(learned: Learned) -> None:
    mail = mails(REMINDED)["reminder"]
    await learned.partner(TEAM.model_copy(update={"members": (a_member("Lea"),), "version": 4}))
    known = await learned.current.of(mail)
    assert instead(mail, known, senseless(mail, known, NOW)) == []
