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
    kafka_errors,
)
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    CursorNotFound,
    DuplicateKeyError,
    InvalidDocument,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from shared.failures import Draining, Fault, Invalid, Transient, Wedged, fault_of, is_transient
from shared.server_errors import KAFKA, MONGODB

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
    "Kafka: not allowed": TopicAuthorizationFailedError("jobs.events"),
    "MongoDB: the connection broke": AutoReconnect("no"),
    "MongoDB: not allowed": OperationFailure("no", 13),
    "MongoDB: a connection string that says nonsense": ConfigurationError("no"),
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
    "Kafka: too large": MessageSizeTooLargeError("no"),
    "Kafka: the sequence is broken for good": OutOfOrderSequenceNumber(),
    "Kafka: somebody else's partition": IllegalStateError("no"),
    "MongoDB: a query that it does not understand": OperationFailure("no", 2),
    "MongoDB: a document that is no document": InvalidDocument("no"),
    "MongoDB: one insert that came second": DuplicateKeyError("no", DUPLICATE),
    "bulk: a document that is too large": bulk(TOO_LARGE),
    "bulk: one too large among those that met": bulk(DUPLICATE, TOO_LARGE),
    "bulk: one too large, and the majority is slow": bulk(TOO_LARGE, concerns=[NO_MAJORITY]),
    "bulk: nothing that it names": bulk(),
}


@pytest.mark.parametrize("error", WAITED_FOR.values(), ids=WAITED_FOR)
def test_waiting_heals(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", NOT_WAITED_FOR.values(), ids=NOT_WAITED_FOR)
def test_waiting_does_not_heal(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize(
    ("code", "name", "fault"), [(code, *row) for code, row in MONGODB.items()], ids=[row[0] for row in MONGODB.values()]
)
def test_every_code_of_mongodb_has_its_verdict_alone_and_in_a_bulk(code: int, name: str, fault: Fault) -> None:
    assert fault_of(OperationFailure(name, code)) is fault
    if code != DUPLICATE:  # in a bulk, two replicas met at one upsert
        assert fault_of(bulk(code)) is fault
        assert fault_of(bulk(code, TOO_LARGE)) is Fault.RECORD


@pytest.mark.parametrize(("error", "fault"), KAFKA.items(), ids=[error.__name__ for error in KAFKA])
def test_every_error_of_kafka_has_its_verdict(error: type[KafkaError], fault: Fault) -> None:
    assert fault_of(error()) is fault


@pytest.mark.parametrize("code", [13, 18, 112, 133, 175, 211, 8000, 11601, 14031])
def test_rights_quotas_disks_and_interruptions_cost_no_record(code: int) -> None:
    """Each of them counted as a bug of whatever record happened to be there."""
    assert is_transient(OperationFailure("no", code))


def test_what_no_table_knows_is_the_records() -> None:
    assert fault_of(OperationFailure("no", 123_456)) is Fault.RECORD
    assert fault_of(OperationFailure("no")) is Fault.RECORD


def test_kafkas_own_word_for_what_can_be_tried_again_is_believed() -> None:
    retriable = [error for error in kafka_errors.values() if error.retriable]
    assert len(retriable) > 10
    assert all(fault_of(error()) is Fault.AWAY for error in retriable)
