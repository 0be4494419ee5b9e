"""The commands that each loop works off: the same bytes for all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.commands import command
from shared.contracts.base import SYSTEM, Actor, ActorKind, Locale, Message, Money
from shared.contracts.jobs import CreateJob, SendMessage, job_id_of
from shared.contracts.requests import Merchant, RequestDetails, RequestKind, merchant_id_of
from shared.publisher import KafkaPublisher, Outgoing, outgoing
from shared.settings import Settings
from shared.topics import JOB_COMMANDS, JOB_EVENTS, REPLIES, dead_letters_config, dead_letters_of

_AT_ONCE = 2_000
_TEXT = (
    "Thank you for your message. We have looked at your shop and think that three days are enough for the product "
    "page; the reviews can stay where they are. Could you send us the logo as a vector file? "
    "商品ページの件、了解しました。"
)


def backlog(commands: int, jobs: int, partner_ids: Sequence[UUID] = ()) -> list[Outgoing]:
    """`jobs` creations, then messages from both sides, round and round: a batch meets each job about once. The jobs are
    those of `partner_ids` in turn, or each of a partner of its own.
    """
    parties = [Parties(partner_ids[number % len(partner_ids)] if partner_ids else None) for number in range(jobs)]
    orders = [(one.job_id, one.creation()) for one in parties]
    for number in range(commands - jobs):
        one = parties[number % jobs]
        orders.append((one.job_id, one.message(by_partner=number // jobs % 2 == 0)))
    now = datetime.now(UTC)
    return [
        outgoing(JOB_COMMANDS.name, command(data, job_id, source="bench", time=now))
        for job_id, data in orders[:commands]
    ]


def create_job(partner_id: UUID) -> tuple[UUID, Outgoing]:
    """One new job at this partner: its id and the command that creates it."""
    one = Parties(partner_id)
    record = command(one.creation(), one.job_id, source="bench", time=datetime.now(UTC))
    return one.job_id, outgoing(JOB_COMMANDS.name, record)


async def lay_down(settings: Settings, records: list[Outgoing]) -> None:
    """Make the topics that the jobs service needs in this namespace, and fill its door."""
    configs = {settings.named(topic.name): topic.config for topic in (JOB_COMMANDS, JOB_EVENTS, REPLIES)}
    configs[settings.named(dead_letters_of("jobs"))] = dead_letters_config(None)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(name, settings.partitions, 1, topic_configs=c) for name, c in configs.items()]
        )
    finally:
        await admin.close()
    await publish(settings, records)


async def publish(settings: Settings, records: list[Outgoing]) -> None:
    publisher = KafkaPublisher(settings, "jobwire-bench")
    await publisher.start()
    try:
        for start in range(0, len(records), _AT_ONCE):
            await publisher.publish(records[start : start + _AT_ONCE])
    finally:
        await publisher.stop()


class Parties:
    """A merchant, a partner, and what they say to each other about one job."""

    def __init__(self, partner_id: UUID | None = None) -> None:
        self._request_id, self._partner_id = uuid4(), partner_id or uuid4()
        self._email = "mia@kettle-thread.example"
        self.job_id = job_id_of(self._request_id, self._partner_id)
        self._partner = Actor(kind=ActorKind.PARTNER, partner_id=self._partner_id, member_id=uuid4(), name="Ana Lima")
        self._merchant = Actor(kind=ActorKind.MERCHANT, merchant_id=merchant_id_of(self._email), name="Mia Laurent")

    def creation(self) -> Message:
        merchant = Merchant(
            merchant_id=merchant_id_of(self._email),
            name="Mia Laurent",
            email=self._email,
            store_url="https://kettle-thread.example",
        )
        return CreateJob(
            request_id=self._request_id,
            partner_id=self._partner_id,
            details=RequestDetails(
                kind=RequestKind.MATCH,
                locale=Locale.EN,
                merchant=merchant,
                business="Tea and thread, 40 orders a day, most of them from phones.",
                service="theme-customisation",
                title="A calmer product page",
                requirements=_TEXT,
                budget=Money.model_validate({"amount": "1500", "currency": "USD"}),
            ),
            reply_window_seconds=72 * 3600,
            remind_before_seconds=(24 * 3600, 6 * 3600),
            actor=SYSTEM,
        )

    def message(self, *, by_partner: bool) -> Message:
        return SendMessage(text=_TEXT, actor=self._partner if by_partner else self._merchant)
