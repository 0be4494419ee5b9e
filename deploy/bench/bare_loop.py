"""The loop of DESIGN §3 with aiokafka and PyMongo and nothing else: the yardstick for the framework's cost.

Everything that the guarantees need is here: one read, decisions in the log's order, remembered outcomes, one
compare-and-set write with the outbox, awaited publishing, then the commit. What is left out is what a service needs
to live with: dead letters, metrics, health, draining, waiting for servers, other commands. A lost race ends it, since
a restart would heal that.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from pymongo import UpdateOne

from deploy.bench.same_work import MANY, Json, Refused, decide, entry, event, loaded, reply, stored, time_of, timer
from shared.mongo import Collection, Mongo
from shared.publisher import PRODUCER_SETTINGS
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, MAX_MESSAGE_BYTES, REPLIES

BATCH = RING = 256


class Bare:
    def __init__(self, settings: Settings, jobs: Collection, producer: AIOKafkaProducer) -> None:
        self._events, self._replies = settings.named(JOB_EVENTS.name), settings.named(REPLIES.name)
        self._jobs = jobs
        self._producer = producer

    async def handle(self, raws: Sequence[ConsumerRecord[Any, Any]]) -> None:
        records = MANY.validate_json(b"[" + b",".join([raw.value or b"" for raw in raws]) + b"]")
        groups: dict[Any, list[tuple[Json, Any]]] = {}
        for raw, record in zip(raws, records, strict=True):
            groups.setdefault(record["subject"], []).append((record, time_of(raw.timestamp)))
        found = {doc["_id"]: doc async for doc in self._jobs.find({"_id": {"$in": list(groups)}})}
        writes, says = [], []
        for subject, commands in groups.items():
            write, said = self._fold(subject, found.get(subject), commands)
            says += said
            if write is not None:
                writes.append(write)
        if writes:
            result = await self._jobs.bulk_write(writes, ordered=False)
            if result.matched_count + len(result.upserted_ids or {}) != len(writes):
                raise RuntimeError("Lost a race.")
        await asyncio.gather(*[await self._producer.send(topic, value, key=key) for topic, key, value in says])

    def _fold(
        self, subject: Any, doc: Json | None, commands: list[tuple[Json, Any]]
    ) -> tuple[UpdateOne | None, list[tuple[str, bytes, bytes]]]:
        state = doc["state"] if doc else None
        version = doc["version"] if doc else 0
        known = {outcome["id"]: outcome for outcome in doc["applied"]} if doc else {}
        fresh: list[Json] = []
        outbox: list[Json] = []
        outcomes: list[tuple[Json, Any, Json]] = []
        for record, at in commands:
            outcome = known.get(record["id"].bytes)
            if outcome is not None:
                again = [one for one in doc["outbox"] if one["causationid"] == outcome["id"]] if doc else []
                outbox = [loaded(one) for one in again] + outbox
            else:
                try:
                    if decided := decide(state, record, at):
                        kind, fact, state = decided
                        version += 1
                        state["version"] = version
                        outbox.append(entry(record, kind, fact, version, at))
                    outcome = {"id": record["id"].bytes, "version": version}
                except Refused as refused:
                    outcome = {"id": record["id"].bytes, "code": refused.args[0], "reason": refused.args[1]}
                known[outcome["id"]] = outcome
                fresh.append(outcome)
            outcomes.append((record, at, outcome))
        key = str(subject).encode()
        says = [(self._events, key, event(one, subject, state or {})) for one in outbox]
        for record, at, outcome in outcomes:
            if "version" in outcome:
                value = reply(record, "CommandApplied", {"version": version, "snapshot": state}, at)
            else:
                refusal = {"code": outcome["code"], "reason": outcome["reason"]}
                value = reply(record, "CommandRejected", refusal, at)
            says.append((self._replies, str(record["id"]).encode(), value))
        if not fresh or state is None:
            return None, says
        revision = doc["revision"] if doc else 0
        changes = {
            "revision": revision + 1,
            "version": version,
            "state": state,
            "outbox": [stored(one) for one in outbox],
            "log": {"floor": -1, "offset": version, "time": int(commands[-1][1].timestamp() * 1000)},
            "timer": timer(state),
            "partner_id": UUID(state["partner_id"]),
            "merchant_id": UUID(state["details"]["merchant"]["merchant_id"]),
        }
        update = {"$set": changes, "$push": {"applied": {"$each": fresh, "$slice": -RING}}}
        return UpdateOne({"_id": subject, "revision": revision}, update, upsert=revision == 0), says


async def main() -> None:
    settings = Settings()
    mongo = Mongo.connect(settings.mongodb_uri.get_secret_value())
    consumer = AIOKafkaConsumer(
        settings.named(JOB_COMMANDS.name),
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.named("jobs"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
    )
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, **PRODUCER_SETTINGS)
    bare = Bare(settings, mongo.database(settings.database("jobs"))["jobs"], producer)
    await consumer.start()
    await producer.start()
    while True:
        batch = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
        if batch:
            await bare.handle([raw for raws in batch.values() for raw in raws])
            await consumer.commit({partition: raws[-1].offset + 1 for partition, raws in batch.items()})


if __name__ == "__main__":
    uvloop.run(main())
