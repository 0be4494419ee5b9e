"""Whether somebody who works long still gets on: each answer of a server in the middle of a batch is a sign of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

_reported_to: ContextVar[Callable[[], None] | None] = ContextVar("reported_to", default=None)


@contextmanager
def reporting_to(report: Callable[[], None]) -> Iterator[None]:
    """Whatever is done in here reports its progress by `report`."""
    token = _reported_to.set(report)
    try:
        yield
    finally:
        _reported_to.reset(token)


def progressed() -> None:
    """A part of the work is done."""
    if report := _reported_to.get():
        report()


class MongoProgress(CommandListener):
    """Each answer of MongoDB is progress of whoever asked."""

    def started(self, event: CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: CommandSucceededEvent) -> None:  # noqa: ARG002 - that it came is all
        progressed()

    def failed(self, event: CommandFailedEvent) -> None:
        pass
