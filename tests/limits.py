"""Tests do in seconds what people do in days: for them each limit of the gateway is out of reach, unless it is what the
test is about.
"""

from services.gateway.limits import TABLE, Counted, Counting, name_of

OUT_OF_REACH = "1000000/minute"
UNLIMITED = {f"{name_of(act)}.{by.value}": OUT_OF_REACH for act, limits in TABLE.items() for by in limits}


class NoLimits:
    """In place of `ActLimits` where nothing is counted."""

    async def count(self, _act: Counted, _counting: Counting) -> None: ...
