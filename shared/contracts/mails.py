"""What notifications says: what became of each mail. `side` is whom it was for: a job's merchant or its partner."""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import ActorKind, Email, Message


class MailSent(Message):
    template: str
    to: Email
    about: UUID
    at: datetime
    side: ActorKind | None = None


class MailFailed(Message):
    """It will not be sent. `error` is the server's answer; or `suppressed`, where the server has refused the address
    before; or `unsubscribed`, where the address does not want such mails.
    """

    template: str
    to: Email
    about: UUID
    at: datetime
    side: ActorKind | None = None
    error: str


class MailUncertain(Message):
    """The connection broke after the last byte: it may have arrived, and is not sent again by itself."""

    template: str
    to: Email
    about: UUID
    at: datetime
    side: ActorKind | None = None


MAILS = (MailSent, MailFailed, MailUncertain)
