"""Whether a mail still makes sense at the moment of sending, and what it says then. Pure.

A check gives the reason why the mail is not sent, or nothing. Whatever is not known speaks for sending. Which kind of
mail needs which checks stands in `kinds.py`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.notifications.envelope import Mail, mail_id_of, side_of
from services.notifications.recipients import Recipient, desk_of
from shared.contracts.base import ActorKind, address_key
from shared.contracts.jobs import AccessStatus, Status
from shared.contracts.partners import MailTopic, Member, Partner
from shared.contracts.requests import RequestStatus
from shared.i18n import moment

LEFT_TEAM = "left_team"
SIGN_IN_WITHIN = timedelta(hours=1)
"""Whoever asked for a link longer ago has asked again, or gone."""


class JobNow(NamedTuple):
    """`status` and `access` are plain words: a newer Jobwire may know more of them."""

    partner_id: UUID
    status: str
    deadline: datetime
    assignees: Sequence[UUID]
    blocked: bool
    reviewed: bool
    access: str | None


class LeadNow(NamedTuple):
    partner_id: UUID
    request_id: UUID
    merchant_id: UUID
    reviewed: bool


class RequestNow(NamedTuple):
    status: str
    confirm_until: datetime | None


class Now(NamedTuple):
    """What is known of a mail's job, lead, request and team. None: nothing."""

    job: JobNow | None = None
    lead: LeadNow | None = None
    request: RequestNow | None = None
    partner: Partner | None = None


Check = Callable[[Mail, Now, datetime], str]


def left_team(mail: Mail, now: Now, _at: datetime) -> str:
    """The address is neither the desk's nor a member's who may see what the mail is about."""
    if now.partner is None or side_of(mail.link) is not ActorKind.PARTNER:
        return ""
    desk = now.partner.preferences.inbox
    if desk and address_key(desk) == address_key(mail.recipient.email):
        return ""
    member = _member(mail, now.partner)
    if member is None or not member.joined:
        return LEFT_TEAM
    hidden = member.assigned_only and now.job is not None and member.member_id not in now.job.assignees
    return "no_access" if hidden else ""


def unnamed(mail: Mail, now: Now, _at: datetime) -> str:
    """The organisation has named another address, or somebody there has confirmed it."""
    if now.partner is None:
        return ""
    named, preferences = address_key(mail.recipient.email), now.partner.preferences
    waits = not preferences.email_confirmed and address_key(preferences.notification_email or "") == named
    return "" if waits else "unnamed"


def halted(mail: Mail, now: Now, _at: datetime) -> str:
    """The organisation whose mail it is takes no part in Jobwire."""
    if now.partner is None or now.partner.suspended is None or side_of(mail.link) is not ActorKind.PARTNER:
        return ""
    return "partner_suspended"


def restored(_mail: Mail, now: Now, _at: datetime) -> str:
    """The suspension that it tells of has ended."""
    return "restored" if now.partner is not None and now.partner.suspended is None else ""


def unassigned(mail: Mail, now: Now, _at: datetime) -> str:
    member = _member(mail, now.partner) if now.partner else None
    if now.job is None or member is None or member.member_id in now.job.assignees:
        return ""
    return "unassigned"


def answered(_mail: Mail, now: Now, at: datetime) -> str:
    """Nobody waits for the first answer any more: it has been given, or its time is over."""
    if now.job is None:
        return ""
    if now.job.status not in (Status.NEW, Status.OPENED):
        return f"job_{now.job.status}"
    return "deadline_passed" if now.job.deadline <= at else ""


def over(_mail: Mail, now: Now, _at: datetime) -> str:
    """The job has ended, however it did."""
    if now.job is not None and now.job.status in (Status.DECLINED, Status.EXPIRED, Status.COMPLETED):
        return f"job_{now.job.status}"
    return ""


def unwanted(mail: Mail, now: Now, at: datetime) -> str:
    """The merchant, whose mail it is, has blocked the partner. The partner is still told that a job is over."""
    return blocked(mail, now, at) if side_of(mail.link) is ActorKind.MERCHANT else ""


def blocked(_mail: Mail, now: Now, _at: datetime) -> str:
    """The merchant wants nothing more of the partner."""
    of_job = now.job is not None and now.job.blocked
    of_lead = now.lead is not None and now.partner is not None and now.lead.merchant_id in now.partner.blocked_by
    return "blocked" if of_job or of_lead else ""


def unreviewable(_mail: Mail, now: Now, _at: datetime) -> str:
    """There is a review already, or the work goes on."""
    if now.job is not None and now.job.status != Status.COMPLETED:
        return f"job_{now.job.status}"
    reviewed = any(one is not None and one.reviewed for one in (now.job, now.lead))
    return "reviewed" if reviewed else ""


def consented(_mail: Mail, now: Now, _at: datetime) -> str:
    """Store access is not asked for any more: somebody has answered."""
    if now.job is None or now.job.access in (None, AccessStatus.ASKED):
        return ""
    return f"access_{now.job.access}"


def request_over(_mail: Mail, now: Now, _at: datetime) -> str:
    ended = [status for status in RequestStatus if status.is_over]
    return f"request_{now.request.status}" if now.request is not None and now.request.status in ended else ""


def confirmed(_mail: Mail, now: Now, at: datetime) -> str:
    """There is nothing to confirm any more."""
    if now.request is None:
        return ""
    if now.request.status != RequestStatus.SUBMITTED:
        return f"request_{now.request.status}"
    until = now.request.confirm_until
    return "too_late" if until is not None and until <= at else ""


def unpublished(_mail: Mail, now: Now, _at: datetime) -> str:
    """The partner has left the directory, or is not trusted so far: no prospect's telephone number goes to it."""
    if now.partner is None:
        return ""
    if not now.partner.profile.published:
        return "unpublished"
    return "" if now.partner.rights.leads else "not_approved"


def uninvited(mail: Mail, now: Now, _at: datetime) -> str:
    """The invitation has been taken back, or accepted."""
    if now.partner is None:
        return ""
    member = _member(mail, now.partner)
    if member is None:
        return "left_team"
    return "joined" if member.joined else ""


def stale(mail: Mail, _now: Now, at: datetime) -> str:
    """It was asked for by somebody who waited for it."""
    return "too_late" if mail.wanted_at is not None and mail.wanted_at + SIGN_IN_WITHIN <= at else ""


def counted_down(mail: Mail, now: Now, at: datetime) -> Mail:
    """The mail with the hours that are left when it is sent. What an older Jobwire has queued of a job that is not
    known keeps what it said.
    """
    said = mail.values.get("deadline_at")
    deadline = now.job.deadline if now.job else datetime.fromisoformat(said) if said else None
    if deadline is None:
        return mail
    left = {"hours_left": hours_left(deadline, at), "deadline": moment(deadline, mail.recipient.locale)}
    return mail._replace(values={**mail.values, **left})


def hours_left(deadline: datetime, at: datetime) -> int:
    """Whole hours, the nearest; the last one is one hour until it is over."""
    return max(1, round((deadline - at).total_seconds() / 3600))


def to_the_desk(mail: Mail, now: Now) -> list[Mail]:
    """The mail to those who are at the partner's desk now, for its own recipient has left. Whoever was told when it was
    new has a mail of this id, so that nobody is told twice. In the language that it was written for.
    """
    if mail.cause is None or now.partner is None:
        return []
    assignees = now.job.assignees if now.job else ()
    return [
        mail._replace(
            id=mail_id_of(mail.cause, to.email, mail.template),
            recipient=Recipient(to.email, to.name, mail.recipient.locale),
            values={**mail.values, "recipient_name": to.name},
            paced_by=None,
        )
        for to in desk_of(now.partner, MailTopic.NEW_JOBS, assignees)
    ]


def _member(mail: Mail, partner: Partner) -> Member | None:
    return partner.named_at(mail.recipient.email)
