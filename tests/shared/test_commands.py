"""Sending commands: whose answer is whose, and what a policy's commands are called."""

import asyncio
from uuid import UUID

import pytest

from shared.commands import Applied, Commander, Order, Rejected, ordered
from shared.contracts.base import SYSTEM, Record, derived_id
from shared.contracts.codec import encode
from shared.contracts.jobs import JobOpened, OpenJob, UnassignMember
from shared.contracts.replies import CommandApplied, CommandRejected
from shared.metrics import Metrics
from shared.publisher import Outgoing
from shared.topics import JOB_COMMANDS
from tests.builders import BY_PARTNER, JOB_ID, a_command, a_job, an_event, received
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.patience import patience

KEY = derived_id("a client's key")
ANN, BEN = derived_id("ann"), derived_id("ben")
EVENT = an_event(JobOpened(actor=BY_PARTNER), a_job())


def ids(orders: list[Outgoing]) -> list[UUID]:
    return [JOB_COMMANDS.codec.decode(order.value).id for order in orders]


def leaves(member_id: UUID) -> Order:
    return Order(JOB_ID, UnassignMember(member_id=member_id, actor=SYSTEM), part=member_id)


def test_two_orders_of_one_event_never_share_an_id() -> None:
    both = ids(ordered("jobs", JOB_COMMANDS, EVENT, [leaves(ANN), leaves(BEN)]))
    assert len(set(both)) == 2
    assert ids(ordered("jobs", JOB_COMMANDS, EVENT, [leaves(BEN)])) == both[1:], "whatever the others are"


def test_two_orders_that_nothing_tells_apart_are_a_bug_and_not_one_order() -> None:
    orders = [Order(JOB_ID, UnassignMember(member_id=member, actor=SYSTEM)) for member in (ANN, BEN)]
    with pytest.raises(ValueError, match="which part"):
        ordered("jobs", JOB_COMMANDS, EVENT, orders)


def test_an_order_of_which_there_is_one_is_called_as_by_yesterdays_release() -> None:
    (order,) = ids(ordered("jobs", JOB_COMMANDS, EVENT, [Order(JOB_ID, OpenJob(actor=BY_PARTNER))]))
    assert order == derived_id("order", EVENT.id, JOB_ID, "OpenJob")


class Desk:
    """Somebody who asks for jobs to be opened, and an owner who answers as the test says."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.commander = Commander(
            "tests", MemoryPublisher(self.log), ManualClock(), Metrics("tests"), timeout=patience(60)
        )

    async def ask(self, digest: str | None) -> asyncio.Task:
        asked = len(self.log.records(JOB_COMMANDS.name))
        task = asyncio.create_task(
            self.commander.ask(JOB_COMMANDS, OpenJob(actor=BY_PARTNER), JOB_ID, command_id=KEY, digest=digest)
        )
        while len(self.log.records(JOB_COMMANDS.name)) == asked:
            await asyncio.sleep(0)
        return task

    async def answer(self, answer: CommandApplied | CommandRejected, digest: str | None) -> None:
        await self.commander.on_replies([received(a_command(answer, KEY, digest=digest))])


APPLIED = CommandApplied(version=2, snapshot={})
REUSED = CommandRejected(code="key_reused", reason="No.")


async def test_two_bodies_under_one_key_at_once_get_each_the_answer_to_its_own() -> None:
    desk = Desk()
    first, second = await desk.ask("one"), await desk.ask("two")
    await desk.answer(APPLIED, "one")
    await asyncio.sleep(0)
    assert not second.done(), "told of somebody else's success"
    await desk.answer(REUSED, "two")
    assert isinstance(await first, Applied)
    assert await second == Rejected("key_reused", "No.")


async def test_an_owner_of_yesterdays_release_answers_without_a_digest() -> None:
    desk = Desk()
    asked = await desk.ask("one")
    await desk.answer(APPLIED, None)
    assert isinstance(await asked, Applied)


@pytest.mark.parametrize(("digest", "there"), [(None, False), ("one", True)], ids=["without", "with"])
def test_a_digest_is_an_attribute_of_the_record_where_there_is_one(*, digest: str | None, there: bool) -> None:
    record: Record = a_command(OpenJob(actor=BY_PARTNER), digest=digest)
    assert (b'"digest"' in encode(record)) is there
    assert JOB_COMMANDS.codec.decode(encode(record)).digest == digest
