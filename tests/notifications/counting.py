"""A database in memory that counts the round trips that a real one would be asked for."""

from typing import Any

from tests.memory_mongo import MemoryCollection, MemoryDatabase

TRIPS = (
    "find",
    "find_one",
    "find_one_and_update",
    "update_one",
    "update_many",
    "bulk_write",
    "insert_one",
    "delete_one",
    "delete_many",
    "count_documents",
    "distinct",
    "aggregate",
)


class CountingDatabase(MemoryDatabase):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.trips = 0

    def __getitem__(self, name: str) -> MemoryCollection:
        if name not in self.collections:
            collection = super().__getitem__(name)
            for trip in TRIPS:
                setattr(collection, trip, self._counted(getattr(collection, trip)))
        return super().__getitem__(name)

    def _counted(self, call: Any) -> Any:
        def counting(*given: Any, **named: Any) -> Any:
            self.trips += 1
            return call(*given, **named)

        return counting
