"""What is waited for, and what is a bug. Blocking on a bug would stop the world; dying of an absence would lose it."""

from asyncio import IncompleteReadError
from collections.abc import Sequence

import pytest
from aiokafka.errors import (
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    DuplicateKeyError,
    InvalidDocument,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from shared.failures import Draining, Invalid, Transient, Wedged, is_transient

NO_MAJORITY = {"code": 64, "errmsg": "waiting for replication timed out"}
DUPLICATE, FAIL_OVER, TOO_LARGE = 11000, 189, 10334


def bulk(*codes: int, concerns: Sequence[dict] = ()) -> BulkWriteError:
    errors = [{"index": index, "code": code, "errmsg": "no"} for index, code in enumerate(codes)]
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": list(concerns)})


def labelled(label: str) -> OperationFailure:
    return OperationFailure("no", 1, {"errorLabels": [label]})


WAITED_FOR = {
    "our own word": Transient("away"),
    "a connection that broke": ConnectionResetError(),
    "a server that is not there": ConnectionRefusedError(),
    "no answer in time": TimeoutError(),
    "half an answer": IncompleteReadError(b"", 4),
    "Kafka: no broker": KafkaConnectionError("no"),
    "Kafka: the accumulator is full": KafkaTimeoutError(),
    "Kafka: no answer in time": RequestTimedOutError(),
    "Kafka: the leader moved": NotLeaderForPartitionError(),
    "Kafka: something without a name": KafkaError("Unable to update metadata"),
    "MongoDB: the connection broke": AutoReconnect("no"),
    "MongoDB: no answer in time": NetworkTimeout("no"),
    "MongoDB: no primary to be found": ServerSelectionTimeoutError("no"),
    "MongoDB: no primary any more": NotPrimaryError("no"),
    "MongoDB: the cursor died with its server": CursorNotFound("no", 43),
    "MongoDB: no majority in time": WTimeoutError("no", 64),
    "MongoDB: majority reads after a fail-over": OperationFailure("no", 134),
    "MongoDB: the primary stepped down": OperationFailure("no", FAIL_OVER),
    "MongoDB: shutting down": OperationFailure("no", 11600),
    "MongoDB: the server says to try again": labelled("RetryableWriteError"),
    "bulk: written, but not yet by a majority": bulk(concerns=[NO_MAJORITY]),
    "bulk: two replicas met at one upsert": bulk(DUPLICATE, DUPLICATE),
    "bulk: they met, and the majority is slow": bulk(DUPLICATE, concerns=[NO_MAJORITY]),
    "bulk: interrupted by a fail-over": bulk(FAIL_OVER, DUPLICATE),
}

NOT_WAITED_FOR = {
    "a bug": ValueError("no"),
    "another bug": KeyError("no"),
    "what cannot be used": Invalid("empty", "Nothing in it."),
    "partitions that leave": Draining("no"),
    "a producer that is broken for good": Wedged("no"),
    "Kafka: not allowed": TopicAuthorizationFailedError("jobs.events"),
    "Kafka: too large": MessageSizeTooLargeError("no"),
    "Kafka: the sequence is broken for good": OutOfOrderSequenceNumber(),
    "Kafka: somebody else's partition": IllegalStateError("no"),
    "MongoDB: a query that it does not understand": OperationFailure("no", 2),
    "MongoDB: not allowed": OperationFailure("no", 13),
    "MongoDB: a document that is no document": InvalidDocument("no"),
    "MongoDB: one insert that came second": DuplicateKeyError("no", DUPLICATE),
    "bulk: a document that is too large": bulk(TOO_LARGE),
    "bulk: one too large among those that met": bulk(DUPLICATE, TOO_LARGE),
    "bulk: nothing that it names": bulk(),
}


@pytest.mark.parametrize("error", WAITED_FOR.values(), ids=WAITED_FOR)
def test_waiting_heals(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", NOT_WAITED_FOR.values(), ids=NOT_WAITED_FOR)
def test_waiting_does_not_heal(error: Exception) -> None:
    assert not is_transient(error)
