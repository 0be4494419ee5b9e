"""The four ways something can fail. The vocabulary is the architecture: every `except` in Jobwire speaks it.

*Rejected* is not here: it is a business answer and lives with the rules (`shared.decisions.Rejection`).
*Bug* has no class either: it is any exception that is none of these.
"""

from asyncio import IncompleteReadError

from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
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


_MONGODB_AWAY = (AutoReconnect, ConnectionFailure, ExecutionTimeout, WTimeoutError)
_PRODUCER_WEDGED = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced)


def is_transient(error: BaseException) -> bool:
    """Whether waiting can heal this error. Unknown errors are not transient: blocking on a bug would stop the world."""
    if isinstance(error, (Transient, ConnectionError, TimeoutError, IncompleteReadError, KafkaConnectionError)):
        return True
    if isinstance(error, KafkaError):
        return bool(error.retriable) or type(error) is KafkaError
    if isinstance(error, _MONGODB_AWAY):
        return True
    # The server labels what a driver may try again: fail-over, shutdown, overload.
    return isinstance(error, (OperationFailure, PyMongoError)) and error.has_error_label("RetryableWriteError")


def is_wedged(error: BaseException) -> bool:
    """Whether the idempotent producer is beyond repair (aiokafka issue 1017)."""
    return isinstance(error, _PRODUCER_WEDGED)
