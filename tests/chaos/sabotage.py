"""Ways to break the loop, to show that the kill test notices. `python -m tests.chaos --sabotage <name>` must fail."""

from collections.abc import Callable, Sequence
from typing import Any

from faststream.kafka.annotations import KafkaMessage
from pymongo import UpdateOne, WriteConcern

from shared import mongo, store
from shared.aggregate import Fold
from shared.fetching import Subscription
from shared.mongo import Mongo


def commit_first() -> None:
    """Commit before anything is done: a killed process leaves commands that nobody handles."""
    handle = Subscription.on_batch

    async def on_batch(self: Subscription, message: KafkaMessage) -> None:
        await self._commit(message.raw_message)  # type: ignore[arg-type]
        await handle(self, message)

    Subscription.on_batch = on_batch  # type: ignore[method-assign]


def forget_rejections() -> None:
    """Remember only what was applied: a refused command that comes again is judged by a later state."""
    update = store._update

    def forgetful(change: Any) -> UpdateOne:
        whole = update(change)
        ring = whole._doc["$push"]["applied"]  # type: ignore[index, call-overload]
        ring["$each"] = [outcome for outcome in ring["$each"] if "version" in outcome]
        return whole

    store._update = forgetful


def answer_only() -> None:
    """Answer a command that came again, but do not say its events again."""
    Fold._stored_again = lambda self: []  # type: ignore[method-assign]


def forget_everything() -> None:
    """No memory of commands at all."""
    load = store.MongoAggregateStore._stored

    def stored(self: Any, document: Any) -> Any:
        return load(self, {**document, "applied": []})

    store.MongoAggregateStore._stored = stored  # type: ignore[method-assign]


def forget_where() -> None:
    """Remember no place in the log: what is read again from far behind is done again."""
    store.LogPosition.moved = lambda self, *_: self  # type: ignore[method-assign]


def write_to_memory() -> None:
    """Count a write as held before it is journaled: a killed mongod forgets what was already published."""
    database = Mongo.database

    def careless(self: Mongo, name: str) -> Any:
        return database(self, name).with_options(write_concern=WriteConcern(w=1, j=False))

    mongo.Mongo.database = careless  # type: ignore[method-assign]


def trust_the_first_read() -> None:
    """Write without comparing: whoever was taken for dead and is not overwrites its successor."""
    update = store._update

    def blind(change: Any) -> UpdateOne:
        whole = update(change)
        return UpdateOne({"_id": change.id}, whole._doc, upsert=True)  # type: ignore[arg-type]

    store._update = blind


SABOTAGES: dict[str, Callable[[], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        commit_first,
        forget_rejections,
        answer_only,
        forget_everything,
        forget_where,
        write_to_memory,
        trust_the_first_read,
    )
}
NAMES: Sequence[str] = tuple(SABOTAGES)
