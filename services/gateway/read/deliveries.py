"""What became of each mail. Of the address it went to nothing is kept: neither side learns the other's by this."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from shared.contracts.mails import MailFailed, MailSent, MailUncertain
from shared.mongo import Database
from shared.projection import Write, newer
from shared.records import Received

DELIVERIES = "mail_view"

State = Literal["sent", "failed", "uncertain"]
_STATES: dict[type[Any], State] = {MailSent: "sent", MailFailed: "failed", MailUncertain: "uncertain"}


class Delivery(NamedTuple):
    """One mail: which kind, and how it ended. `uncertain` may have arrived. Why a mail failed stays with whoever runs
    Jobwire: a server's answer names the address.
    """

    template: str
    state: State
    at: datetime


async def prepare(database: Database) -> None:
    await database[DELIVERIES].create_index([("about", 1), ("at", 1)])


def on_mail(received: Received) -> Iterable[Write]:
    """A mail ends once; but one that was uncertain may be sent again by a person's word."""
    told: MailSent | MailFailed | MailUncertain = received.record.data
    fields = {
        "about": told.about,
        "template": told.template,
        "state": _STATES[type(told)],
        "side": told.side.value if told.side else None,
        "at": told.at,
    }
    yield newer(DELIVERIES, received.record.subject, int(told.at.timestamp() * 1000), fields)


def delivery(document: dict[str, Any]) -> Delivery:
    return Delivery(document["template"], cast("State", document["state"]), document["at"])
