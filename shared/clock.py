"""The time, as a part that can be replaced."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time: aware, UTC, whole milliseconds (what Kafka and BSON can hold)."""


class SystemClock:
    def now(self) -> datetime:
        return in_milliseconds(datetime.now(UTC))


def in_milliseconds(time: datetime) -> datetime:
    """Cut to whole milliseconds, so that a time survives Kafka and BSON unchanged."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def from_timestamp(milliseconds: int) -> datetime:
    """Kafka's timestamp (milliseconds since 1970) as an aware UTC datetime, exact to the millisecond."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
