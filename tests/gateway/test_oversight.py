"""The rules of reports and suspensions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.gateway.oversight import report as reports
from services.gateway.oversight import suspension as suspensions
from services.gateway.oversight.wiring import on_declined
from shared.contracts.base import Actor, Message
from shared.contracts.jobs import PARTNERS_REASONS, Decline, DeclineReason, JobDeclined
from shared.contracts.reports import (
    About,
    FileReport,
    Finding,
    Report,
    Reported,
    ReportReason,
    ResolveReport,
    report_id_of,
)
from shared.contracts.suspensions import RestorePerson, SuspendPerson, Suspension, mailbox_id_of
from shared.decisions import Rejection
from tests.builders import (
    BY_MERCHANT,
    BY_OPERATOR,
    BY_OTHER_MERCHANT,
    BY_OTHER_PARTNER,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    JOB_ID,
    KEN,
    MERCHANT_EMAIL,
    MERCHANT_ID,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_job,
    an_event,
)


def about(what: Reported = Reported.JOB, at: UUID = JOB_ID) -> About:
    return About(what=what, at=at, request_id=REQUEST_ID, partner_id=PARTNER_ID, merchant_id=MERCHANT_ID)


def filed(actor: Actor = BY_PARTNER, what: Reported = Reported.JOB, **fields: Any) -> FileReport:
    return FileReport(**{"about": about(what), "reason": ReportReason.SPAM, "actor": actor, **fields})


def outcome(decision: Sequence[Message] | Rejection) -> list[str] | str:
    return decision.code if isinstance(decision, Rejection) else [type(fact).__name__ for fact in decision]


def a_report(*commands: Any) -> Report:
    report, report_id = None, report_id_of(about(), BY_PARTNER)
    for command in commands or [filed()]:
        facts = reports.decide(report, command, report_id, NOW)
        assert not isinstance(facts, Rejection), facts
        for fact in facts:
            report = reports.evolve(report, fact, report_id, NOW)
    assert report is not None
    return report


RESOLVED = ResolveReport(finding=Finding.UPHELD, reason="So it is.", actor=BY_OPERATOR)


@pytest.mark.parametrize("what", Reported)
@pytest.mark.parametrize(
    ("actor", "of_jobs", "elsewhere"),
    [
        (BY_PARTNER, ["ReportFiled"], ["ReportFiled"]),
        (BY_MERCHANT, ["ReportFiled"], "forbidden"),
        (BY_OTHER_PARTNER, "forbidden", "forbidden"),
        (BY_OTHER_MERCHANT, "forbidden", "forbidden"),
        (BY_OPERATOR, "forbidden", "forbidden"),
        (BY_SYSTEM, "forbidden", "forbidden"),
    ],
)
def test_the_two_sides_report_and_nobody_else(what: Reported, actor: Actor, of_jobs: Any, elsewhere: Any) -> None:
    decision = reports.decide(None, filed(actor, what), report_id_of(about(what), actor), NOW)
    assert outcome(decision) == (of_jobs if what is Reported.JOB else elsewhere)


def test_nobody_files_a_report_under_another_ones_id() -> None:
    theirs = report_id_of(about(), BY_MERCHANT)
    assert outcome(reports.decide(None, filed(), theirs, NOW)) == "forbidden"


def test_an_organisation_reports_a_thing_once_whoever_of_it_does() -> None:
    colleague = BY_PARTNER.model_copy(update={"member_id": KEN, "name": "Ken"})
    assert report_id_of(about(), BY_PARTNER) == report_id_of(about(), colleague)
    assert report_id_of(about(), BY_PARTNER) != report_id_of(about(Reported.REVIEW), BY_PARTNER)


@pytest.mark.parametrize("resolved", [False, True])
def test_the_same_again_says_nothing_new_and_what_is_added_opens_it_again(resolved: bool) -> None:  # noqa: FBT001
    report = a_report(filed(text="Look."), *([RESOLVED] if resolved else []))
    for same in (filed(text="Look."), filed()):
        assert outcome(reports.decide(report, same, report.report_id, NOW)) == []
    for command, text in ((filed(reason=ReportReason.FRAUD), "Look."), (filed(text="Again."), "Again.")):
        (fact,) = reports.decide(report, command, report.report_id, NOW)
        after = reports.evolve(report, fact, report.report_id, NOW + HOUR)
        assert (after.resolution, after.text, after.filed_at) == (None, text, NOW)


def test_only_operators_resolve_and_the_first_finding_stands() -> None:
    report = a_report()
    for actor in (BY_PARTNER, BY_MERCHANT, BY_SYSTEM):
        refused = reports.decide(report, RESOLVED.model_copy(update={"actor": actor}), report.report_id, NOW)
        assert outcome(refused) == "forbidden"
    other = RESOLVED.model_copy(update={"finding": Finding.DISMISSED})
    assert outcome(reports.decide(a_report(filed(), RESOLVED), other, report.report_id, NOW)) == "already_resolved"


@pytest.mark.parametrize("reason", sorted(PARTNERS_REASONS))
@pytest.mark.parametrize("actor", [BY_PARTNER, BY_MERCHANT])
def test_a_decline_for_spam_is_a_report_and_no_other_is(reason: DeclineReason, actor: Actor) -> None:
    fact = JobDeclined(decline=Decline(by=actor.kind, reason=reason, note="Look."), actor=actor)
    orders = list(on_declined(an_event(fact, a_job())))
    assert len(orders) == (reason is DeclineReason.SPAM)
    for order in orders:
        assert outcome(reports.decide(None, order.data, order.subject, NOW)) == ["ReportFiled"]
        assert order.data.text == "Look."


MAILBOX = mailbox_id_of(MERCHANT_EMAIL)
SUSPEND = SuspendPerson(email=MERCHANT_EMAIL, reason="Spam.", actor=BY_OPERATOR)
RESTORE = RestorePerson(reason="A mistake.", actor=BY_OPERATOR)


def a_person(*, suspended: bool = True) -> Suspension:
    (fact,) = suspensions.decide(None, SUSPEND, MAILBOX, NOW)
    person = suspensions.evolve(None, fact, MAILBOX, NOW)
    return person if suspended else person.model_copy(update={"suspended": False})


@pytest.mark.parametrize(
    ("before", "command", "comes"),
    [
        (None, SUSPEND, ["PersonSuspended"]),
        (a_person(), SUSPEND, []),
        (a_person(suspended=False), SUSPEND, ["PersonSuspended"]),
        (None, RESTORE, "not_suspended"),
        (a_person(), RESTORE, ["PersonRestored"]),
        (a_person(suspended=False), RESTORE, []),
        *[
            (a_person(), command.model_copy(update={"actor": actor}), "forbidden")
            for command in (SUSPEND, RESTORE)
            for actor in (BY_PARTNER, BY_MERCHANT, BY_SYSTEM)
        ],
    ],
)
def test_a_mailbox_is_suspended_or_it_is_not(before: Suspension | None, command: Any, comes: Any) -> None:
    assert outcome(suspensions.decide(before, command, MAILBOX, NOW)) == comes


def test_the_spellings_of_one_mailbox_are_one_and_other_mailboxes_are_others() -> None:
    one = {mailbox_id_of(email) for email in ("mia@kettle.example", "Mia@Kettle.example", "mia+1@kettle.example")}
    assert len(one) == 1
    others = {mailbox_id_of(email) for email in ("mia@kettle.test", "mi.a@kettle.example", "+mia@kettle.example")}
    assert mailbox_id_of("m.i.a+1@gmail.com") == mailbox_id_of("mia@gmail.com")
    assert len(others) == 3
    assert not one & others


def test_a_suspension_under_another_mailbox_is_refused() -> None:
    assert outcome(suspensions.decide(None, SUSPEND, mailbox_id_of("olga@other.example"), NOW)) == "forbidden"
