"""When it is our fault and not the data's, a consumer stops before it empties a topic into the dead letters."""

from dataclasses import replace

import pytest

from shared.breaker import Breaker
from shared.contracts.base import derived_id
from shared.contracts.jobs import OpenJob
from shared.failures import Draining
from shared.records import Dead
from tests.builders import BY_PARTNER, a_command, received
from tests.shared.test_consumer import Desk, records


async def test_a_topic_that_mostly_dies_is_not_emptied_into_the_dead_letters() -> None:
    desk = Desk(bugs=range(5, 100))
    with pytest.raises(Draining):
        await desk.consumer.process(records(20))
    assert desk.letters() == []
    assert "15 of the last 20 aggregates" in desk.consumer.failure
    with pytest.raises(Draining):  # and it stays stopped
        await desk.consumer.process(records(1))
    assert desk.handled == list(range(5))


async def test_a_bug_that_comes_record_by_record_is_stopped_at_the_eighth() -> None:
    desk = Desk(bugs=range(100))
    for record in records(Breaker.AT_LEAST - 1):
        await desk.consumer.process([record])
    with pytest.raises(Draining):
        await desk.consumer.process(records(1, Breaker.AT_LEAST - 1))
    assert desk.dead_offsets() == list(range(Breaker.AT_LEAST - 1))


async def test_a_few_bugs_among_many_good_records_stop_nobody() -> None:
    desk = Desk(bugs=range(0, 60, 4))
    for start in range(0, 60, 20):
        await desk.consumer.process(records(20, start))
    assert desk.consumer.failure is None
    assert len(desk.letters()) == 15


async def test_garbage_from_outside_stops_nobody() -> None:
    desk = Desk()
    await desk.consumer.process([replace(record, value=b"garbage") for record in records(50)])
    assert desk.consumer.failure is None
    assert len(desk.letters()) == 50


async def test_a_partition_does_not_answer_for_another() -> None:
    breaker = Breaker()
    jobs = [derived_id("job", offset) for offset in range(20)]
    good = [received(a_command(OpenJob(actor=BY_PARTNER), job), offset=offset) for offset, job in enumerate(jobs)]
    bad = [replace(one, raw=replace(one.raw, partition=1)) for one in good[:7]]
    breaker.judge([*good, *bad], [Dead(one.raw, "bug", "", bug=True) for one in bad])


async def test_one_aggregate_that_breaks_with_each_of_its_commands_stops_nobody() -> None:
    desk = Desk(bugs=range(8))
    await desk.consumer.process([*records(8, of=derived_id("the one")), *records(4, 8)])
    assert desk.consumer.failure is None
    assert (desk.handled, len(desk.letters())) == ([8, 9, 10, 11], 8)
