"""A consumer that every replica has for itself, and that has to know where in the log it began to hear."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.consumer import Consumer

Begun = Callable[[Mapping[tuple[str, int], int]], None]
"""Told once, before anything is handled or soon after: by topic (as the table names it) and partition, the first
offset that will be heard."""


class TailConsumer(Consumer):
    def __init__(self, *args: Any, begun: Begun, **parts: Any) -> None:
        super().__init__(*args, **parts)
        self.begun = begun
