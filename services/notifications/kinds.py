"""What a mail of each kind may do, and what its recipient may do about it. One row for each template."""

from collections.abc import Mapping
from typing import NamedTuple

from services.notifications.envelope import Mail
from shared.contracts.choices import MailKind


class Kind(NamedTuple):
    """`refused_as`: what the recipient can refuse it as, by one click. `folds`: those that come in a burst go out as
    one. `insists`: somebody waits for it, so that an address which the server has refused is tried again after a day.
    """

    refused_as: MailKind | None = None
    folds: bool = False
    insists: bool = False


_PLAIN = Kind()

KINDS: Mapping[str, Kind] = {
    "sign_in": Kind(insists=True),
    "confirm_request": Kind(insists=True),
    "invitation": _PLAIN,
    # What a partner is here for. Who wants less of it says so in the preferences.
    "new_job": _PLAIN,
    "lead": _PLAIN,
    "expired": _PLAIN,
    "job_declined": _PLAIN,
    "assigned": _PLAIN,
    "reminder": Kind(MailKind.REMINDERS),
    "merchant_replied": Kind(MailKind.CONVERSATION, folds=True),
    "correspondence": Kind(MailKind.CORRESPONDENCE, folds=True),
    "mention": Kind(MailKind.MENTIONS, folds=True),
    "review_received": Kind(MailKind.REVIEWS),
    # What a merchant or a prospect has asked for.
    "lead_matched": _PLAIN,
    "unmatched": _PLAIN,
    "partner_replied": Kind(folds=True),
    "access_asked": _PLAIN,
    "access_step": _PLAIN,
    "review_request": Kind(MailKind.REVIEW_REQUESTS),
    "lead_review_request": Kind(MailKind.REVIEW_REQUESTS),
    "review_answered": Kind(MailKind.REVIEWS),
}


def kind_of(template: str) -> Kind:
    return KINDS.get(template, _PLAIN)


def folds(mail: Mail) -> bool:
    """Whether a burst of such mails becomes one. A partner's introduction stands alone."""
    return kind_of(mail.template).folds and not mail.values.get("first", False)
