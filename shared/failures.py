"""The four ways something can fail. The vocabulary is the architecture: every `except` in Jobwire speaks it.

*Rejected* is not here: it is a business answer and lives with the rules (`shared.decisions.Rejection`).
*Bug* has no class either: it is any exception that is none of these.
"""

from asyncio import IncompleteReadError

from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
)
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)


class Invalid(Exception):  # noqa: N818 - the word of the design, not of a traceback
    """A record that cannot be parsed or names what does not exist. It goes to the dead letters with its reason."""

    def __init__(self, reason: str, detail: str) -> None:
        """`reason` is a stable kebab-case word that people filter by, `detail` a sentence for whoever looks."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


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


_MONGODB_AWAY = (AutoReconnect, ConnectionFailure, CursorNotFound, ExecutionTimeout, WTimeoutError)
_MONGODB_LABELS = ("RetryableWriteError", "SystemOverloadedError", "RetryableError")
_MONGODB_CODES = frozenset(
    # Host unreachable or not found, network timeouts, interrupted by a fail-over, primary gone, majority not there yet.
    {6, 7, 43, 64, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
)
_DUPLICATE_KEY = 11000


def is_transient(error: BaseException) -> bool:
    """Whether waiting can heal this error. Unknown errors are not transient: blocking on a bug would stop the world."""
    if isinstance(error, (Transient, ConnectionError, TimeoutError, IncompleteReadError)):
        return True
    if isinstance(error, KafkaError):
        away = (KafkaConnectionError, KafkaTimeoutError)
        return isinstance(error, away) or bool(error.retriable) or type(error) is KafkaError
    return isinstance(error, PyMongoError) and _mongodb_is_away(error)


def _mongodb_is_away(error: PyMongoError) -> bool:
    if isinstance(error, BulkWriteError):
        codes = {failure["code"] for failure in error.details.get("writeErrors", [])}
        # Two replicas upserted one document: the second finds it when it tries again.
        return bool(error.details.get("writeConcernErrors")) or (
            bool(codes) and codes <= _MONGODB_CODES | {_DUPLICATE_KEY}
        )
    if isinstance(error, _MONGODB_AWAY) or any(error.has_error_label(label) for label in _MONGODB_LABELS):
        return True
    return isinstance(error, OperationFailure) and error.code in _MONGODB_CODES
