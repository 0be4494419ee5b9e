"""How much each partner has to do: what has come in lately, and what it works on."""

from collections import Counter, defaultdict, deque
from datetime import datetime, timedelta

from deploy.simulation.truth import Truth

WEEK = timedelta(days=7)


class Loads:
    def __init__(self, truth: Truth) -> None:
        self._characters = truth.characters
        self._received: dict[int, deque[datetime]] = defaultdict(deque)
        self._working: Counter[int] = Counter()

    def of(self, number: int, at: datetime) -> float:
        """1 is a full week of requests, or all hands at work."""
        received, who = self._received[number], self._characters[number]
        while received and received[0] <= at - WEEK:
            received.popleft()
        return len(received) / who.jobs_a_week + self._working[number] / who.hands

    def receives(self, number: int, at: datetime) -> None:
        self._received[number].append(at)

    def starts_work(self, number: int) -> None:
        self._working[number] += 1

    def ends_work(self, number: int) -> None:
        self._working[number] -= 1
