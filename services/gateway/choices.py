"""Which mails an address no longer wants: said to a topic, and kept by whoever sends mails."""

from dataclasses import dataclass

from shared.clock import Clock
from shared.commands import command, not_taken_while_away
from shared.contracts.base import Locale, address_key
from shared.contracts.choices import MailChoiceChanged, MailKind, choice_id_of
from shared.contracts.partners import MailTopic
from shared.http import Problem
from shared.links import BadLink, Links
from shared.publisher import Publisher, outgoing
from shared.topics import MAIL_CHOICES

LINK_SECONDS = 366 * 24 * 3600
"""A mail may be read late; and the link does nothing but this."""

Mailed = tuple[MailTopic, ...] | None

_CHOSEN_WITH = {
    MailTopic.CONVERSATION: MailKind.CONVERSATION,
    MailTopic.ASSIGNED: MailKind.CORRESPONDENCE,
    MailTopic.MENTIONS: MailKind.MENTIONS,
    MailTopic.REVIEWS: MailKind.REVIEWS,
    MailTopic.NEW_JOBS: MailKind.REMINDERS,
}


@dataclass(frozen=True)
class Choice:
    """What a link is about."""

    email: str
    topic: MailKind
    locale: Locale


class Choices:
    def __init__(self, links: Links, publisher: Publisher, clock: Clock) -> None:
        self._links = links
        self._publisher = publisher
        self._clock = clock

    def read(self, token: str) -> Choice:
        """What the mailed link is about. Raises `Problem` 400."""
        try:
            _, claims = self._links.read("unsubscribe", token, LINK_SECONDS)
            return Choice(claims["email"], MailKind(claims["topic"]), Locale(claims["locale"]))
        except (BadLink, KeyError, ValueError):
            raise Problem(400, "link_invalid", "This link is no longer good.") from None

    async def say(self, email: str, *topics: MailKind, wanted: bool) -> None:
        """Raises `NotTaken` when Kafka does not take it."""
        now = self._clock.now()
        records = [
            command(
                MailChoiceChanged(email=address_key(email), topic=topic, wanted=wanted),
                choice_id_of(email, topic),
                source="gateway",
                time=now,
            )
            for topic in topics
        ]
        with not_taken_while_away():
            await self._publisher.publish([outgoing(MAIL_CHOICES.name, record) for record in records])

    async def follow(self, email: str, before: Mailed, after: Mailed) -> None:
        """Somebody who is signed in has chosen what to be mailed about: what they choose now and had not chosen before
        is wanted again, even if a link has refused it meanwhile. What was chosen all along stays refused.
        """
        if fresh := set(after or ()) - set(before or ()):
            await self.say(email, *[_CHOSEN_WITH[topic] for topic in sorted(fresh)], wanted=True)
