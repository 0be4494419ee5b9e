"""How long a fresh replica of matching takes to know a market: `python -m deploy.bench.matching.fresh`. A hundred
thousand partners, a million standings of them that nobody has compacted yet, and beside it a bare aiokafka consumer
that reads the same topics and does nothing with them.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from deploy.bench.matching.live import matching
from deploy.bench.matching.market import AT, TODAY, known
from deploy.bench.matching.records import changed
from deploy.local.stack import ANY_PORTS, Endpoints, LocalStack
from deploy.provision import provision
from shared.catching_up import FETCH_BYTES
from shared.commands import command
from shared.contracts.matching import StandingChanged
from shared.publisher import KafkaPublisher, Outgoing, outgoing
from shared.settings import Settings
from shared.topics import LOCAL_PARTITIONS, PARTNERS, STANDINGS

_AT_ONCE = 5_000
_NEWER = 1_000_000
"""Where the versions begin, so that all have as many digits."""


@dataclass(frozen=True)
class Fresh:
    records: int
    ready: float
    bare: float


def main(
    partners: Annotated[int, typer.Option(help="Partners of the market.")] = 100_000,
    standings: Annotated[int, typer.Option(help="Records of what is known of them.")] = 1_000_000,
) -> None:
    """Measure on this machine."""
    with tempfile.TemporaryDirectory(prefix="jobwire-bench-") as folder:
        told = asyncio.run(_measure(Path(folder), partners, standings))
    a_second, times = told.records / told.ready, told.ready / told.bare
    typer.echo(f"{told.records:,} records: a fresh replica is ready in {told.ready:.1f} s ({a_second:,.0f}/s)")
    typer.echo(f"a bare consumer has read them in {told.bare:.1f} s: {times:.1f} times as long")


async def _measure(folder: Path, partners: int, standings: int) -> Fresh:
    async with LocalStack(folder / "stack", ports=ANY_PORTS, environ={}, mail=False) as endpoints:
        settings = _settings(endpoints)
        await provision(settings)
        await _keep_all(settings)
        publisher = KafkaPublisher(settings, "jobwire-bench")
        await publisher.start()
        try:
            market = _market(partners, standings)
            while batch := list(islice(market, _AT_ONCE)):
                await publisher.publish(batch)
        finally:
            await publisher.stop()
        bare = [await _bare(settings)]
        async with matching(endpoints, settings, folder) as (_, ready):
            pass
        bare.append(await _bare(settings))
    return Fresh(bare[0][0], ready, min(seconds for _, seconds in bare))


def _settings(endpoints: Endpoints) -> Settings:
    return Settings(
        kafka_bootstrap_servers=endpoints.kafka_bootstrap_servers,
        mongodb_uri=SecretStr(endpoints.mongodb_uri),
        namespace="bench-fresh",
        partitions=LOCAL_PARTITIONS,
    )


async def _keep_all(settings: Settings) -> None:
    """Nothing is compacted while this runs, or there would soon be nothing left to read."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    config = STANDINGS.config | {"min.compaction.lag.ms": str(7 * 24 * 3600 * 1000)}
    name = settings.named(STANDINGS.name)
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, config)])
    await admin.close()


def _market(partners: int, standings: int) -> Iterator[Outgoing]:
    values: list[Outgoing] = []
    for number in range(partners):
        partner, standing = known(number, TODAY)
        yield changed(partner, "profile", AT)
        standing = standing or StandingChanged.newcomers(partner.partner_id)
        record = command(
            standing.model_copy(update={"version": _NEWER}), partner.partner_id, source="matching", time=AT
        )
        values.append(outgoing(STANDINGS.name, record))
    for number in range(standings):
        one = values[number % partners]
        assert one.value is not None
        newer = one.value.replace(b'"version":%d' % _NEWER, b'"version":%d' % (_NEWER + number // partners), 1)
        yield Outgoing(one.topic, one.key, newer)


async def _bare(settings: Settings) -> tuple[int, float]:
    """Records, and the seconds in which they were fetched."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    try:
        names = [settings.named(topic.name) for topic in (PARTNERS, STANDINGS)]
        partitions = [TopicPartition(name, number) for name in names for number in range(settings.partitions)]
        consumer.assign(partitions)
        ends, began, records = await consumer.end_offsets(partitions), perf_counter(), 0
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                records += sum(len(fetched) for fetched in (await consumer.getmany(timeout_ms=1_000)).values())
        return records, perf_counter() - began
    finally:
        await consumer.stop()


if __name__ == "__main__":
    typer.run(main)
