"""Limits count the same in memory and in a real MongoDB, with either driver."""

from shared.mongo import Database
from shared.rate_limit_storage import MongoWindows
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase
from tests.shared.window_rules import (
    check_a_window_moves,
    check_five_of_fifty_at_once_get_in,
    check_what_is_cleared_is_empty,
)


async def checked(database: Database) -> None:
    clock = ManualClock()
    windows = MongoWindows(database["windows"], clock)
    await windows.prepare()
    assert await windows.check()
    await check_a_window_moves(windows, clock)
    await windows.reset()
    await check_five_of_fifty_at_once_get_in(windows)
    await windows.reset()
    await check_what_is_cleared_is_empty(windows)
    assert not await windows.acquire_entry("more than ever fit", 5, 60, amount=6)


async def test_windows_in_memory() -> None:
    await checked(MemoryDatabase(ManualClock().now))


async def test_windows_in_mongodb(mongo_database: Database) -> None:
    await checked(mongo_database)
