"""A mail that is wanted, before it has words. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.notifications.recipients import Recipient
from services.notifications.words import Values
from shared.contracts.base import ActorKind, Record, address_key, derived_id

DESK_LINK = "desk"
"""The link leads to the sign-in and carries no secret."""
CONFIRM_LINK = "confirm"
"""The link confirms the request that the mail is about."""
REQUESTED_LINK = "requested"
"""The link signs in whoever asked for it, for minutes."""
MERCHANT_LINK = "merchant"
"""The link signs in the merchant it was sent to, for days."""
INVITATION_LINK = "invitation"
"""The link lets the invited address join the team that the mail is about, for days."""
ADDRESS_LINK = "address"
"""The link confirms that the address wants the mails of the organisation that the mail is about."""
HELPED_LINK = "helped"
"""The link says that somebody is helping with the request that the mail is about."""
LEAD_REVIEW_LINK = "lead-review"
"""The link opens the review of the lead that the mail is about."""
PROFILE_LINK = "profile"
"""The link is the address of the partner's own public profile, to be passed on."""
ACCOUNT_LINK = "account"
"""The link leads to the sign-in, whichever side its recipient is on."""
DIRECTORY_LINK = "directory"
"""The link leads to the directory of partners and carries no secret."""

_SIDES = {
    DESK_LINK: ActorKind.PARTNER,
    INVITATION_LINK: ActorKind.PARTNER,
    ADDRESS_LINK: ActorKind.PARTNER,
    PROFILE_LINK: ActorKind.PARTNER,
    CONFIRM_LINK: ActorKind.MERCHANT,
    MERCHANT_LINK: ActorKind.MERCHANT,
    HELPED_LINK: ActorKind.MERCHANT,
    LEAD_REVIEW_LINK: ActorKind.MERCHANT,
    DIRECTORY_LINK: ActorKind.MERCHANT,
}


class Mail(NamedTuple):
    """One mail to one recipient. `values` are the template's, without the link: its secret is made when the mail is
    sent. `paced_by` names whose mails of this kind are spread over the hours; `parts` are the values of the mails that
    were folded into this one, in order. `partner_id` is whose team it goes to or speaks of, `wanted_at` when it was
    queued, `cause` the record that it follows from.
    """

    id: UUID
    template: str
    recipient: Recipient
    about: UUID
    link: str
    values: Values
    correlation_id: UUID
    reply_to: str | None = None
    paced_by: UUID | None = None
    parts: tuple[Values, ...] = ()
    partner_id: UUID | None = None
    wanted_at: datetime | None = None
    cause: UUID | None = None


def side_of(link: str) -> ActorKind | None:
    """Whether a mail with such a link is the merchant's or the partner's. None for one that may be either's."""
    return _SIDES.get(link)


def mail_because_of(  # noqa: PLR0913 - a mail's fields
    cause: Record,
    template: str,
    recipient: Recipient,
    link: str,
    values: Values,
    *,
    reply_to: str | None = None,
    paced_by: UUID | None = None,
    partner_id: UUID | None = None,
) -> Mail:
    """A mail whose id follows from its cause: wanted twice is wanted once."""
    return Mail(
        mail_id_of(cause.id, recipient.email, template),
        template,
        recipient,
        cause.subject,
        link,
        values,
        cause.correlationid,
        reply_to=reply_to,
        paced_by=paced_by,
        partner_id=partner_id,
        cause=cause.id,
    )


def mail_id_of(cause: UUID, email: str, template: str) -> UUID:
    """The one mail of this kind to this address because of this record."""
    return derived_id("mail", cause, email, template)


def one_to_each_address(mails: Iterable[Mail]) -> list[Mail]:
    """The first mail to each address."""
    first: dict[str, Mail] = {}
    for mail in mails:
        first.setdefault(address_key(mail.recipient.email), mail)
    return list(first.values())
