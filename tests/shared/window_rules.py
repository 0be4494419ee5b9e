"""What the windows of the limits promise, wherever they are kept."""

import asyncio
from datetime import timedelta

from limits import parse
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter

from tests.fakes import ManualClock

FIVE = parse("5/15minutes")


async def check_a_window_moves(windows: Storage, clock: ManualClock) -> None:
    """Five at once, none more until the oldest has left; then one for each that leaves."""
    limiter = MovingWindowRateLimiter(windows)
    for _ in range(5):
        assert await limiter.hit(FIVE, "mia")
        clock.move(timedelta(minutes=1))
    assert not await limiter.hit(FIVE, "mia")
    assert await limiter.hit(FIVE, "ada")
    stats = await limiter.get_window_stats(FIVE, "mia")
    assert (stats.remaining, stats.reset_time) == (0, (clock.now() + timedelta(minutes=10)).timestamp())
    clock.move(timedelta(minutes=10, milliseconds=-1))
    assert not await limiter.hit(FIVE, "mia")
    clock.move(timedelta(milliseconds=1))
    assert await limiter.hit(FIVE, "mia")
    assert not await limiter.hit(FIVE, "mia")


async def check_five_of_fifty_at_once_get_in(windows: Storage) -> None:
    limiter = MovingWindowRateLimiter(windows)
    taken = await asyncio.gather(*[limiter.hit(FIVE, "crowd") for _ in range(50)])
    assert sum(taken) == 5


async def check_what_is_cleared_is_empty(windows: Storage) -> None:
    limiter = MovingWindowRateLimiter(windows)
    for _ in range(5):
        await limiter.hit(FIVE, "mia")
    await limiter.clear(FIVE, "mia")
    assert await limiter.hit(FIVE, "mia")
