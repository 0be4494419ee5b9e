"""The four ways something can fail. The vocabulary is the architecture: every `except` in Jobwire speaks it.

*Rejected* is not here: it is a business answer and lives with the rules (`shared.decisions.Rejection`).
*Bug* has no class either: it is any exception that is none of these.
"""

from asyncio import IncompleteReadError
from uuid import UUID

from aiokafka.errors import KafkaError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from shared.server_errors import Fault, kafka_fault, mongodb_fault


class Invalid(Exception):  # noqa: N818 - the word of the design, not of a traceback
    """A record that cannot be parsed or names what does not exist. It goes to the dead letters with its reason."""

    def __init__(self, reason: str, detail: str) -> None:
        """`reason` is a stable kebab-case word that people filter by, `detail` a sentence for whoever looks."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Unreadable(Invalid):
    """A record of `subject` that is sound as far as this release can tell, with a type or a value that it does not
    know. It is parked until a release handles it that does.
    """

    def __init__(self, reason: str, detail: str, subject: UUID) -> None:
        super().__init__(reason, detail)
        self.subject = subject


class Transient(Exception):  # noqa: N818 - as above
    """Kafka, MongoDB or SMTP is away. Wait and try the same again, in order; never dead-letter."""


class Draining(Exception):  # noqa: N818 - as above
    """The partitions are being taken away or the process is stopping: leave the batch uncommitted for the next
    owner.
    """


class Wedged(Exception):  # noqa: N818 - as above
    """The producer can never publish again (aiokafka keeps its broken sequence numbers): the process must be
    replaced.
    """


__all__ = ("Draining", "Fault", "Invalid", "Transient", "Unreadable", "Wedged", "fault_of", "is_transient")

_MONGODB_AWAY = (AutoReconnect, ConnectionFailure, CursorNotFound, ExecutionTimeout, WTimeoutError)
_MONGODB_LABELS = ("RetryableWriteError", "SystemOverloadedError", "RetryableError")
_DUPLICATE_KEY = 11000


def is_transient(error: BaseException) -> bool:
    """Whether waiting can heal this error: a server is away, or an operator has to mend what all records meet alike.
    Unknown errors are not transient: blocking on a bug would stop the world.
    """
    return fault_of(error).is_waited_for


def fault_of(error: BaseException) -> Fault:
    """Whose failure this error is. What no server said is the record's: a bug that it brings to light."""
    if isinstance(error, (Transient, ConnectionError, TimeoutError, IncompleteReadError)):
        return Fault.AWAY
    if isinstance(error, KafkaError):
        return kafka_fault(error)
    return _mongodb_fault(error) if isinstance(error, PyMongoError) else Fault.RECORD


def _mongodb_fault(error: PyMongoError) -> Fault:
    if isinstance(error, BulkWriteError):
        return _bulk_fault(error)
    if isinstance(error, _MONGODB_AWAY) or any(error.has_error_label(label) for label in _MONGODB_LABELS):
        return Fault.AWAY
    if isinstance(error, ConfigurationError):  # what the connection string says, or a TLS file that is not there
        return Fault.ENVIRONMENT
    return mongodb_fault(error.code) if isinstance(error, OperationFailure) else Fault.RECORD


def _bulk_fault(error: BulkWriteError) -> Fault:
    """The worst of its parts. Two replicas that upserted one document: the second finds it when it tries again."""
    codes = {failure["code"] for failure in error.details.get("writeErrors", [])}
    faults = {Fault.AWAY if code == _DUPLICATE_KEY else mongodb_fault(code) for code in codes}
    if error.details.get("writeConcernErrors"):
        faults.add(Fault.AWAY)
    return max(faults, key=lambda fault: fault.value, default=Fault.RECORD)
