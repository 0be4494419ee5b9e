"""How long a partner waits for "sent": one message at a time, HTTP to HTTP, beside the same hops without Jobwire."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import quantiles
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.bench.backlog import create_job
from deploy.bench.running import Addresses
from deploy.mailpit import Mailpit
from deploy.market import load_partners
from shared.mongo import Collection, Mongo
from shared.publisher import PRODUCER_SETTINGS, KafkaPublisher
from shared.settings import Settings
from shared.topics import LOCAL_PARTITIONS

WARM_UP = 50
JOBS = 10
_TOPIC = "bench.trip"
_VALUE = b"x" * 1_200  # about what a command or a reply is


@dataclass(frozen=True)
class Trip:
    """Milliseconds."""

    p50: float
    p99: float


async def measure(addresses: Addresses, times: int) -> dict[str, Trip]:
    """`message`: POST /api/v1/jobs/{id}/messages. `hop`: one record from produce to consume. `hops`: what a message
    cannot do without – a record, a read, a compare-and-set, a record.
    """
    bare = await _bare(addresses, times)
    async with httpx2.AsyncClient(base_url=addresses.gateway, timeout=30) as client:
        jobs = await _sign_in_and_wait_for_jobs(client, addresses)
        number = 0

        async def write() -> None:
            nonlocal number
            number += 1
            body = {"text": f"Message {number}: on Monday, then."}
            (await client.post(f"/api/v1/jobs/{jobs[number % JOBS]}/messages", json=body)).raise_for_status()

        return {"message": await _timed(write, times), **bare}


async def _timed(work: Callable[[], Awaitable[Any]], times: int) -> Trip:
    seconds = []
    for number in range(WARM_UP + times):
        began = perf_counter()
        await work()
        if number >= WARM_UP:
            seconds.append(perf_counter() - began)
    cuts = quantiles(seconds, n=100)
    return Trip(round(cuts[49] * 1000, 2), round(cuts[98] * 1000, 2))


async def _sign_in_and_wait_for_jobs(client: httpx2.AsyncClient, addresses: Addresses) -> list[UUID]:
    """Sign in as a partner's owner by the mailed link; give the partner some jobs, and wait until it sees them."""
    partner = load_partners()[0]
    owner = next(member for member in partner["members"] if member["role"] == "owner")
    async with httpx2.AsyncClient(timeout=30) as outside:
        mails = Mailpit(outside, addresses.mail_api)
        (await client.post("/api/v1/sign-in", json={"email": owner["email"]})).raise_for_status()
        mail = await mails.to(owner["email"], containing="/sign-in?token=")
    said = {"token": mail.token, "email": mail.to}
    session = (await client.post("/api/v1/sessions", json=said)).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {session['token']}"

    made = [create_job(UUID(partner["partner_id"])) for _ in range(JOBS)]
    publisher = KafkaPublisher(
        Settings(kafka_bootstrap_servers=addresses.kafka, partitions=LOCAL_PARTITIONS), "jobwire-bench"
    )
    await publisher.start()
    try:
        await publisher.publish([record for _, record in made])
    finally:
        await publisher.stop()
    async with asyncio.timeout(30):
        for job_id, _ in made:
            while (await client.get(f"/api/v1/jobs/{job_id}")).status_code != 200:
                await asyncio.sleep(0.05)
    return [job_id for job_id, _ in made]


async def _bare(addresses: Addresses, times: int) -> dict[str, Trip]:
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(_TOPIC, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=addresses.kafka, **PRODUCER_SETTINGS)
    consumer = AIOKafkaConsumer(bootstrap_servers=addresses.kafka, auto_offset_reset="earliest")
    mongo = Mongo.connect(addresses.mongodb)
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(_TOPIC, 0)])

    async def hop() -> None:
        await producer.send_and_wait(_TOPIC, _VALUE)
        await consumer.getone()

    try:
        things = mongo.database("bench")["things"]
        await things.insert_one({"_id": 1, "revision": 0})

        async def hops() -> None:
            await hop()
            await _change(things)
            await hop()

        return {"hop": await _timed(hop, times), "hops": await _timed(hops, times)}
    finally:
        await mongo.close()
        await consumer.stop()
        await producer.stop()


async def _change(things: Collection) -> None:
    thing = await things.find_one({"_id": 1})
    assert thing is not None
    revision = thing["revision"]
    await things.update_one({"_id": 1, "revision": revision}, {"$set": {"revision": revision + 1, "last": uuid4()}})
