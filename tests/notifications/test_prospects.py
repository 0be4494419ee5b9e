"""What follows from leads and matches: who is told, and what."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.notifications.current import Current
from services.notifications.envelope import Mail
from services.notifications.handlers import Handlers
from services.notifications.outbox import Outbox
from services.notifications.prospects import TOLD_REASONS, mails_for_lead, mails_for_match
from services.notifications.refusals import Refusals
from services.notifications.teams import Teams
from shared.contracts.base import Locale, derived_id
from shared.contracts.leads import LeadReviewed, LeadReviewRequested
from shared.contracts.matching import Answer, AnswerNoted, Asked, MatchClosed, RequestUnmatched, WavePostponed
from shared.contracts.partners import MailTopic, PartnerChanged, Role
from shared.contracts.requests import RequestKind
from shared.failures import Invalid, Transient
from shared.metrics import Metrics
from shared.records import REPLAY_HEADER
from tests.builders import (
    BY_PARTNER,
    MERCHANT_EMAIL,
    NOW,
    PARTNER_ID,
    a_member,
    a_partner,
    an_event,
    details,
    received,
)
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase
from tests.notifications.leads import a_lead, a_match, about, asked, delivered, matched

TEAM = a_partner(members=(a_member("Aiko"), a_member("Lea", locale=Locale.FR), a_member("Ken", Role.MEMBER)))
AIKO, LEA = "aiko@hoshi.example", "lea@hoshi.example"


def told(mails: Sequence[Mail]) -> dict[str, str]:
    assert len({mail.recipient.email for mail in mails}) == len(mails), "Somebody gets two mails."
    return {mail.recipient.email: mail.template for mail in mails}


def test_a_lead_is_told_to_the_desk_as_a_new_job_is() -> None:
    assert told(mails_for_lead(delivered(), TEAM)) == {AIKO: "lead", LEA: "lead"}
    desk = a_partner(members=TEAM.members, notification_email="desk@hoshi.example")
    assert told(mails_for_lead(delivered(), desk)) == {"desk@hoshi.example": "lead"}
    nobody = a_partner(members=(a_member("Aiko", mailed=(MailTopic.REVIEWS,)),))
    assert told(mails_for_lead(delivered(), nobody)) == {AIKO: "lead"}, "A lead that nobody hears of is lost."


def test_a_lead_brings_all_that_is_needed_to_answer_and_goes_back_to_the_prospect() -> None:
    mail = mails_for_lead(delivered(), TEAM)[1]
    known = {name: mail.values[name] for name in ("merchant_name", "email", "phone", "title", "partners", "language")}
    assert known == {
        "merchant_name": "Mia Kettle",
        "email": MERCHANT_EMAIL,
        "phone": "+33 1 99 00 12 34",
        "title": "Spring launch",
        "partners": 4,
        "language": "anglais",
    }
    assert mail.reply_to == MERCHANT_EMAIL
    assert mail.paced_by == PARTNER_ID


def test_the_prospect_is_asked_for_a_review_and_the_desk_is_told_of_it() -> None:
    asking = about(LeadReviewRequested(actor=BY_PARTNER), a_lead(details=asked(locale=Locale.JA)))
    (mail,) = mails_for_lead(asking, TEAM)
    assert (mail.template, mail.recipient.email, mail.recipient.locale) == (
        "lead_review_request",
        MERCHANT_EMAIL,
        Locale.JA,
    )
    review = about(LeadReviewed(rating=5, text="Thank you."), a_lead())
    assert told(mails_for_lead(review, TEAM)) == {AIKO: "review_received", LEA: "review_received"}


@pytest.mark.parametrize("kind", [RequestKind.LEAD, RequestKind.CONTACT])
def test_a_prospect_is_told_how_many_got_its_address(kind: RequestKind) -> None:
    of = asked(kind, locale=Locale.FR)
    (mail,) = mails_for_match(a_match(matched(of, partners=3), of))
    assert (mail.template, mail.recipient.email, mail.recipient.locale) == ("lead_matched", MERCHANT_EMAIL, Locale.FR)
    assert (mail.values["partners"], mail.values["further"], mail.values["hours"]) == (3, False, 48)


def test_a_further_wave_reads_differently_and_the_last_promises_nothing() -> None:
    of = asked()
    (mail,) = mails_for_match(a_match(matched(of, wave=3, wave_after_seconds=None), of))
    assert (mail.values["further"], mail.values["hours"]) == (True, 0)


@pytest.mark.parametrize("kind", [RequestKind.MATCH, RequestKind.DIRECT])
def test_a_merchant_hears_of_its_partners_only_when_they_write(kind: RequestKind) -> None:
    of = details(kind)
    assert mails_for_match(a_match(matched(of), of)) == []


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("reason", sorted(TOLD_REASONS))
def test_whoever_asked_is_told_that_nobody_was_found(kind: RequestKind, reason: str) -> None:
    of = asked(kind) if kind.is_prospects else details(kind)
    (mail,) = mails_for_match(a_match(RequestUnmatched(details=of, reason=reason), of))
    assert (mail.template, mail.recipient.email) == ("unmatched", MERCHANT_EMAIL)
    assert (mail.values["reason"], mail.values["named"]) == (reason, kind.names_a_partner)


@pytest.mark.parametrize("kind", [RequestKind.DIRECT, RequestKind.CONTACT])
def test_whoever_asked_by_name_is_told_who_else_could_the_best_first(kind: RequestKind) -> None:
    of = asked(kind) if kind.is_prospects else details(kind)
    lou, max_, hidden = a_partner("Atelier Lou"), a_partner("Max"), a_partner("Hidden", published=False)
    known = {one.partner_id: one for one in (lou, max_, hidden)}
    offered = (max_.partner_id, derived_id("nobody"), hidden.partner_id, lou.partner_id)
    fact = RequestUnmatched(details=of, reason="partner_unavailable", alternatives=offered)
    (mail,) = mails_for_match(a_match(fact, of), known)
    assert mail.values["alternatives"] == [
        {"name": "Max", "slug": "max"},
        {"name": "Atelier Lou", "slug": "atelier-lou"},
    ]


def handlers_over(database: MemoryDatabase, teams: Teams) -> Handlers:
    current, metrics = Current(database, teams), Metrics("tests")
    days = timedelta(days=5)
    refusals, outbox = Refusals(database), Outbox(database)
    parts = outbox, teams, current, ManualClock(NOW), metrics
    return Handlers(*parts, refusals=refusals, sign_in_minutes=30, contact="", news_for=days)


async def test_a_mail_does_not_wait_for_alternatives_that_are_not_known_yet() -> None:
    database = MemoryDatabase()
    teams = Teams(database)
    handlers = handlers_over(database, teams)
    lou = a_partner("Atelier Lou")
    fact = PartnerChanged(profile=lou.profile, preferences=lou.preferences, members=lou.members)
    await teams.learn([received(an_event(fact, lou, subject=lou.partner_id), topic="partners")])
    of = details(RequestKind.DIRECT)
    offered = (derived_id("nobody"), lou.partner_id)
    unmatched = RequestUnmatched(details=of, reason="partner_unavailable", alternatives=offered)
    await handlers.on_matches([received(a_match(unmatched, of), topic="matches")])
    (mail,) = database["mails"].documents.values()
    assert [one["name"] for one in mail["values"]["alternatives"]] == ["Atelier Lou"]


def test_a_prospect_that_is_with_some_partners_is_not_told_that_there_is_nobody_else() -> None:
    of = asked()
    assert mails_for_match(a_match(RequestUnmatched(details=of, reason="nobody_else"), of)) == []


def test_a_merchant_whose_partner_has_declined_is_not_told_twice() -> None:
    of = details(RequestKind.DIRECT)
    fact = RequestUnmatched(details=of, reason="nobody_answered")
    declined, expired = (
        Asked(partner_id=PARTNER_ID, wave=1, answer=answer) for answer in (Answer.DECLINED, Answer.EXPIRED)
    )
    assert mails_for_match(a_match(fact, of, declined)) == []
    assert len(mails_for_match(a_match(fact, of, expired))) == 1
    matched_kind = details()
    assert len(mails_for_match(a_match(fact, matched_kind, declined))) == 1


def test_nobody_is_told_of_anything_else() -> None:
    of = asked()
    for fact in (AnswerNoted(partner_id=PARTNER_ID, answer=Answer.REPLIED), MatchClosed(), WavePostponed()):
        assert mails_for_match(a_match(fact, of)) == []


def test_no_mail_carries_a_secret() -> None:
    of = asked()
    mails = [*mails_for_lead(delivered(), TEAM), *mails_for_match(a_match(matched(of), of))]
    assert not [mail for mail in mails if "token" in str(mail) or "http" in str(mail.values)]


async def test_what_comes_again_or_is_replayed_tells_nobody_anything_new() -> None:
    database = MemoryDatabase()
    teams = Teams(database)
    handlers = handlers_over(database, teams)
    fact = PartnerChanged(profile=TEAM.profile, preferences=TEAM.preferences, members=TEAM.members)
    await teams.learn([received(an_event(fact, TEAM, subject=PARTNER_ID), topic="partners")])
    of = asked()
    lead, match = delivered(), a_match(matched(of), of)
    replayed = ((REPLAY_HEADER, b"1"),)
    await handlers.on_leads([received(lead, topic="leads.events", headers=replayed)])
    await handlers.on_matches([received(match, topic="matches", headers=replayed)])
    assert database["mails"].documents == {}
    for _ in range(2):
        await handlers.on_leads([received(lead, topic="leads.events")] * 2)
        await handlers.on_matches([received(match, topic="matches")] * 2)
    assert sorted(mail["template"] for mail in database["mails"].documents.values()) == ["lead", "lead", "lead_matched"]


async def test_two_hearers_of_teams_do_not_make_each_other_wait_longer() -> None:
    """Jobs and leads ask side by side; a partner that is missed by one is no business of the other."""
    database, clock = MemoryDatabase(), ManualClock(NOW)
    teams = Teams(database)
    fact = PartnerChanged(profile=TEAM.profile, preferences=TEAM.preferences, members=TEAM.members)
    await teams.learn([received(an_event(fact, TEAM, subject=PARTNER_ID), topic="partners")])
    missing = derived_id("nobody")
    reasons = []
    for _ in range(3):
        try:
            await teams.of([missing], clock.now())
        except (Transient, Invalid) as error:
            reasons.append(type(error).__name__)
        await teams.of([PARTNER_ID], clock.now())
        clock.move(NOW.resolution * 40_000_000)
    assert reasons == ["Transient", "Transient", "Invalid"]
