"""What somebody who guards Jobwire wants to know: one log event each, with ids, never a secret, an address or a text.

`SecurityEvent` is the table of them (ASVS 16.2, 16.3). A collector finds them by `logger: jobwire.security`.
"""

from enum import StrEnum
from typing import Any

from shared.logs import get_logger
from shared.metrics import Metrics


class SecurityEvent(StrEnum):
    """A member's value is the log event's name; its description stands in `MEANINGS`."""

    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    LIMIT_REACHED = "limit_reached"
    ACCESS_REFUSED = "access_refused"
    RIGHTS_CHANGED = "rights_changed"
    FILE_INFECTED = "file_infected"
    REPORT_FILED = "report_filed"
    OPERATOR_ACTED = "operator_acted"
    OPERATOR_REFUSED = "operator_refused"
    ORGANISATION_APPROVAL = "organisation_approval"
    ORGANISATION_SUSPENDED = "organisation_suspended"
    ORGANISATION_RESTORED = "organisation_restored"


MEANINGS: dict[SecurityEvent, str] = {
    SecurityEvent.SIGNED_IN: "Somebody opened a session: how, and for which side.",
    SecurityEvent.SIGN_IN_REFUSED: "A link or a passkey opened nothing: the reason.",
    SecurityEvent.SIGNED_OUT: "A session ended before its time: by whom.",
    SecurityEvent.LIMIT_REACHED: "Something was refused for coming too often: which limit.",
    SecurityEvent.ACCESS_REFUSED: "Somebody who is signed in asked for what is not theirs to ask.",
    SecurityEvent.FILE_INFECTED: "The scanner found something in a file, and its bytes were deleted: which file, what.",
    SecurityEvent.RIGHTS_CHANGED: "Who may do what in a team has changed: whose rights, and by whom.",
    SecurityEvent.REPORT_FILED: "Somebody reported something: what, why, and which side did.",
    SecurityEvent.OPERATOR_ACTED: "An operator did something, by name: what, to what, and how it ended.",
    SecurityEvent.OPERATOR_REFUSED: "Somebody without an operator's token asked for what is the operators'.",
    SecurityEvent.ORGANISATION_APPROVAL: "An operator trusts an organisation more, or less: how far, and who did.",
    SecurityEvent.ORGANISATION_SUSPENDED: "An operator has taken all rights from an organisation: which, and who did.",
    SecurityEvent.ORGANISATION_RESTORED: "An operator has given them back: to which organisation, and who did.",
}
"""What each event says; a test holds it to be total, and the table in the documentation is made from it."""


class SecurityLog:
    """Writes security events, and counts them. `fields` are ids, codes and counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = get_logger("jobwire.security")

    def event(self, event: SecurityEvent, **fields: Any) -> None:
        self._metrics.security_events.labels(event.value).inc()
        self._log.info(event.value, **fields)
