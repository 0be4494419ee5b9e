"""Aggregates in a dictionary, for what runs without servers. Held to the same promises as the store in MongoDB
(`tests/shared/test_store_conformance.py`).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.store import RING, Change, Outcome, Stored


class MemoryAggregateStore:
    """A `shared.store.AggregateStore` over a dictionary. As on a server, each change of a `save` stands or falls by
    itself.
    """

    def __init__(self) -> None:
        self._stored: dict[UUID, Stored[Any]] = {}
        self._rings: dict[UUID, list[Outcome]] = {}

    async def load(self, ids: Sequence[UUID]) -> dict[UUID, Stored[Any]]:
        return {one: self._stored[one] for one in ids if one in self._stored}

    async def save(self, changes: Sequence[Change[Any]]) -> bool:
        return all([self._save(change) for change in changes])  # noqa: C419 - a list: every change is tried

    def _save(self, change: Change[Any]) -> bool:
        before = self._stored.get(change.id) or Stored(change.id)
        if before.revision != change.revision:
            return False
        remembered = [*self._rings.get(change.id, ()), *change.outcomes][-RING:]
        self._rings[change.id] = remembered
        self._stored[change.id] = Stored(
            id=change.id,
            state=change.state,
            version=change.version,
            revision=change.revision + 1,
            outcomes={outcome.command_id: outcome for outcome in remembered},
            outbox=change.outbox,
            log=change.log,
            entries=len(remembered),
        )
        return True
