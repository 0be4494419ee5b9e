"""Who is told what."""

import pytest

from services.notifications.mail import TOLD, desk_of, mail_for_request, mail_for_sign_in, mails_for_job
from shared.commands import command
from shared.contracts.base import Actor, ActorKind, Locale, Message, derived_id
from shared.contracts.jobs import (
    EVENTS,
    Job,
    JobCreated,
    JobExpired,
    JobOpened,
    JobReminded,
    MembersAssigned,
    Status,
)
from shared.contracts.partners import Partner, Role, SignInRequested
from shared.contracts.requests import RequestSubmitted
from tests.builders import (
    AIKO,
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
    job_declined,
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


def assigned(*added, by: Actor = BY_PARTNER) -> MembersAssigned:
    return MembersAssigned(member_ids=added, added=added, actor=by)


def test_a_new_job_is_told_to_the_owners() -> None:
    assert told(CREATED) == {"aiko@hoshi.example": "new_job", "lea@hoshi.example": "new_job"}


def test_a_new_job_is_told_to_the_desk_where_there_is_one() -> None:
    partner = a_partner(members=OWNERS, notification_email="desk@hoshi.example")
    assert told(CREATED, partner=partner) == {"desk@hoshi.example": "new_job"}


def test_the_desk_reads_the_partners_main_language_and_an_owner_its_own() -> None:
    partner = a_partner(main_language=Locale.FR, notification_email="desk@hoshi.example")
    assert [recipient.locale for recipient in desk_of(partner)] == [Locale.FR]
    assert [recipient.locale for recipient in desk_of(a_partner(members=OWNERS))] == [Locale.JA, Locale.FR]


def test_a_mails_words_are_in_its_readers_language() -> None:
    mails = mails_for_job(an_event(CREATED, a_job(details=details(service="migration"))), a_partner(members=OWNERS))
    assert [mail.values["service_name"] for mail in mails] == ["ストアの移行", "Migration de boutique"]


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


@pytest.mark.parametrize(
    "fact", [JobOpened(actor=BY_PARTNER), JobExpired(), job_declined()], ids=lambda f: type(f).__name__
)
def test_nobody_is_told_of_anything_else(fact: Message) -> None:
    assert told(fact) == {}
    assert not isinstance(fact, TOLD)


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


def test_the_same_event_makes_the_same_mails_and_another_event_makes_others() -> None:
    def ids(event_id: str) -> set:
        event = an_event(CREATED, a_job(), event_id=derived_id(event_id))
        return {mail.id for mail in mails_for_job(event, a_partner(members=OWNERS))}

    assert ids("one") == ids("one")
    assert len(ids("one") | ids("two")) == 4


def test_no_mail_carries_a_secret() -> None:
    facts = (CREATED, replied(), MERCHANT_WROTE, assigned(KEN), JobReminded(due_at=NOW))
    mails = [mail for fact in facts for mail in mails_for_job(an_event(fact, a_job()), a_partner())]
    assert len(mails) >= len(facts)
    assert not [mail for mail in mails if "token" in str(mail) or "http" in mail.link]


def test_a_merchant_that_writes_is_not_told_of_it() -> None:
    assert MERCHANT_EMAIL not in told(MERCHANT_WROTE, a_job(Status.AWAITING_REPLY))
    assert MERCHANT_WROTE.actor.kind is ActorKind.MERCHANT
