"""What every replica keeps in memory of a compacted topic, read from its beginning: only the newest record of each key
is handled, one partition after the other.

The newest is the one with the highest version, not the last: a process that was paused may have published an older
state behind a newer one.
"""

import gc
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import BaseModel, ValidationError

from shared.settings import Settings
from shared.topics import MIB

Record = ConsumerRecord[bytes, bytes]

FETCH_BYTES = 8 * MIB

_AS_WE_WRITE = re.compile(rb'"version":(\d+),"data":\{|"data":\{"\w+":"[^"\\]*","version":(\d+)[,}]')
"""Parsing a record takes ten times as long as looking for its version where our own encoder puts it. An unescaped quote
stands in no string of JSON, so no text that somebody wrote can look like this.
"""


class _Data(BaseModel):
    version: int | None = None


class _Versioned(BaseModel):
    version: int | None = None
    data: _Data = _Data()


def version_of(value: bytes | None) -> int | None:
    """The version of the state that a record carries, None if it says none."""
    if not value:
        return None
    if found := _AS_WE_WRITE.search(value):
        return int(found[1] or found[2])
    try:
        parsed = _Versioned.model_validate_json(value)
    except ValidationError:
        return None
    return parsed.data.version if parsed.version is None else parsed.version


class Newest:
    """The newest record of each key, and those of which nobody can tell."""

    def __init__(self) -> None:
        self._newest: dict[bytes, tuple[int, Record]] = {}
        self._others: list[Record] = []
        self.seen = 0

    def take(self, records: Iterable[Record]) -> None:
        for record in records:
            self.seen += 1
            version = version_of(record.value)
            if version is None or record.key is None:
                self._others.append(record)
                continue
            known = self._newest.get(record.key)
            if known is None or known[0] <= version:
                self._newest[record.key] = version, record

    def records(self) -> list[Record]:
        """In the order of the log."""
        kept = [*self._others, *(record for _, record in self._newest.values())]
        return sorted(kept, key=lambda record: record.offset)


class Reading:
    """A consumer that only catches up."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client = client

    async def ends(self, topics: Iterable[str]) -> dict[TopicPartition, int]:
        """Where each partition ends now."""
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(self._client.partitions_for_topic(topic) or ())
        ]
        ends: dict[TopicPartition, int] = await self._client.end_offsets(partitions)
        return ends

    async def newest(self, partition: TopicPartition, end: int) -> Newest:
        """Of all that lies before `end`."""
        newest = Newest()
        self._client.assign([partition])
        await self._client.seek_to_beginning(partition)
        while await self._client.position(partition) < end:
            for records in (await self._client.getmany(timeout_ms=1_000)).values():
                newest.take(records)
        return newest


@contextmanager
def without_collecting() -> Iterator[None]:
    """Parsed records leave no cycles. Looking for them among all that is held meanwhile took longer than parsing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@asynccontextmanager
async def reading(settings: Settings, topics: Iterable[str]) -> AsyncIterator[Reading]:
    client = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await client.start()
    client.unsubscribe()
    try:
        yield Reading(client)
    finally:
        await client.stop()
