"""For each topic of the table: good records, and how to see from outside that each hearing group has handled them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from deploy.market import load_partners
from services.gateway.oversight.report import evolve as evolve_report
from services.gateway.oversight.suspension import evolve as evolve_suspension
from services.jobs.job import evolve
from services.leads.lead import evolve as evolve_lead
from shared.commands import command
from shared.contracts.base import SYSTEM, Actor, ActorKind, Event, Message, Record, Snapshot, derived_id
from shared.contracts.choices import MailChoiceChanged, MailKind, choice_id_of
from shared.contracts.jobs import JobCreated, OpenJob, job_id_of
from shared.contracts.leads import CreateLead, LeadDelivered, lead_id_of
from shared.contracts.mails import MailSent
from shared.contracts.matching import (
    Answer,
    Match,
    MatchStatus,
    NoteAnswer,
    RequestMatched,
    Selection,
    SelectPartners,
    ServiceStanding,
    StandingChanged,
)
from shared.contracts.operators import ActBegun, Deed, OperatorsAct
from shared.contracts.partners import ChangePreferences, PartnerChanged, Preferences, RegisterPartner, SignInRequested
from shared.contracts.replies import CommandRejected
from shared.contracts.reports import (
    About,
    FileReport,
    Finding,
    Reported,
    ReportFiled,
    ReportReason,
    ResolveReport,
    report_id_of,
)
from shared.contracts.requests import (
    ConfirmRequest,
    Request,
    RequestConfirmed,
    RequestKind,
    RequestStatus,
    RequestSubmitted,
    SubmitRequest,
)
from shared.contracts.suspensions import PersonSuspended, SuspendPerson, mailbox_id_of
from shared.topics import (
    JOB_COMMANDS,
    JOB_EVENTS,
    LEAD_COMMANDS,
    LEAD_EVENTS,
    MAIL_CHOICES,
    MAILS,
    MATCHES,
    MATCHING_COMMANDS,
    OPERATOR_ACTS,
    PARTNER_COMMANDS,
    PARTNERS,
    PEOPLE_COMMANDS,
    REPLIES,
    REPORT_COMMANDS,
    REPORTS,
    REQUEST_COMMANDS,
    REQUESTS,
    SIGN_INS,
    STANDINGS,
    SUSPENSIONS,
)
from tests.builders import a_creation, a_merchant, a_partner, an_event, details
from tests.live.conftest import Jobwire

KNOWN_PARTNER = UUID(str(load_partners()[0]["partner_id"]))
"""Somebody in the market of the fleet: who is mailed about a job must exist."""

Seen = Callable[[Jobwire], Awaitable[Any]]


@dataclass(frozen=True)
class Good:
    """Records that belong together, and for each hearing group what there is once it has handled them."""

    records: Sequence[Record]
    effects: Mapping[str, Seen]


def _document(service: str, collection: str, query: Mapping[str, Any]) -> Seen:
    async def seen(jobwire: Jobwire) -> Any:
        return await jobwire.database(service)[collection].find_one(dict(query))

    return seen


def _command(data: Message, subject: UUID) -> Record:
    return command(data, subject, source="tests", time=datetime.now(UTC))


def _answered(record: Record) -> Seen:
    async def seen(jobwire: Jobwire) -> bool:
        return bool([reply for reply in await jobwire.log.read(REPLIES.name) if reply.key == str(record.id).encode()])

    return seen


def _at_the_door(group: str, data: Message, subject: UUID) -> Good:
    record = _command(data, subject)
    return Good([record], {group: _answered(record)})


def _merchant() -> dict[str, Any]:
    return {"merchant": a_merchant(f"{uuid4().hex}@kettle.example")}


def _a_job_command() -> Good:
    request_id = uuid4()
    data = a_creation(request_id, partner_id=KNOWN_PARTNER, details=details(**_merchant()))
    return _at_the_door("jobs", data, job_id_of(request_id, KNOWN_PARTNER))


def _a_request_command() -> Good:
    actor = Actor(kind=ActorKind.MERCHANT)
    return _at_the_door("leads", SubmitRequest(details=details(**_merchant()), actor=actor), uuid4())


def _a_matching_command() -> Good:
    about = details(RequestKind.DIRECT, partner_id=uuid4(), **_merchant())
    return _at_the_door("matching", SelectPartners(details=about, partners_per_wave=1, waves=1, actor=SYSTEM), uuid4())


def _a_partner_command() -> Good:
    partner = a_partner(f"Studio {uuid4().hex}", published=False)
    data = RegisterPartner(
        profile=partner.profile, preferences=partner.preferences, members=partner.members, actor=SYSTEM
    )
    return _at_the_door("gateway", data, partner.partner_id)


def _a_request() -> Good:
    # A direct request to nobody is matched with nobody, so no mails follow from it.
    about = details(RequestKind.DIRECT, partner_id=uuid4(), **_merchant())
    request = Request(
        request_id=uuid4(),
        status=RequestStatus.CONFIRMED,
        details=about,
        submitted_at=datetime.now(UTC),
        confirmed_at=datetime.now(UTC),
        version=2,
    )
    facts = (RequestSubmitted(details=about), RequestConfirmed())
    return Good(
        [_happened(fact, request, subject=request.request_id) for fact in facts],
        {
            "matching.requests": _document("matching", "matchs", {"_id": request.request_id}),
            "notifications.requests": _document("notifications", "mails", {"to": about.merchant.email}),
            "gateway.requests": _document("gateway", "merchant_view", {"_id": about.merchant.merchant_id}),
        },
    )


def _a_match() -> Good:
    about, selection = details(**_merchant()), Selection(partner_id=KNOWN_PARTNER, score=0.0, factors=())
    match = Match(
        request_id=uuid4(),
        details=about,
        status=MatchStatus.WAITING,
        wave=1,
        asked=(),
        started_at=datetime.now(UTC),
        version=1,
    )
    event = _happened(RequestMatched(details=about, wave=1, selections=(selection,)), match, subject=match.request_id)
    job_id = job_id_of(match.request_id, KNOWN_PARTNER)
    return Good([event], {"jobs.matches": _document("jobs", "jobs", {"_id": job_id})})


def _a_lead_command() -> Good:
    request_id, about = uuid4(), details(RequestKind.LEAD, **_merchant())
    data = CreateLead(request_id=request_id, partner_id=KNOWN_PARTNER, details=about, others=0, actor=SYSTEM)
    return _at_the_door("leads.leads", data, lead_id_of(request_id, KNOWN_PARTNER))


def _a_lead_event() -> Good:
    request_id, about = uuid4(), details(RequestKind.LEAD, **_merchant())
    fact = LeadDelivered(request_id=request_id, partner_id=KNOWN_PARTNER, details=about, others=0)
    lead_id = lead_id_of(request_id, KNOWN_PARTNER)
    lead = evolve_lead(None, fact, lead_id, datetime.now(UTC)).model_copy(update={"version": 1})
    return Good(
        [_happened(fact, lead, subject=lead_id)],
        {
            "matching.leads": _document("matching", "job_outcomes", {"_id": lead_id}),
            "notifications.leads": _document("notifications", "mails", {"about": lead_id}),
            "gateway.leads": _document("gateway", "lead_view", {"_id": lead_id}),
        },
    )


def _happened(fact: Message, snapshot: Snapshot, *, subject: UUID) -> Event[Any, Any]:
    """Just now: what happened long ago mails nobody."""
    return an_event(fact, snapshot, subject=subject, at=datetime.now(UTC))


def _a_job_event() -> Good:
    request_id, about = uuid4(), details(**_merchant())
    fact = JobCreated(
        request_id=request_id,
        partner_id=KNOWN_PARTNER,
        details=about,
        reply_window_seconds=3600,
        remind_before_seconds=(),
    )
    job_id = job_id_of(request_id, KNOWN_PARTNER)
    job = evolve(None, fact, job_id, datetime.now(UTC)).model_copy(update={"version": 1})
    return Good(
        [_happened(fact, job, subject=job_id)],
        {
            "matching.standings": _document("matching", "job_outcomes", {"_id": job_id}),
            "notifications.jobs": _document("notifications", "mails", {"about": job_id}),
            "gateway.jobs": _document("gateway", "job_view", {"_id": job_id}),
        },
    )


def _a_partner() -> Good:
    partner = a_partner(f"Studio {uuid4().hex}", published=False)
    fact = PartnerChanged(profile=partner.profile, preferences=partner.preferences, members=partner.members)
    return Good(
        [_happened(fact, partner, subject=partner.partner_id)],
        {
            "notifications.partners": _document("notifications", "teams", {"_id": partner.partner_id}),
            "gateway.partners": _document("gateway", "team_view", {"_id": partner.partner_id}),
            "leads.partners": _document("leads", "directory", {"_id": partner.partner_id}),
        },
    )


def _a_standing() -> Good:
    standing = StandingChanged(partner_id=uuid4(), version=1, services={"seo": ServiceStanding(received=1)})
    return Good(
        [_command(standing, standing.partner_id)],
        {"gateway.standings": _document("gateway", "standing_view", {"_id": standing.partner_id})},
    )


def _a_sign_in() -> Good:
    email, sign_in_id = f"{uuid4().hex}@hoshi.example", uuid4()
    return Good(
        [_command(SignInRequested(email=email, name="Aiko", locale="ja"), sign_in_id)],
        {"notifications.sign-ins": _document("notifications", "mails", {"to": email})},
    )


def _a_reply() -> Good:
    return Good([_command(CommandRejected(code="expired", reason="Too late."), uuid4())], {})


def _a_mail_choice() -> Good:
    email = f"{uuid4().hex}@hoshi.example"
    choice_id = choice_id_of(email, MailKind.MENTIONS)
    return Good(
        [_command(MailChoiceChanged(email=email, topic=MailKind.MENTIONS, wanted=False), choice_id)],
        {"notifications.choices": _document("notifications", "choices", {"_id": choice_id})},
    )


def _a_mail() -> Good:
    mail_id = uuid4()
    told = MailSent(template="new_job", to="aiko@hoshi.example", about=uuid4(), at=datetime.now(UTC))
    return Good([_command(told, mail_id)], {"gateway.mails": _document("gateway", "mail_view", {"_id": mail_id})})


def _about(job_id: UUID) -> About:
    return About(what=Reported.JOB, at=job_id, request_id=uuid4(), partner_id=KNOWN_PARTNER, merchant_id=uuid4())


def _a_report_command() -> Good:
    about = _about(uuid4())
    by = Actor(kind=ActorKind.PARTNER, partner_id=KNOWN_PARTNER, member_id=uuid4())
    data = FileReport(about=about, reason=ReportReason.SPAM, actor=by)
    return _at_the_door("gateway.report", data, report_id_of(about, by))


def _a_report() -> Good:
    about, by = _about(uuid4()), Actor(kind=ActorKind.PARTNER, partner_id=KNOWN_PARTNER, member_id=uuid4())
    fact, report_id = ReportFiled(about=about, reason=ReportReason.SPAM, text="", actor=by), report_id_of(about, by)
    report = evolve_report(None, fact, report_id, datetime.now(UTC)).model_copy(update={"version": 1})
    seen = _document("gateway", "report_view", {"_id": report_id})
    return Good([_happened(fact, report, subject=report_id)], {"gateway.reports": seen})


def _a_people_command() -> Good:
    email = f"{uuid4().hex}@hoshi.example"
    by = Actor(kind=ActorKind.OPERATOR, name="ora")
    return _at_the_door("gateway.people", SuspendPerson(email=email, reason="Spam.", actor=by), mailbox_id_of(email))


def _a_suspension() -> Good:
    email = f"{uuid4().hex}@hoshi.example"
    mailbox_id, fact = mailbox_id_of(email), PersonSuspended(email=email)
    person = evolve_suspension(None, fact, mailbox_id, datetime.now(UTC)).model_copy(update={"version": 1})
    known = {"_id": mailbox_id, "suspended": True}
    return Good(
        [_happened(fact, person, subject=mailbox_id)],
        {
            "leads.suspensions": _document("leads", "suspended", known),
            "notifications.suspensions": _document("notifications", "suspended", known),
        },
    )


def _an_operators_act() -> Good:
    act = OperatorsAct(
        act_id=uuid4(),
        operator="ora",
        deed=Deed.STOP_REQUEST,
        subject=uuid4(),
        reason="Spam.",
        at=datetime.now(UTC),
    )
    seen = _document("gateway", "operator_act_view", {"_id": act.act_id})
    return Good([_command(ActBegun(act=act), act.subject)], {"gateway.operator-acts": seen})


GOOD: Mapping[str, Callable[[], Good]] = {
    REQUEST_COMMANDS.name: _a_request_command,
    MATCHING_COMMANDS.name: _a_matching_command,
    JOB_COMMANDS.name: _a_job_command,
    PARTNER_COMMANDS.name: _a_partner_command,
    REQUESTS.name: _a_request,
    LEAD_COMMANDS.name: _a_lead_command,
    LEAD_EVENTS.name: _a_lead_event,
    MATCHES.name: _a_match,
    JOB_EVENTS.name: _a_job_event,
    PARTNERS.name: _a_partner,
    STANDINGS.name: _a_standing,
    SIGN_INS.name: _a_sign_in,
    MAIL_CHOICES.name: _a_mail_choice,
    REPORT_COMMANDS.name: _a_report_command,
    REPORTS.name: _a_report,
    PEOPLE_COMMANDS.name: _a_people_command,
    SUSPENSIONS.name: _a_suspension,
    OPERATOR_ACTS.name: _an_operators_act,
    MAILS.name: _a_mail,
    REPLIES.name: _a_reply,
}
"""Something good for each topic, about somebody new each time."""

NOBODY = derived_id("nobody in any test")

NAMES_NOTHING: Mapping[str, Callable[[], Message]] = {
    REQUEST_COMMANDS.name: lambda: ConfirmRequest(actor=SYSTEM),
    MATCHING_COMMANDS.name: lambda: NoteAnswer(
        partner_id=NOBODY, answer=Answer.REPLIED, partners_per_wave=1, waves=1, actor=SYSTEM
    ),
    JOB_COMMANDS.name: lambda: OpenJob(actor=SYSTEM),
    PARTNER_COMMANDS.name: lambda: ChangePreferences(preferences=Preferences(), actor=SYSTEM),
    REPORT_COMMANDS.name: lambda: ResolveReport(finding=Finding.DISMISSED, reason="No.", actor=SYSTEM),
}
"""For each door a command that makes sense only for an aggregate that exists."""
