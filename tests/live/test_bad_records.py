"""Whatever somebody puts into a topic: what is bad ends in the dead letters, once per hearing group and as it was, and
the good records around it are handled as if it had not been there.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord

from shared.commands import command
from shared.contracts.base import Record
from shared.contracts.codec import encode
from shared.publisher import key_of
from shared.topics import JOB_COMMANDS, REPLIES, TOPICS, Topic
from tests.builders import NOW
from tests.live.conftest import Jobwire
from tests.live.log import MIB, Put, headers_of, put, until
from tests.live.traffic import GOOD, NAMES_NOTHING, Good

PARTITION = 0
"""All in one, so that the bad really stand between the good."""
TRACE = (("trace", b"\x01"), ("empty", b""), ("null", None))
"""Headers that are nobody's business, and that the dead letter shows again."""


def _bad(reason: str, value: Callable[[Record], bytes | None], *, headers: Any = (), key: Any = key_of) -> Any:
    def make(good: Record) -> Put:
        return Put(key(good.subject), value(good), headers, PARTITION)

    return reason, make


def _changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Record], bytes]:
    def value(good: Record) -> bytes:
        fields = json.loads(encode(good))
        change(fields)
        return json.dumps(fields).encode()

    return value


BAD: dict[str, tuple[str, Callable[[Record], Put]]] = {
    "not JSON": _bad("not-json", lambda good: b"{not json", headers=TRACE),
    "cut off": _bad("not-json", lambda good: encode(good)[:-1]),
    "a wrong type": _bad("wrong-content", _changed(lambda fields: fields.update(id=12))),
    "a missing field": _bad("missing-field", _changed(lambda fields: fields.pop("source"))),
    "not a number": _bad("wrong-content", _changed(lambda fields: fields.update(time=float("nan")))),
    "an empty value": _bad("empty", lambda good: b""),
    "a tombstone": _bad("empty", lambda good: None, headers=TRACE),
    "a header that is no text": _bad("bad-header", encode, headers=(("greeting", b"\xff"),)),
    "one MiB": _bad("too-large", lambda good: b"x" * MIB),
    "deep nesting": _bad("not-json", lambda good: b"[" * 20_000 + b"]" * 20_000),
    "somebody else's key": _bad("wrong-key", encode, key=lambda subject: b"somebody-else"),
    "no key": _bad("wrong-key", encode, key=lambda subject: None),
}
"""What is wrong; the reason that its dead letter shows; the record, made from a good one."""

HEARD = [pytest.param(topic, id=topic.name) for topic in TOPICS if topic.heard_by]
DOORS = [pytest.param(topic, id=topic.name) for topic in TOPICS if topic.name in NAMES_NOTHING]


@pytest.mark.parametrize("topic", HEARD)
async def test_bad_records_are_put_aside_once_per_group_and_the_good_ones_around_them_are_handled(
    jobwire: Jobwire, topic: Topic
) -> None:
    bad = {name: make(GOOD[topic.name]().records[0]) for name, (_, make) in BAD.items()}
    if topic.compacted:
        del bad["no key"]  # Kafka itself refuses it there
    good = [GOOD[topic.name]() for _ in range(len(bad) + 1)]
    offsets = await _put_between(jobwire, topic, good, bad)

    await _every_record_is_handled_once(jobwire, topic)
    for group in _groups(topic):
        await _each_has_its_effect(jobwire, group, good)
    letters = await _letters(jobwire, topic, offsets)
    assert sorted((headers_of(letter)["x-group"], name) for name, letter in letters) == sorted(
        (group, name) for group in _groups(topic) for name in bad
    )
    for name, letter in letters:
        _is_as_it_was(letter, bad[name], reason=BAD[name][0])
    assert all(said["live"] for said in (await jobwire.live()).values())


@pytest.mark.parametrize("topic", HEARD)
async def test_what_a_newer_release_says_is_parked_by_each_group_and_the_others_are_handled(
    jobwire: Jobwire, topic: Topic
) -> None:
    [record, *_] = GOOD[topic.name]().records
    ahead = Put(key_of(record.subject), _changed(lambda fields: fields.update(type="Nonsense"))(record), (), PARTITION)
    good = GOOD[topic.name]()
    await jobwire.log.put(topic.name, [ahead, *(put(one, PARTITION) for one in good.records)])
    await _every_record_is_handled_once(jobwire, topic)
    for group in _groups(topic):
        await _each_has_its_effect(jobwire, group, [good])
        [parked] = [
            one
            async for one in jobwire.database(group.partition(".")[0])["parked"].find(
                {"group": group, "key": ahead.key}
            )
        ]
        assert (parked["reason"], parked["value"]) == ("unknown-type", ahead.value)
    assert ahead.value not in [letter.value for letter in await jobwire.log.all_dead_letters()]


@pytest.mark.parametrize("topic", DOORS)
async def test_a_command_for_what_does_not_exist_is_refused_and_put_aside(jobwire: Jobwire, topic: Topic) -> None:
    record = command(NAMES_NOTHING[topic.name](), uuid4(), source="tests", time=NOW)
    [(partition, offset)] = await jobwire.log.put(topic.name, [put(record)])
    await _every_record_is_handled_once(jobwire, topic)

    letters = await jobwire.log.dead_letters(topic.heard_by[0].partition(".")[0])
    ours = [headers_of(letter) for letter in letters if letter.value == encode(record)]
    assert [headers["x-reason"] for headers in ours] == ["unknown-aggregate"]
    assert (ours[0]["x-original-partition"], ours[0]["x-original-offset"]) == (str(partition), str(offset))
    [reply] = [one for one in await jobwire.log.read(REPLIES.name) if one.key == key_of(record.id)]
    answer = json.loads(reply.value)
    assert (answer["type"], answer["data"]["code"]) == ("CommandRejected", "not_found")


@pytest.mark.parametrize("topic", [topic for topic in HEARD if topic.id in {"standings", "matches"}])
async def test_what_is_not_a_number_never_becomes_a_score(jobwire: Jobwire, topic: Topic) -> None:
    """JSON has no NaN, and many a parser takes it all the same; one of them among the scores spoils every sum."""
    [record] = GOOD[topic.name]().records
    number = {"standings": b'"reply_seconds":0.0', "matches": b'"score":0.0'}[topic.name]
    assert number in encode(record)
    value = encode(record).replace(number, number.replace(b"0.0", b"NaN"))
    await jobwire.log.put(topic.name, [Put(key_of(record.subject), value)])
    await _every_record_is_handled_once(jobwire, topic)

    letters = [letter for letter in await jobwire.log.all_dead_letters() if letter.value == value]
    assert [headers_of(letter)["x-reason"] for letter in letters] == ["wrong-content"] * len(_groups(topic))


async def test_a_record_that_is_huge_once_unpacked_is_put_aside_cut_short(jobwire: Jobwire) -> None:
    """Kafka counts what is sent, compressed: twenty harmless kilobytes may unpack to more than a dead letter holds."""
    good = GOOD[JOB_COMMANDS.name]()
    record = put(good.records[0], PARTITION)
    huge = Put(record.key, b"x" * 5 * MIB, partition=PARTITION)
    [(_, offset), _] = await jobwire.log.put(JOB_COMMANDS.name, [huge, record])
    await _each_has_its_effect(jobwire, "jobs", [good])
    [(_, letter)] = await _letters(jobwire, JOB_COMMANDS, {offset: "huge"})
    headers = headers_of(letter)
    assert (headers["x-reason"], headers["x-cut-from"]) == ("too-large", str(5 * MIB))
    assert letter.key == record.key
    assert (b"x" * 5 * MIB).startswith(letter.value)


async def test_a_header_without_a_value_harms_nobody(jobwire: Jobwire) -> None:
    """Kafka allows it, and it is none that we read; FastStream's own parser would lose the record."""
    good = GOOD[JOB_COMMANDS.name]()
    record = put(good.records[0])
    await jobwire.log.put(JOB_COMMANDS.name, [Put(record.key, record.value, [("null", None)])])
    await _each_has_its_effect(jobwire, "jobs", [good])


async def _put_between(jobwire: Jobwire, topic: Topic, good: Sequence[Good], bad: dict[str, Put]) -> dict[int, str]:
    """A good one, a bad one, a good one …; gives the offsets of the bad."""
    first, *others = good
    records = [put(record, PARTITION) for record in first.records]
    places = {}
    for (name, one_bad), one_good in zip(bad.items(), others, strict=True):
        places[len(records)] = name
        records += [one_bad, *(put(record, PARTITION) for record in one_good.records)]
    offsets = [offset for _, offset in await jobwire.log.put(topic.name, records)]
    return {offsets[place]: name for place, name in places.items()}


async def _every_record_is_handled_once(jobwire: Jobwire, topic: Topic) -> None:
    """By every consumer, those of every replica included; a hot loop would handle more than there are."""

    async def handled(group: str) -> bool:
        service, name = group.rstrip("*").partition(".")[0], group.rstrip("*")
        count = await jobwire.metric(
            service, "jobwire_records_total", group=name, topic=jobwire.settings.named(topic.name)
        )
        there = sum((await jobwire.log.ends(topic.name)).values())
        assert count <= there, f"{group} has handled {count:.0f} records of {there}."
        return count == there

    for group in topic.heard_by:
        await until(lambda group=group: handled(group), what=f"{group} has handled all of {topic.name}")
    for group in _groups(topic):
        await until(lambda group=group: jobwire.log.done(group, topic.name), what=f"{group} has committed {topic.name}")


async def _each_has_its_effect(jobwire: Jobwire, group: str, good: Sequence[Good]) -> None:
    for one in good:
        if seen := one.effects.get(group):
            await until(lambda seen=seen: seen(jobwire), what=f"{group} shows what it has handled")


async def _letters(jobwire: Jobwire, topic: Topic, offsets: dict[int, str]) -> list[tuple[str, ConsumerRecord]]:
    """The dead letters of these records: what was wrong, and the letter."""
    found = []
    for letter in await jobwire.log.all_dead_letters():
        headers = headers_of(letter)
        ours = headers["x-original-topic"] == jobwire.settings.named(topic.name)
        if ours and headers["x-original-partition"] == str(PARTITION) and int(headers["x-original-offset"]) in offsets:
            found.append((offsets[int(headers["x-original-offset"])], letter))
    return found


def _is_as_it_was(letter: ConsumerRecord, record: Put, *, reason: str) -> None:
    """The key, the bytes and the headers of the record, and beside them why, when and where."""
    added = {name: value for name, value in letter.headers if name.startswith("x-")}
    assert added["x-reason"] == reason.encode(), added
    assert {"x-detail", "x-original-timestamp", "x-failed-at"} <= added.keys()
    assert (letter.key, letter.value) == (record.key, record.value), reason
    assert [header for header in letter.headers if header[0] not in added] == list(record.headers), reason


def _groups(topic: Topic) -> list[str]:
    """Those that have a place in the log. What every replica hears for itself has none, and puts nothing aside."""
    return [group for group in topic.heard_by if not group.endswith("*")]
