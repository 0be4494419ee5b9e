"""The running broker and the table say the same."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.topics import SERVICES, TOPICS, dead_letters_config, dead_letters_of
from tests.live.conftest import Jobwire
from tests.live.log import put, until
from tests.live.traffic import GOOD

GROUPS = {
    group: {topic.name for topic in TOPICS if group in topic.heard_by}
    for topic in TOPICS
    for group in topic.heard_by
    if not group.endswith("*")
}
CONFIGS = {topic.name: topic.config for topic in TOPICS} | {
    dead_letters_of(name): dead_letters_config(timedelta(days=365)) for name in SERVICES
}


async def test_the_consumer_groups_and_what_they_have_read_are_those_of_the_table(jobwire: Jobwire) -> None:
    """What every replica hears for itself has no group, so it is not here."""
    for topic, good in GOOD.items():
        await jobwire.log.put(topic, [put(record) for record in good().records])
    prefix = jobwire.settings.named("")
    there = {
        name.removeprefix(prefix)
        for name, *_ in await jobwire.log.admin.list_consumer_groups()
        if name.startswith(prefix)
    }
    assert there == set(GROUPS)
    for group, topics in GROUPS.items():
        for topic in topics:
            await until(
                lambda group=group, topic=topic: jobwire.log.done(group, topic), what=f"{group} has read {topic}"
            )
        assert set(await jobwire.log.committed(group)) == {jobwire.settings.named(topic) for topic in topics}


async def test_the_topics_and_their_partitions_are_those_of_the_table(jobwire: Jobwire) -> None:
    prefix = jobwire.settings.named("")
    there = [name for name in await jobwire.log.admin.list_topics() if name.startswith(prefix)]
    assert {name.removeprefix(prefix) for name in there} == set(CONFIGS)
    for described in await jobwire.log.admin.describe_topics(there):
        assert len(described["partitions"]) == jobwire.settings.partitions, described["topic"]


async def test_each_topic_is_kept_as_the_table_says(jobwire: Jobwire) -> None:
    for topic, config in CONFIGS.items():
        there = await _config(jobwire, ConfigResourceType.TOPIC, jobwire.settings.named(topic))
        assert {name: there[name] for name in config} == config, topic


async def test_no_topic_is_ever_created_by_itself(jobwire: Jobwire) -> None:
    broker = await _config(jobwire, ConfigResourceType.BROKER, "1")
    assert broker["auto.create.topics.enable"] == "false"
    missing = jobwire.settings.named("a.topic.that.nobody.made")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(
            jobwire.log.put("a.topic.that.nobody.made", [put(GOOD["jobs.commands"]().records[0])]), 1
        )
    assert missing not in await jobwire.log.admin.list_topics()


async def _config(jobwire: Jobwire, kind: ConfigResourceType, name: str) -> dict[str, Any]:
    [response] = await jobwire.log.admin.describe_configs([ConfigResource(kind, name)])
    [resource] = response.resources
    return {entry[0]: entry[1] for entry in resource[4]}
