"""Waiting for servers to come back, in order and without being taken for dead."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TypeVar

from shared.failures import Draining, Fault, fault_of
from shared.logs import get_logger
from shared.metrics import Metrics

log = get_logger(__name__)

SECONDS = 60.0
"""How long one batch is waited for. Well below aiokafka's `max_poll_interval_ms` of five minutes."""

ResultT = TypeVar("ResultT")


class Patience:
    """A consumer's way to wait for Kafka, MongoDB or SMTP, until its partitions leave."""

    def __init__(self, group: str, metrics: Metrics, backoff: Callable[[int], float]) -> None:
        """`backoff` gives the seconds to wait after so many attempts, counted from 0."""
        self._group = group
        self._metrics = metrics
        self._backoff = backoff
        self._draining = asyncio.Event()
        self.waiting_since: float | None = None
        """Since when (monotonic seconds), if it does."""

    async def through(self, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Do the work, waiting out whatever is away. The order is kept by waiting right here; after a while the batch
        is given back, with `Draining`, and fetched again, so that the group never takes a patient consumer for a dead
        one.
        """
        attempt = 0
        gave_back_at = monotonic() + SECONDS
        while True:
            try:
                result = await work()
            except Exception as error:
                fault = fault_of(error)
                if fault.is_waited_for:
                    await self._wait(error, fault, attempt)
                    attempt += 1
                    if monotonic() > gave_back_at:
                        raise Draining("Still waiting; fetching the batch again.") from error
                    continue
                raise
            else:
                self.waiting_since = None
                return result

    def end(self) -> None:
        """The partitions are leaving: give up whatever is being waited for, with `Draining`."""
        self._draining.set()

    def begin(self) -> None:
        """Partitions have been assigned: waiting is allowed again."""
        self._draining.clear()
        self.waiting_since = None

    def check(self) -> None:
        """Raises `Draining` when the partitions are leaving: for work that could go on for long."""
        if self._draining.is_set():
            raise Draining("The partitions are being taken away.")

    async def _wait(self, error: Exception, fault: Fault, attempt: int) -> None:
        self.waiting_since = self.waiting_since or monotonic()
        self._metrics.retries.labels(self._group).inc()
        level = log.error if fault is Fault.ENVIRONMENT else log.warning
        text = f"{type(error).__name__}: {error}"
        level("waiting", group=self._group, attempt=attempt, fault=fault.name.lower(), error=text)
        await self._pause(self._backoff(attempt))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), seconds)
        self.check()
