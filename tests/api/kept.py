"""A world as it was: what is stored and what is in the log, to be brought back after whatever was done to it."""

from collections.abc import Iterator
from typing import Any

from tests.flow.world import World


class Kept:
    def __init__(self, world: World) -> None:
        self._world = world
        self._topics = {name: [list(place) for place in topic] for name, topic in world.log.topics.items()}
        self._documents = {id(one): dict(one.documents) for one in self._collections()}
        self._committed = [dict(group._committed) for group in world.groups]

    def restore(self) -> None:
        """To be called where the world's services run, while they do nothing."""
        topics = self._world.log.topics
        topics.clear()
        topics.update({name: [list(place) for place in topic] for name, topic in self._topics.items()})
        for collection in self._collections():
            collection.documents.clear()
            collection.documents.update(self._documents.get(id(collection), {}))
        for group, committed in zip(self._world.groups, self._committed, strict=True):
            group._committed.clear()
            group._committed.update(committed)

    def restore_sessions(self) -> None:
        """Whoever was signed out or removed since is back."""
        sessions = self._world.services["gateway"].database["sessions"]
        sessions.documents.update(self._documents[id(sessions)])

    def said(self) -> dict[str, int]:
        """The number of records that have come since, by topic; only of topics with any."""
        topics = self._world.log.topics
        counts = {
            name: sum(map(len, topic)) - sum(map(len, self._topics.get(name, ()))) for name, topic in topics.items()
        }
        return {name: count for name, count in counts.items() if count}

    def _collections(self) -> Iterator[Any]:
        for service in self._world.services.values():
            yield from service.database.collections.values()
