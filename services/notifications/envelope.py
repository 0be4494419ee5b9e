"""A mail that is wanted, before it has words. Pure."""

from typing import NamedTuple
from uuid import UUID

from services.notifications.recipients import Recipient
from services.notifications.words import Values
from shared.contracts.base import Record, derived_id

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


class Mail(NamedTuple):
    """One mail to one recipient. `values` are the template's, without the link: its secret is made when the mail is
    sent.
    """

    id: UUID
    template: str
    recipient: Recipient
    about: UUID
    link: str
    values: Values
    correlation_id: UUID


def mail_because_of(cause: Record, template: str, recipient: Recipient, link: str, values: Values) -> Mail:
    """A mail whose id follows from its cause: wanted twice is wanted once."""
    mail_id = derived_id("mail", cause.id, recipient.email, template)
    return Mail(mail_id, template, recipient, cause.subject, link, values, cause.correlationid)
