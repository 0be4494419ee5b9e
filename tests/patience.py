"""How long a test waits: for a condition, and no longer than something must be broken if it has not come.

Only a test that fails ever waits to such a limit, so limits are generous and cost nothing. All come from here: what
stands at a wait is what a machine with nothing else to do needs at the very most, and one factor stretches them all.
A machine that is slower still, or a debugger, gets more by `JOBWIRE_TEST_PATIENCE=20 make test`.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from time import monotonic

FACTOR = float(os.environ.get("JOBWIRE_TEST_PATIENCE", "5"))
POLL_SECONDS = 0.03


def patience(seconds: float = 30.0) -> float:
    """Where a limit in seconds is wanted: `asyncio.timeout(patience(10))`."""
    return seconds * FACTOR


async def until(condition: Callable[[], Awaitable[object]], within: float = 30.0, what: str = "it") -> None:
    """Wait for a condition, `patience(within)` at most. Raises AssertionError with `what` when it does not come to
    hold.

    A condition that takes long to look at is looked at less often: whoever is waited for needs the processor too.
    """
    gives_up_at = monotonic() + patience(within)
    while True:
        asked_at = monotonic()
        if await condition():
            return
        assert monotonic() < gives_up_at, f"Waited {patience(within):g} s in vain until {what}."
        await asyncio.sleep(max(POLL_SECONDS, monotonic() - asked_at))
