"""What a mail of each kind may do, what its recipient may do about it, and when it no longer makes sense. One row for
each template.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from services.notifications import sense
from services.notifications.envelope import Mail
from services.notifications.sense import Check, Now
from shared.contracts.choices import MailKind


class Subject(Enum):
    """What a mail's `about` is the id of."""

    JOB = "job"
    LEAD = "lead"
    REQUEST = "request"
    PARTNER = "partner"
    SIGN_IN = "sign-in"
    PERSON = "person"


class Kind(NamedTuple):
    """`refused_as`: what the recipient can refuse it as, by one click. `folds`: those that come in a burst go out as
    one. `insists`: somebody waits for it, so that an address which the server has refused is tried again after a day.
    `unless`: what makes it senseless by the time it is sent. `counts_down`: it says how many hours are left.
    `reaches_somebody`: where its recipient has left the team, whoever is at the desk now gets it, or nobody would
    answer. `to_suspended`: it is sent although its recipient is suspended. `urgent`: somebody sits and waits for it, so
    nothing else goes before it. `whole`: it is all that its reader gets, so that little is cut from it.
    """

    about: Subject = Subject.JOB
    refused_as: MailKind | None = None
    folds: bool = False
    insists: bool = False
    unless: tuple[Check, ...] = ()
    counts_down: bool = False
    reaches_somebody: bool = False
    urgent: bool = False
    whole: bool = False
    to_suspended: bool = False


_TEAMS = (sense.halted, sense.left_team)
_MERCHANTS = (sense.unwanted,)
_UNKNOWN = Kind()

KINDS: Mapping[str, Kind] = {
    "sign_in": Kind(Subject.SIGN_IN, insists=True, urgent=True, unless=(sense.stale,)),
    # What somebody else may have caused who typed in an address.
    "register": Kind(
        Subject.SIGN_IN, refused_as=MailKind.CONFIRMATIONS, insists=True, urgent=True, unless=(sense.stale,)
    ),
    "confirm_request": Kind(
        Subject.REQUEST, refused_as=MailKind.CONFIRMATIONS, insists=True, urgent=True, unless=(sense.confirmed,)
    ),
    "confirm_address": Kind(
        Subject.PARTNER,
        refused_as=MailKind.CONFIRMATIONS,
        insists=True,
        urgent=True,
        unless=(sense.halted, sense.unnamed),
    ),
    "invitation": Kind(Subject.PARTNER, refused_as=MailKind.INVITATIONS, unless=(sense.halted, sense.uninvited)),
    # What a partner is here for. Who wants less of it says so in the preferences.
    "new_job": Kind(unless=(sense.over, sense.blocked, *_TEAMS), reaches_somebody=True),
    "lead": Kind(
        Subject.LEAD,
        whole=True,
        unless=(sense.request_over, sense.blocked, sense.unpublished, *_TEAMS),
        reaches_somebody=True,
    ),
    "expired": Kind(unless=_TEAMS),
    "job_declined": Kind(unless=(*_TEAMS, *_MERCHANTS)),
    "assigned": Kind(unless=(sense.over, *_TEAMS, sense.unassigned)),
    "reminder": Kind(refused_as=MailKind.REMINDERS, unless=(sense.answered, sense.blocked, *_TEAMS), counts_down=True),
    "merchant_replied": Kind(refused_as=MailKind.CONVERSATION, folds=True, unless=_TEAMS),
    "correspondence": Kind(refused_as=MailKind.CORRESPONDENCE, folds=True, unless=_TEAMS),
    "mention": Kind(refused_as=MailKind.MENTIONS, folds=True, unless=_TEAMS),
    # What the marketplace has done, whoever minds.
    "job_stopped": Kind(unless=_TEAMS),
    "lead_stopped": Kind(Subject.LEAD, unless=_TEAMS),
    "request_stopped": Kind(Subject.REQUEST),
    "review_taken_down": Kind(unless=_TEAMS),
    "lead_review_taken_down": Kind(Subject.LEAD, unless=_TEAMS),
    "account": Kind(Subject.PERSON, to_suspended=True),
    "review_received": Kind(refused_as=MailKind.REVIEWS, unless=_TEAMS),
    # How far the organisation is let in: its owners are told, whatever they chose.
    "organisation_approved": Kind(Subject.PARTNER, unless=_TEAMS),
    "organisation_suspended": Kind(Subject.PARTNER, unless=(sense.restored, sense.left_team)),
    # What a merchant or a prospect has asked for.
    "lead_matched": Kind(Subject.REQUEST, unless=(sense.request_over,)),
    "unmatched": Kind(Subject.REQUEST, unless=(sense.request_over,)),
    "partner_gone": Kind(unless=_MERCHANTS),
    "partner_replied": Kind(folds=True, unless=_MERCHANTS),
    "access_asked": Kind(unless=(sense.consented, sense.blocked)),
    # Whose store it is, and whoever works in it, hears of every step, however late.
    "access_step": Kind(unless=_TEAMS),
    "review_request": Kind(refused_as=MailKind.REVIEW_REQUESTS, unless=(sense.unreviewable, sense.blocked)),
    "lead_review_request": Kind(
        Subject.LEAD, refused_as=MailKind.REVIEW_REQUESTS, unless=(sense.unreviewable, sense.blocked)
    ),
    "review_answered": Kind(refused_as=MailKind.REVIEWS, unless=_MERCHANTS),
}


def kind_of(template: str) -> Kind:
    return KINDS.get(template, _UNKNOWN)


def folds(mail: Mail) -> bool:
    """Whether a burst of such mails becomes one. A partner's introduction stands alone."""
    return kind_of(mail.template).folds and not mail.values.get("first", False)


def senseless(mail: Mail, now: Now, at: datetime) -> str:
    """Why the mail is not sent any more; empty when it is."""
    return next((reason for check in kind_of(mail.template).unless if (reason := check(mail, now, at))), "")


def instead(mail: Mail, now: Now, reason: str) -> list[Mail]:
    """What goes out in place of a mail that is not sent for this reason."""
    moved = reason == sense.LEFT_TEAM and kind_of(mail.template).reaches_somebody
    return sense.to_the_desk(mail, now) if moved else []


def as_of(mail: Mail, now: Now, at: datetime) -> Mail:
    """The mail with what it says of the time, as of the moment of sending."""
    return sense.counted_down(mail, now, at) if kind_of(mail.template).counts_down else mail
