"""Makes the topics of `shared.topics` on a broker, and refuses a broker whose topics differ."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.settings import Settings
from shared.topics import DEAD_LETTERS_CONFIG, SERVICES, TOPICS, WrongPartitions, dead_letters_of


async def provision(settings: Settings) -> list[str]:
    """Create what is missing; gives the names of the created topics. Raises `WrongPartitions`.

    With three replicas a write counts when two have it (`min.insync.replicas`), so that one machine may be lost.
    """
    safety = {"min.insync.replicas": "2"} if settings.replication >= 3 else {}
    wanted = {settings.named(topic.name): topic.config for topic in TOPICS}
    wanted |= {settings.named(dead_letters_of(service)): DEAD_LETTERS_CONFIG for service in SERVICES}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [name for name in wanted if name not in existing]
        await _create(admin, {name: wanted[name] | safety for name in missing}, settings)
        await _check(admin, [name for name in wanted if name in existing], settings.partitions)
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


async def _check(admin: AIOKafkaAdminClient, names: list[str], partitions: int) -> None:
    if not names:
        return
    for described in await admin.describe_topics(names):
        count = len(described["partitions"])
        if count != partitions:
            raise WrongPartitions(described["topic"], count, partitions)
