"""An example of any contract, made from its annotations alone: every field filled, always the same."""

import types
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.contracts.base import Command, Event, EventData, Message, derived_id
from shared.topics import Topic

TEXTS = {
    "email": "mia@kettle.example",
    "notification_email": "desk@hoshi.example",
    "to_confirm": "desk@hoshi.example",
    "to": "mia@kettle.example",
    "slug": "studio-hoshi",
    "country": "JP",
    "currency": "EUR",
    "languages": "ja",
    "store_url": "https://kettle.example/shop",
    "service": "seo",
    "name": "Kettle & “Thread” 茶",
}
"""Where a pattern asks for more than any text."""

TIME = datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_example(kind: Any, name: str = "") -> Any:  # noqa: PLR0911 - one for each kind of type
    """A value of this type. `name` is the field it is for."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return an_example(arguments[0], name)
    if origin in (Union, types.UnionType):
        return an_example(next(one for one in arguments if one is not types.NoneType), name)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return tuple(an_example(one, name) for one in arguments if one is not Ellipsis)
    if origin is dict:
        return {an_example(arguments[0], name): an_example(arguments[1], name)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind(**{field: _of_field(info, field) for field, info in kind.model_fields.items()})
    return _plain(kind, name)


def _of_field(info: FieldInfo, name: str) -> Any:
    return an_example(info.annotation, name)


def _plain(kind: Any, name: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    values: dict[Any, Any] = {
        UUID: derived_id("example", name),
        datetime: TIME,
        date: TIME.date(),
        bool: True,
        int: 3,
        float: 0.25,
        Decimal: Decimal("1234.50"),
        str: TEXTS.get(name, f"The {name} of an example: “é”, 茶 & <b>."),
        Any: {"nested": [1, "two", None]},
    }
    return values[kind]


def a_record(topic: Topic, message: type[Message]) -> Command[Any]:
    """A full record of one type of one topic, as its publisher would say it."""
    envelope: dict[str, Any] = {
        "id": derived_id("example", topic.name, message.__name__),
        "type": message.__name__,
        "source": f"/{topic.said_by[0]}",
        "subject": derived_id("example", topic.key),
        "time": TIME,
        "correlationid": derived_id("example", "correlation"),
        "causationid": derived_id("example", "cause"),
        "traceparent": TRACE,
    }
    fact = an_example(message)
    if topic.codec.snapshot is None:
        return Command[Any].model_construct(**envelope, data=fact)
    data = EventData[Any, Any].model_construct(fact=fact, snapshot=an_example(topic.codec.snapshot))
    return Event[Any, Any].model_construct(**envelope, version=3, data=data)
