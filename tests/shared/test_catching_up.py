"""Which of a key's records is the newest, told without parsing them all."""

from types import SimpleNamespace
from typing import Any

import pytest

from shared.catching_up import Newest, version_of
from shared.contracts.base import Record
from shared.contracts.codec import encode, encode_parts
from shared.contracts.matching import StandingChanged
from shared.contracts.partners import PartnerChanged
from tests.builders import PARTNER_ID, a_command, a_partner, an_event


def a_standing(version: int) -> bytes:
    return encode(a_command(StandingChanged(partner_id=PARTNER_ID, version=version, services={}), PARTNER_ID))


def as_the_loop_says(record: Record) -> bytes:
    fields = {name: getattr(record, name) for name in type(record).model_fields if name != "data"}
    return encode_parts(fields, {"fact": b'{"version":7}', "snapshot": b'{"version":8,"data":{"a":"b","version":9}}'})


PARTNER = an_event(
    PartnerChanged(), a_partner(about='A "version":99,"data":{ of a text', version=5), subject=PARTNER_ID
)


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (a_standing(12), 12),
        (encode(PARTNER), 5),
        (as_the_loop_says(PARTNER), 5),
        (b'{"data": {"services": {}, "version": 4}, "id": "x"}', 4),
        (b'{"data": {}}', None),
        (b"no json", None),
        (b"", None),
        (None, None),
    ],
)
def test_a_record_tells_its_version_however_it_is_written(value: bytes | None, version: int | None) -> None:
    assert version_of(value) == version


def test_the_highest_version_is_the_newest_wherever_it_stands_and_what_nobody_can_tell_is_kept() -> None:
    values = [a_standing(1), a_standing(3), b"no json", a_standing(2)]
    log: list[Any] = [SimpleNamespace(key=b"one", value=value, offset=n) for n, value in enumerate(values)]
    newest = Newest()
    newest.take(log)
    assert [record.offset for record in newest.records()] == [1, 2]
    assert newest.seen == 4
