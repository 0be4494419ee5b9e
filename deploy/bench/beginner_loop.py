"""The handler that FastStream's tutorial leads to: one message at a time, awaited step by step.

It changes the same state and says the same event and reply, and keeps `acks="all"` so that what it says is as safe.
It is not as safe as a whole: as the tutorial has it, it acknowledges first, and a crash loses commands. With
`BENCH_ACK=ACK` it acknowledges after the handler; then a crash repeats them, and nothing remembers that they were met.
"""

import logging
import os
from typing import Any

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from deploy.bench.same_work import Command, decide, entry, event, reply, time_of, timer
from shared.mongo import Mongo
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES

settings = Settings()
broker = KafkaBroker(settings.kafka_bootstrap_servers, acks="all", enable_idempotence=True)
jobs = Mongo.connect(settings.mongodb_uri.get_secret_value()).database(settings.database("jobs"))["jobs"]


@broker.subscriber(
    settings.named(JOB_COMMANDS.name),
    group_id=settings.named("jobs"),
    auto_offset_reset="earliest",
    ack_policy=AckPolicy[os.environ["BENCH_ACK"]],
)
async def handle(record: Command, message: KafkaMessage) -> None:
    raw: Any = message.raw_message
    at = time_of(raw.timestamp)
    found = await jobs.find_one({"_id": record["subject"]})
    decided = decide(found["state"] if found else None, record, at)
    if decided is None:
        return
    kind, fact, state = decided
    state["version"] += 1
    version, said = state["version"], entry(record, kind, fact, state["version"], at)
    fields = {"version": version, "state": state, "timer": timer(state)}
    await jobs.update_one({"_id": record["subject"]}, {"$set": fields}, upsert=True)
    key = str(record["subject"]).encode()
    await broker.publish(event(said, record["subject"], state), settings.named(JOB_EVENTS.name), key=key)
    answer = reply(record, "CommandApplied", {"version": version, "snapshot": state}, at)
    await broker.publish(answer, settings.named(REPLIES.name), key=str(record["id"]).encode())


if __name__ == "__main__":
    uvloop.run(FastStream(broker).run(log_level=logging.WARNING))
