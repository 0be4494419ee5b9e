"""Says on `mails` what became of each mail."""

from datetime import datetime
from typing import Any

from services.notifications.outbox import Outbox
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import Message
from shared.contracts.mails import MailFailed, MailSent, MailUncertain
from shared.mongo import Document
from shared.publisher import Publisher, outgoing
from shared.topics import MAILS


class Teller:
    """Publishes how each mail ended, until nothing is left. The document remembers whether it has been told, so a crash
    in between tells it again. Several tellers share the work: each takes some for a while.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, clock: Clock) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock

    async def tick(self) -> None:
        await self._outbox.give_up_lost(self._clock.now())
        while ended := await self._outbox.untold():
            await self._publisher.publish([outgoing(MAILS.name, _told(document)) for document in ended])
            await self._outbox.mark_told(ended)


def _told(document: Document) -> Any:
    return command(
        _end_of(document),
        document["_id"],
        source="notifications",
        time=document["ended_at"],
        command_id=document["_id"],
        correlation_id=document["correlation_id"],
    )


def _end_of(document: Document) -> Message:
    at: datetime = document["ended_at"]
    facts: dict[str, Any] = {
        "template": document["template"],
        "to": document["to"],
        "about": document["about"],
        "at": at,
        "side": document.get("side"),
    }
    match document["state"]:
        case "sent":
            return MailSent(**facts)
        case "failed":
            return MailFailed(**facts, error=document["error"])
        case _:
            return MailUncertain(**facts)
