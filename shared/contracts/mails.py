"""What notifications says: what became of each mail."""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import Email, Message


class MailSent(Message):
    template: str
    to: Email
    about: UUID
    at: datetime


class MailFailed(Message):
    """The server refused it for good. `error` is the server's answer."""

    template: str
    to: Email
    about: UUID
    at: datetime
    error: str


class MailUncertain(Message):
    """The connection broke after the last byte: it may have arrived, and is not sent again by itself."""

    template: str
    to: Email
    about: UUID
    at: datetime


MAILS = (MailSent, MailFailed, MailUncertain)
