"""Makes the topics of `shared.topics` on a broker, brings those that are there to what the table says, and refuses a
broker whose topics have other partitions.
"""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.settings import Settings
from shared.topics import SERVICES, TOPICS, WrongPartitions, dead_letters_config, dead_letters_of

_SET_FOR_THE_TOPIC = 1
"""Where a setting comes from, in Kafka's protocol: the topic itself, and no default."""


async def provision(settings: Settings) -> list[str]:
    """Create what is missing and change what an older release has set otherwise; gives the names of the created topics.
    Raises `WrongPartitions`.

    With three replicas a write counts when two have it (`min.insync.replicas`), so that one machine may be lost.
    """
    safety = {"min.insync.replicas": "2"} if settings.replication >= 3 else {}
    wanted = {settings.named(topic.name): topic.config for topic in TOPICS}
    letters = dead_letters_config(settings.dead_letters_kept)
    wanted |= {settings.named(dead_letters_of(service)): letters for service in SERVICES}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [name for name in wanted if name not in existing]
        await _create(admin, {name: wanted[name] | safety for name in missing}, settings)
        await _check(admin, [name for name in wanted if name in existing], settings.partitions)
        await _alter(admin, {name: config for name, config in wanted.items() if name in existing})
    finally:
        await admin.close()
    return missing


async def _create(admin: AIOKafkaAdminClient, configs: dict[str, dict[str, str]], settings: Settings) -> None:
    topics = [
        NewTopic(name, settings.partitions, settings.replication, topic_configs=config)
        for name, config in configs.items()
    ]
    if not topics:
        return
    response: Any = await admin.create_topics(topics)
    for topic in response.topic_errors:
        error = for_code(topic[1])
        if topic[1] and error is not TopicAlreadyExistsError:
            raise error(topic[2] if len(topic) > 2 else topic[0])


async def _alter(admin: AIOKafkaAdminClient, wanted: dict[str, dict[str, str]]) -> None:
    """Set what the table says where it is not so. What operators have set besides stays: Kafka takes a topic's settings
    as a whole.
    """
    changed = []
    described: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    )
    for resource in (resource for response in described for resource in response.resources):
        name, entries = resource[3], resource[4]
        now = {entry[0]: entry[1] for entry in entries}
        if any(now.get(key) != value for key, value in wanted[name].items()):
            own = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_FOR_THE_TOPIC}
            changed.append(ConfigResource(ConfigResourceType.TOPIC, name, own | wanted[name]))
    if not changed:
        return
    altered: list[Any] = await admin.alter_configs(changed)
    for response in altered:
        for code, message, _, name in response.resources:
            if code:
                raise for_code(code)(f"{name}: {message}")


async def _check(admin: AIOKafkaAdminClient, names: list[str], partitions: int) -> None:
    if not names:
        return
    for described in await admin.describe_topics(names):
        count = len(described["partitions"])
        if count != partitions:
            raise WrongPartitions(described["topic"], count, partitions)
