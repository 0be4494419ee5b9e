"""Bytes to records and back. One pydantic-core call parses a whole batch; only a batch with a bad record is parsed
one by one.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError, create_model
from pydantic_core import to_json

from shared.contracts.base import Command, Event, EventData, Message, Messages, Record, Snapshot
from shared.failures import Invalid, Unreadable

MAX_RECORD_BYTES = 768 * 1024
"""Larger than any contract can be. Checked before parsing, so that garbage costs nothing."""


class Codec:
    """The record types of one topic."""

    def __init__(self, messages: Messages, snapshot: type[Snapshot] | None = None) -> None:
        """With `snapshot` the topic carries events (`data` is `{fact, snapshot}`), without it plain messages."""
        self.messages = tuple(messages)
        self.snapshot = snapshot
        union = reduce(or_, [_record_model(message, snapshot) for message in messages])
        one: Any = Annotated[union, Field(discriminator="type")] if len(self.messages) > 1 else union
        self._one: TypeAdapter[Any] = TypeAdapter(one)
        self._many: TypeAdapter[list[Any]] = TypeAdapter(list[one])

    def decode(self, value: bytes | None) -> Any:
        """One record. Raises `Invalid` with the reason that its dead letter will show, `Unreadable` for what only a
        newer release can know.
        """
        if not value:
            raise Invalid("empty", "The record has no value.")
        if len(value) > MAX_RECORD_BYTES:
            raise Invalid("too-large", f"{len(value)} bytes; no contract is larger than {MAX_RECORD_BYTES}.")
        try:
            return self._one.validate_json(value)
        except ValidationError as error:
            raise _as_invalid(error, value) from None

    def decode_all(self, values: Sequence[bytes | None]) -> list[Any]:
        """Each value's record, or the `Invalid` it earned, in order."""
        if values and all(value and len(value) <= MAX_RECORD_BYTES for value in values):
            with suppress(ValidationError):  # somebody in there is bad; find out who
                records = self._many.validate_json(b"[" + b",".join(value for value in values if value) + b"]")
                if len(records) == len(values):  # a value of two documents would shift all that follow
                    return records
        return [self._decode_or_invalid(value) for value in values]

    def _decode_or_invalid(self, value: bytes | None) -> Any:
        try:
            return self.decode(value)
        except Invalid as invalid:
            return invalid


def encode(record: Record) -> bytes:
    """The record as CloudEvents structured JSON, UTF-8."""
    return encode_fields({name: getattr(record, name) for name in type(record).model_fields})


def encode_parts(fields: dict[str, Any], data: dict[str, bytes]) -> bytes:
    """As `encode_fields`, with the parts of `data` encoded before: a job's snapshot goes into its events and into the
    replies.
    """
    parts = b",".join(b'"%b":%b' % (name.encode(), part) for name, part in data.items())
    return b'%b,"data":{%b}}' % (encode_fields(fields)[:-1], parts)


def encode_fields(fields: dict[str, Any]) -> bytes:
    """A record's fields as it would be encoded, without making the model first: the loop says thousands a second."""
    envelope = {"specversion": "1.0", "datacontenttype": "application/json", **fields}
    for name in OPTIONAL:
        if envelope.get(name, "") is None:  # CloudEvents has no null attributes
            del envelope[name]
    return to_json(envelope)


OPTIONAL = ("traceparent", "digest")


def _record_model(message: type[Message], snapshot: type[Snapshot] | None) -> type[Record]:
    name = message.__name__
    base: Any = Command[message] if snapshot is None else Event[message, snapshot]  # type: ignore[valid-type]
    data: Any = message if snapshot is None else EventData[message, snapshot]  # type: ignore[valid-type]
    # A discriminated union needs the type as a literal; everything else is the envelope as it is.
    return cast(
        "type[Record]",
        create_model(f"{name}Record", __base__=base, type=(cast("Any", Literal[name]), ...), data=(data, ...)),
    )


_REASONS = {
    "json_invalid": "not-json",
    "union_tag_invalid": "unknown-type",
    "literal_error": "unknown-type",
    "missing": "missing-field",
    "union_tag_not_found": "missing-field",
}


_OF_A_NEWER_RELEASE = {"union_tag_invalid": "unknown-type", "literal_error": "unknown-value", "enum": "unknown-value"}
"""How it shows that a closed set has a member that this release does not know."""


def _as_invalid(error: ValidationError, value: bytes) -> Invalid:
    errors = error.errors(include_url=False, include_input=False)
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"]) or "the record"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{where}: {first['msg']}{more}"
    if all(one["type"] in _OF_A_NEWER_RELEASE for one in errors):
        with suppress(ValidationError):  # an envelope that is none is no release's
            subject = _ENVELOPE.validate_json(value).subject
            return Unreadable(_newer(first["type"], first["loc"]), detail, subject)
    return Invalid(_REASONS.get(first["type"], "wrong-content"), detail)


def _newer(error_type: str, where: tuple[int | str, ...]) -> str:
    """A topic with one type has no union: there an unknown type shows as a literal."""
    return "unknown-type" if where[-1:] == ("type",) else _OF_A_NEWER_RELEASE[error_type]


_ENVELOPE: TypeAdapter[Record] = TypeAdapter(Record)
