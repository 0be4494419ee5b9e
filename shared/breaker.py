"""Tells a bad record from a bad release."""

from collections import deque
from collections.abc import Sequence

from shared.records import Dead, Received


class Stopped(Exception):  # noqa: N818 - a state, not an error
    """Most aggregates of a partition break: it is our fault, not the data's."""


class Breaker:
    """Remembers how the last records of each partition ended, and stops before a bug of ours empties a topic into the
    dead letters.

    What counts is how many aggregates broke: one that breaks with each of its commands says nothing about the others.
    """

    WINDOW = 64
    AT_LEAST = 8

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], deque[tuple[bytes | None, bool]]] = {}

    def judge(self, received: Sequence[Received], dead: Sequence[Dead]) -> None:
        """Count this batch. Raises `Stopped` when more than half of the aggregates among a partition's last records,
        and at least eight, met a bug.
        """
        buggy = {(one.raw.topic, one.raw.partition, one.raw.offset) for one in dead if one.bug}
        for one in received:
            ends = self._ends.setdefault((one.raw.topic, one.raw.partition), deque(maxlen=self.WINDOW))
            ends.append((one.raw.key, (one.raw.topic, one.raw.partition, one.raw.offset) in buggy))
        for (topic, partition), ends in self._ends.items():
            broke, met = len({key for key, bug in ends if bug}), len({key for key, _ in ends})
            if broke >= self.AT_LEAST and broke * 2 > met:
                raise Stopped(f"{broke} of the last {met} aggregates of {topic}[{partition}] broke their handler.")
