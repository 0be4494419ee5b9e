"""A broker that an older release has set up is brought to what the table says."""

from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.provision import provision
from shared.settings import Settings
from shared.topics import PARTNERS, STANDINGS
from tests.live.log import log_of, until

WEEK = str(7 * 24 * 3600 * 1000)


async def config_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, Any]:
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


@pytest.mark.live
async def test_settings_of_an_older_release_are_changed_and_those_of_the_operator_stay(topics: Settings) -> None:
    name = topics.named(STANDINGS.name)
    older = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": WEEK,
        "min.insync.replicas": "1",
        "flush.ms": "77000",
    }
    async with log_of(topics) as log:

        async def there(key: str, value: str) -> bool:
            return (await config_of(log.admin, name)).get(key) == value  # a broker hears of a change a moment later

        await log.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, older)])
        await until(lambda: there("min.compaction.lag.ms", WEEK), what="it is as an older release made it")
        assert await provision(topics) == []
        await until(lambda: there("min.compaction.lag.ms", "0"), what="a standing is kept as the state that it is")
        now = await config_of(log.admin, name)
        assert {key: now[key] for key in STANDINGS.config} == STANDINGS.config
        assert now["flush.ms"] == "77000"
        assert (await config_of(log.admin, topics.named(PARTNERS.name)))["min.compaction.lag.ms"] == WEEK
