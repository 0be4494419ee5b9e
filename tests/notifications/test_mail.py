"""Who is told what."""

from typing import Any
from uuid import UUID

import pytest

from services.notifications.mail import TOLD, mail_for_request, mail_for_sign_in, mails_for_job, mails_for_partner
from services.notifications.recipients import desk_of
from shared.commands import command
from shared.contracts.base import SYSTEM, Actor, ActorKind, Locale, Message, derived_id
from shared.contracts.jobs import (
    EVENTS,
    AccessChanged,
    AccessStatus,
    Act,
    ActDelayed,
    ActUndone,
    Attachment,
    CommentAdded,
    ConversationEnded,
    Decline,
    DeclineReason,
    Job,
    JobBlocked,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobEnded,
    JobExpired,
    JobMarkedInactive,
    JobOpened,
    JobReactivated,
    JobReminded,
    JobReviewed,
    JobStopped,
    MembersAssigned,
    MerchantReplied,
    Pending,
    ReplyOpened,
    Review,
    ReviewAnswered,
    ReviewAsked,
    ReviewEdited,
    Status,
    StoreAccess,
)
from shared.contracts.partners import Approval, MailTopic, Partner, PartnerChanged, Role, SignInRequested, Suspension
from shared.contracts.requests import RequestKind, RequestSubmitted
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_PARTNER,
    HOUR,
    KEN,
    LEA,
    MERCHANT_EMAIL,
    MERCHANT_WROTE,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    WINDOW,
    a_job,
    a_member,
    a_partner,
    a_request,
    an_event,
    details,
    replied,
)

CREATED = JobCreated(
    request_id=REQUEST_ID,
    partner_id=PARTNER_ID,
    details=details(),
    reply_window_seconds=1,
    remind_before_seconds=(),
)
OWNERS = (a_member("Aiko"), a_member("Lea", locale=Locale.FR), a_member("Ken", Role.MEMBER, locale=Locale.EN))


def told(fact: Message, job: Job | None = None, partner: Partner | None = None) -> dict[str, str]:
    """Template by address. Two mails to one address would be one too many."""
    mails = list(mails_for_job(an_event(fact, job or a_job()), partner or a_partner(members=OWNERS)))
    addresses = [mail.recipient.email.casefold() for mail in mails]
    assert len(addresses) == len(set(addresses)), "Somebody gets two mails."
    return {mail.recipient.email: mail.template for mail in mails}


def team_of(*chosen: MailTopic | None, **fields: Any) -> Partner:
    """Aiko owns, Ken and Lea are members who chose to be mailed about `chosen`."""
    mailed = None if None in chosen else chosen
    ken, lea = (a_member(name, Role.MEMBER, mailed=mailed, locale=Locale.EN) for name in ("Ken", "Lea"))
    return a_partner(members=(a_member("Aiko"), ken, lea), **fields)


def assigned(*added, by: Actor = BY_PARTNER) -> MembersAssigned:
    return MembersAssigned(member_ids=added, added=added, actor=by)


def test_a_new_job_is_told_to_the_owners() -> None:
    assert told(CREATED) == {"aiko@hoshi.example": "new_job", "lea@hoshi.example": "new_job"}


def test_a_new_job_is_told_to_the_desk_where_there_is_one() -> None:
    partner = a_partner(members=OWNERS, notification_email="desk@hoshi.example")
    assert told(CREATED, partner=partner) == {"desk@hoshi.example": "new_job"}


def test_the_desk_reads_the_partners_main_language_and_an_owner_its_own() -> None:
    partner = a_partner(main_language=Locale.FR, notification_email="desk@hoshi.example")
    assert [to.locale for to in desk_of(partner, MailTopic.NEW_JOBS)] == [Locale.FR]
    assert [to.locale for to in desk_of(a_partner(members=OWNERS), MailTopic.NEW_JOBS)] == [Locale.JA, Locale.FR]


def test_a_mails_words_are_in_its_readers_language() -> None:
    mails = mails_for_job(an_event(CREATED, a_job(details=details(service="migration"))), a_partner(members=OWNERS))
    assert [mail.values["service_name"] for mail in mails] == ["ストアの移行", "Migration de boutique"]


def test_a_new_job_says_how_many_others_were_asked() -> None:
    (mail, _) = mails_for_job(an_event(CREATED, a_job(others=3)), a_partner(members=OWNERS))
    assert mail.values["others"] == 3


@pytest.mark.parametrize("hours", [24, 6])
def test_a_reminder_says_how_many_hours_are_left(hours: int) -> None:
    due = NOW + WINDOW - hours * HOUR
    assert set(told(JobReminded(due_at=due)).values()) == {"reminder"}
    mail, _ = mails_for_job(an_event(JobReminded(due_at=due), a_job(), at=due), a_partner(members=OWNERS))
    assert mail.values["hours_left"] == hours


@pytest.mark.parametrize("first", [True, False])
def test_what_the_partner_writes_is_told_to_the_merchant_alone(*, first: bool) -> None:
    assert told(replied(first=first)) == {MERCHANT_EMAIL: "partner_replied"}
    (mail,) = mails_for_job(an_event(replied(first=first), a_job()), a_partner())
    assert (mail.values["first"], mail.values["text"], mail.link) == (first, "Good day.", "merchant")


def test_the_merchants_mail_is_in_the_language_of_the_request() -> None:
    job = a_job(details=details(locale=Locale.FR))
    (mail,) = mails_for_job(an_event(replied(), job), a_partner())
    assert mail.recipient.locale is Locale.FR


def test_what_the_merchant_writes_is_told_to_the_desk_and_to_those_who_work_on_it() -> None:
    job = a_job(Status.AWAITING_REPLY, assignees=(KEN,))
    everybody = {"aiko@hoshi.example", "lea@hoshi.example", "ken@hoshi.example"}
    assert told(MERCHANT_WROTE, job) == dict.fromkeys(everybody, "merchant_replied")


def test_an_owner_who_is_also_assigned_is_told_once() -> None:
    job = a_job(Status.AWAITING_REPLY, assignees=(AIKO, LEA))
    assert set(told(MERCHANT_WROTE, job)) == {"aiko@hoshi.example", "lea@hoshi.example"}


def test_a_desk_that_is_an_assignees_own_address_is_told_once() -> None:
    partner = a_partner(members=OWNERS, notification_email="Ken@hoshi.example")
    assert len(told(MERCHANT_WROTE, a_job(Status.AWAITING_REPLY, assignees=(KEN,)), partner)) == 1


@pytest.mark.parametrize("fact", [CREATED, JobReminded(due_at=NOW + 48 * HOUR)], ids=lambda fact: type(fact).__name__)
def test_two_owners_with_one_address_are_told_once(fact: Message) -> None:
    twice = (a_member("Aiko", email="desk@hoshi.example"), a_member("Lea", email="Desk@hoshi.example"))
    assert len(told(fact, partner=a_partner(members=twice))) == 1


def test_whoever_is_assigned_is_told_and_nobody_else() -> None:
    assert told(assigned(KEN, LEA)) == {"ken@hoshi.example": "assigned", "lea@hoshi.example": "assigned"}


def test_nobody_is_told_of_what_they_did_themselves() -> None:
    assert told(assigned(AIKO, KEN)) == {"ken@hoshi.example": "assigned"}
    assert BY_PARTNER.member_id == AIKO


def test_somebody_who_has_left_the_team_is_told_nothing() -> None:
    assert told(assigned(derived_id("gone"))) == {}


PENDING = Pending(
    act=Act.DECLINE, due_at=NOW, actor=BY_PARTNER, decline=Decline(by=ActorKind.PARTNER, reason=DeclineReason.TIMING)
)


@pytest.mark.parametrize(
    "fact",
    [
        JobOpened(actor=BY_PARTNER),
        ReplyOpened(actor=BY_MERCHANT),
        JobMarkedInactive(actor=BY_PARTNER),
        JobReactivated(actor=BY_PARTNER),
        ActDelayed(pending=PENDING),
        ActUndone(act=Act.DECLINE, actor=BY_PARTNER),
        JobBlocked(actor=BY_MERCHANT),
        ConversationEnded(actor=BY_MERCHANT),
        JobEnded(actor=SYSTEM),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_nobody_is_told_of_anything_else(fact: Message) -> None:
    assert told(fact, a_job(Status.REPLIED, assignees=(KEN,))) == {}
    assert not isinstance(fact, TOLD)


def test_every_fact_has_its_test() -> None:
    elsewhere = {JobOpened, ReplyOpened, JobMarkedInactive, JobReactivated, ActDelayed, ActUndone, JobBlocked}
    elsewhere |= {JobStopped, JobEnded}  # told of as declined
    elsewhere |= {ConversationEnded}  # of a job that was over already
    assert set(EVENTS) - set(TOLD) == elsewhere


def test_what_is_told_is_a_fact_of_a_job() -> None:
    assert set(TOLD) < set(EVENTS)


def test_the_merchant_is_asked_to_confirm_in_the_language_of_the_form() -> None:
    request = a_request(details=details(locale=Locale.JA))
    mail = mail_for_request(an_event(RequestSubmitted(details=request.details), request, subject=REQUEST_ID))
    assert (mail.template, mail.recipient.email, mail.recipient.locale) == (
        "confirm_request",
        MERCHANT_EMAIL,
        Locale.JA,
    )
    assert mail.about == REQUEST_ID


def test_a_sign_in_link_goes_to_who_asked() -> None:
    asked = SignInRequested(email="ken@hoshi.example", name="Ken", locale=Locale.EN)
    mail = mail_for_sign_in(command(asked, derived_id("sign-in"), source="gateway", time=NOW), 30)
    assert (mail.template, mail.recipient.email, mail.values["minutes"]) == ("sign_in", "ken@hoshi.example", 30)


def test_a_mail_to_sign_in_names_nobody() -> None:
    asked = SignInRequested(email="new@hoshi.example", name="Your account is locked", locale=Locale.JA)
    mail = mail_for_sign_in(command(asked, derived_id("sign-in"), source="gateway", time=NOW), 30)
    assert mail.recipient.name == ""
    assert "locked" not in str(mail.values)


def test_the_same_event_makes_the_same_mails_and_another_event_makes_others() -> None:
    def ids(event_id: str) -> set:
        event = an_event(CREATED, a_job(), event_id=derived_id(event_id))
        return {mail.id for mail in mails_for_job(event, a_partner(members=OWNERS))}

    assert ids("one") == ids("one")
    assert len(ids("one") | ids("two")) == 4


def test_no_mail_carries_a_secret() -> None:
    facts = (CREATED, replied(), MERCHANT_WROTE, assigned(KEN), JobReminded(due_at=NOW), JobExpired())
    mails = [mail for fact in facts for mail in mails_for_job(an_event(fact, a_job()), a_partner())]
    assert len(mails) >= len(facts)
    assert not [mail for mail in mails if "token" in str(mail) or "http" in mail.link]


def test_a_merchant_that_writes_is_not_told_of_it() -> None:
    assert MERCHANT_EMAIL not in told(MERCHANT_WROTE, a_job(Status.AWAITING_REPLY))
    assert MERCHANT_WROTE.actor.kind is ActorKind.MERCHANT


BY_KEN = BY_PARTNER.model_copy(update={"member_id": KEN, "name": "Ken"})
DESK, KENS, LEAS = "aiko@hoshi.example", "ken@hoshi.example", "lea@hoshi.example"
A_REVIEW = Review(rating=4, text="Good.", at=NOW)


def commented(*mentions: UUID, by: Actor = BY_PARTNER) -> CommentAdded:
    return CommentAdded(text="Who takes it?", mentions=mentions, actor=by)


def declined(by: ActorKind, reason: DeclineReason = DeclineReason.OTHER, actor: Actor | None = None) -> JobDeclined:
    actors = {ActorKind.PARTNER: BY_PARTNER, ActorKind.MERCHANT: BY_MERCHANT, ActorKind.SYSTEM: SYSTEM}
    return JobDeclined(decline=Decline(by=by, reason=reason, note="A secret."), actor=actor or actors[by])


def access(status: AccessStatus, by: Actor) -> AccessChanged:
    ends = NOW + WINDOW if status is AccessStatus.GRANTED else None
    return AccessChanged(access=StoreAccess(status=status, days=3, expires_at=ends), note="For the theme.", actor=by)


WORKED_ON = a_job(Status.REPLIED, assignees=(KEN, LEA))
DONE = a_job(Status.COMPLETED, assignees=(KEN, LEA))
REVIEWED = a_job(Status.COMPLETED, assignees=(KEN, LEA), review=A_REVIEW)
BLOCKED = a_job(Status.COMPLETED, assignees=(KEN, LEA), blocked=True)
S = AccessStatus


def everybody(template: str) -> dict[str, str]:
    return dict.fromkeys((DESK, KENS, LEAS), template)


@pytest.mark.parametrize(
    ("fact", "job", "expected"),
    [
        pytest.param(JobExpired(), a_job(Status.EXPIRED), {DESK: "expired"}, id="a job expires"),
        pytest.param(
            replied(by=BY_KEN),
            WORKED_ON,
            {MERCHANT_EMAIL: "partner_replied", LEAS: "correspondence"},
            id="a colleague writes to the merchant",
        ),
        pytest.param(
            commented(), WORKED_ON, {KENS: "correspondence", LEAS: "correspondence"}, id="a colleague comments"
        ),
        pytest.param(commented(by=BY_KEN), WORKED_ON, {LEAS: "correspondence"}, id="an assignee comments"),
        pytest.param(commented(), a_job(), {}, id="a comment on a job that nobody has"),
        pytest.param(commented(KEN), a_job(), {KENS: "mention"}, id="a mention"),
        pytest.param(commented(AIKO, KEN), a_job(), {KENS: "mention"}, id="a mention of oneself"),
        pytest.param(
            commented(KEN), WORKED_ON, {KENS: "mention", LEAS: "correspondence"}, id="a mention of an assignee"
        ),
        pytest.param(commented(derived_id("gone")), a_job(), {}, id="a mention of somebody who has left"),
        pytest.param(JobCompleted(actor=BY_PARTNER), DONE, {MERCHANT_EMAIL: "review_request"}, id="the work is done"),
        pytest.param(JobCompleted(actor=BY_PARTNER), REVIEWED, {}, id="the work is done and has its review"),
        pytest.param(ReviewAsked(actor=BY_KEN), DONE, {MERCHANT_EMAIL: "review_request"}, id="a review is asked for"),
        pytest.param(ReviewAsked(actor=BY_KEN), REVIEWED, {}, id="a review is asked for that came meanwhile"),
        pytest.param(
            JobReviewed(rating=4, text="Good.", actor=BY_MERCHANT), REVIEWED, {DESK: "review_received"}, id="a review"
        ),
        pytest.param(
            ReviewEdited(rating=5, text="Great.", actor=BY_MERCHANT),
            REVIEWED,
            {DESK: "review_received"},
            id="an edited review",
        ),
        pytest.param(
            ReviewAnswered(text="Thanks.", actor=BY_KEN), REVIEWED, {MERCHANT_EMAIL: "review_answered"}, id="an answer"
        ),
        pytest.param(ReviewAnswered(text="Thanks.", actor=BY_KEN), BLOCKED, {}, id="an answer of a blocked partner"),
        pytest.param(declined(ActorKind.MERCHANT), WORKED_ON, everybody("job_declined"), id="the merchant declines"),
        pytest.param(
            declined(ActorKind.MERCHANT, DeclineReason.WITHDRAWN, SYSTEM),
            a_job(),
            {DESK: "job_declined"},
            id="withdrawn",
        ),
        pytest.param(declined(ActorKind.PARTNER), a_job(), {}, id="an unknown partner declines"),
        pytest.param(
            declined(ActorKind.PARTNER), WORKED_ON, {MERCHANT_EMAIL: "job_declined"}, id="a known partner declines"
        ),
        pytest.param(
            declined(ActorKind.PARTNER),
            a_job(kind=RequestKind.DIRECT),
            {MERCHANT_EMAIL: "job_declined"},
            id="a partner declines a direct request",
        ),
        pytest.param(
            access(S.ASKED, BY_PARTNER), WORKED_ON, {MERCHANT_EMAIL: "access_asked"}, id="access is asked for"
        ),
        pytest.param(access(S.CONSENTED, BY_MERCHANT), WORKED_ON, everybody("access_step"), id="access is agreed to"),
        pytest.param(access(S.DENIED, BY_MERCHANT), WORKED_ON, everybody("access_step"), id="access is refused"),
        pytest.param(access(S.REVOKED, BY_MERCHANT), WORKED_ON, everybody("access_step"), id="access is withdrawn"),
        pytest.param(access(S.REVOKED, SYSTEM), WORKED_ON, everybody("access_step"), id="access ends with the job"),
        pytest.param(access(S.DENIED, SYSTEM), WORKED_ON, everybody("access_step"), id="access is denied"),
        pytest.param(
            access(S.REQUESTED, BY_PARTNER), WORKED_ON, {MERCHANT_EMAIL: "access_step"}, id="access is requested"
        ),
        pytest.param(
            access(S.REVOKED, BY_PARTNER), WORKED_ON, {MERCHANT_EMAIL: "access_step"}, id="access is given up"
        ),
        pytest.param(
            access(S.GRANTED, SYSTEM),
            WORKED_ON,
            everybody("access_step") | {MERCHANT_EMAIL: "access_step"},
            id="access is granted",
        ),
        pytest.param(
            access(S.EXPIRED, SYSTEM),
            WORKED_ON,
            everybody("access_step") | {MERCHANT_EMAIL: "access_step"},
            id="access expires",
        ),
    ],
)
def test_who_is_told_what(fact: Message, job: Job, expected: dict[str, str]) -> None:
    assert told(fact, job, team_of(None)) == expected


@pytest.mark.parametrize("reason", [DeclineReason.WITHDRAWN, DeclineReason.BLOCKED, DeclineReason.OTHER])
def test_a_merchants_decline_reads_the_same_whatever_the_reason(reason: DeclineReason) -> None:
    (mail,) = mails_for_job(an_event(declined(ActorKind.MERCHANT, reason), a_job()), team_of(None))
    (other,) = mails_for_job(an_event(declined(ActorKind.MERCHANT), a_job()), team_of(None))
    assert mail.values == other.values
    assert "A secret." not in mail.values.values()


def test_access_that_ends_reads_the_same_whoever_ended_it() -> None:
    by_merchant, by_platform = (
        mails_for_job(an_event(access(S.REVOKED, by), WORKED_ON), team_of(None)) for by in (BY_MERCHANT, SYSTEM)
    )
    assert [mail.values for mail in by_merchant] == [mail.values for mail in by_platform]


def test_a_mail_names_the_files_of_a_message() -> None:
    file = Attachment(attachment_id=derived_id("file"), name="brief.pdf", media_type="application/pdf", size=7)
    fact = MerchantReplied(text="Look.", attachments=(file,), actor=BY_MERCHANT)
    (mail,) = mails_for_job(an_event(fact, a_job(Status.AWAITING_REPLY)), team_of(None))
    assert mail.values["files"] == ["brief.pdf"]


def test_somebody_on_both_sides_is_told_once() -> None:
    """An agency may order from itself."""
    partner = a_partner(members=(a_member("Aiko"), a_member("Ken", Role.MEMBER, email=MERCHANT_EMAIL)))
    assert told(replied(), WORKED_ON, partner) == {MERCHANT_EMAIL: "partner_replied"}


def invited(partner: Partner, member_id: UUID) -> dict[str, str]:
    fact = PartnerChanged(members=partner.members, invited=member_id, actor=BY_PARTNER)
    mails = mails_for_partner(an_event(fact, partner, subject=partner.partner_id), "help@jobwire.example")
    return {mail.recipient.email: mail.values["invited_by"] for mail in mails}


def test_whoever_is_invited_is_told_by_whom() -> None:
    team = (a_member("Aiko"), a_member("Ken", Role.MEMBER, joined=False))
    assert invited(a_partner(members=team), KEN) == {KENS: "Aiko"}


def test_an_invitation_that_was_answered_or_taken_back_meanwhile_is_not_sent() -> None:
    assert invited(a_partner(members=(a_member("Aiko"), a_member("Ken"))), KEN) == {}
    assert invited(a_partner(members=(a_member("Aiko"),)), KEN) == {}


def test_a_change_without_an_invitation_invites_nobody() -> None:
    fact = PartnerChanged(profile=a_partner().profile, actor=BY_PARTNER)
    assert list(mails_for_partner(an_event(fact, a_partner(), subject=PARTNER_ID), "help@jobwire.example")) == []


OLGA = Actor(kind=ActorKind.OPERATOR, name="olga")
SUSPENDED = Suspension(reason="It sends advertising.", at=NOW)


def to_the_owners(fact: PartnerChanged, partner: Partner) -> dict[str, dict[str, object]]:
    mails = mails_for_partner(an_event(fact, partner, subject=partner.partner_id), "help@jobwire.example")
    return {mail.recipient.email: {"template": mail.template, **mail.values} for mail in mails}


def test_owners_are_told_of_a_suspension_why_and_whom_to_write_to() -> None:
    fact = PartnerChanged(suspended=SUSPENDED, reason=SUSPENDED.reason, actor=OLGA)
    told_of = to_the_owners(fact, a_partner(suspended=SUSPENDED))
    assert told_of.keys() == {"aiko@hoshi.example"}
    assert told_of["aiko@hoshi.example"]["template"] == "organisation_suspended"
    assert (told_of["aiko@hoshi.example"]["reason"], told_of["aiko@hoshi.example"]["contact"]) == (
        SUSPENDED.reason,
        "help@jobwire.example",
    )
    assert OLGA.name not in str(told_of), "Who decided it is not for the organisation to know."


@pytest.mark.parametrize(
    ("fact", "how"),
    [
        (PartnerChanged(approval=Approval.APPROVED, actor=OLGA), "approved"),
        (PartnerChanged(approval=Approval.PROBATION, actor=OLGA), "probation"),
        (PartnerChanged(restored=True, actor=OLGA), "restored"),
        (PartnerChanged(approval=Approval.PENDING, actor=OLGA), None),
        (PartnerChanged(profile=a_partner().profile, approval=Approval.APPROVED, actor=BY_PARTNER), None),
    ],
)
def test_owners_are_told_when_their_organisation_is_let_in(fact: PartnerChanged, how: str | None) -> None:
    told_of = to_the_owners(fact, a_partner())
    assert [values["how"] for values in told_of.values()] == ([how] if how else [])


@pytest.mark.parametrize("status", [Status.REPLIED, Status.NEW])
def test_a_merchant_is_told_that_the_partner_is_gone_if_it_knew_of_it_and_nobody_is_accused(status: Status) -> None:
    decline = Decline(by=ActorKind.SYSTEM, reason=DeclineReason.SUSPENDED)
    job = a_job(status, assignees=(KEN,))
    fact = JobDeclined(decline=decline, actor=SYSTEM)
    mails = mails_for_job(an_event(fact, job), a_partner(suspended=SUSPENDED))
    assert [(mail.recipient.email, mail.template) for mail in mails] == [
        (MERCHANT_EMAIL, "partner_gone")
    ] * job.introduced
    assert "reason" not in [name for mail in mails for name in mail.values]
