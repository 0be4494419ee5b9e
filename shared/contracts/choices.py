"""What gateway says of an address: which kinds of mail it no longer wants, by the link that stands in such a mail."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.base import Email, Message, address_key, derived_id


class MailKind(StrEnum):
    """What can be refused by a link, without signing in. Everything else is part of what somebody asked for, or has its
    place in the preferences.
    """

    REMINDERS = "reminders"
    CONVERSATION = "conversation"
    CORRESPONDENCE = "correspondence"
    MENTIONS = "mentions"
    REVIEWS = "reviews"
    REVIEW_REQUESTS = "review_requests"
    INVITATIONS = "invitations"
    CONFIRMATIONS = "confirmations"


def choice_id_of(email: str, topic: MailKind) -> UUID:
    """One choice: a topic that is compacted keeps the last record of each key, so an address's choices about different
    mails must not share one.
    """
    return derived_id("mail-choice", address_key(email), topic.value)


class MailChoiceChanged(Message):
    """`wanted` is what the address said last. Whoever says this has checked the mailed link, or a session."""

    email: Email
    topic: MailKind
    wanted: bool


CHOICES = (MailChoiceChanged,)
