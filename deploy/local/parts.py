"""What the local Kafka, MongoDB, mail catcher and platform have in common."""

import asyncio
import errno
import os
import random
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from deploy.local.processes import ManagedProcess

Progress = Callable[[str, str], None]
"""Called in the event loop with a part's name and one short sentence for people."""

HOST = "127.0.0.1"

READY_SECONDS = 300.0
"""A part that dies is noticed at once. One that lives may take as long as the slowest of machines needs."""

# Below the range that Linux gives to outgoing connections (32768 and up). A client that retries
# against a dead broker inside that range can be given the broker's own port and connect to itself,
# after which the broker cannot come back.
_FREE_PORTS = range(20_000, 32_000)
_given: set[int] = set()
"""Chosen before and perhaps not listened on yet: nobody else may get them."""


class PartUnavailable(RuntimeError):  # noqa: N818  # says what is the case
    """A part cannot be had on this machine: why, and what a person can do, one sentence each."""

    def __init__(self, part: str, why: str, what_to_do: str) -> None:
        super().__init__(f"{part}: {why} {what_to_do}")
        self.part = part
        self.why = why
        self.what_to_do = what_to_do


class Part(ABC):
    """One part of the local stack, run as a child process.

    `start` returns when the part answers; `kill` is for chaos tests; after `kill` or `stop`, `start`
    brings it back on the same ports with the same data.
    """

    process: ManagedProcess | None = None

    @abstractmethod
    async def start(self) -> None:
        """Starts the part and waits until it answers; raises PartUnavailable if it cannot."""

    async def stop(self, grace: float = 10.0) -> None:
        """Ends the part cleanly; does nothing if it does not run."""
        if self.process:
            await self.process.stop(grace)

    async def kill(self) -> None:
        """Ends the part as a power cut would (SIGKILL)."""
        if self.process:
            await self.process.kill()

    async def restart(self) -> None:
        """Stops the part if it runs, then starts it on the same ports."""
        await self.stop()
        await self.start()


def say_nothing(part: str, sentence: str) -> None:
    """The Progress of whoever does not watch."""


def choose_port(part: str, wanted: int, what_to_do: str) -> int:
    """Gives `wanted` if nobody listens there (0: any free port); else raises PartUnavailable."""
    if wanted:
        if not _is_free(wanted):
            why = f"Port {wanted} is taken by another program."
            raise PartUnavailable(part, why, what_to_do)
        return wanted
    for port in random.sample(_FREE_PORTS, k=200):
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise PartUnavailable(part, "No free port was found on this machine.", what_to_do)


async def listens(port: int) -> bool:
    """Whether something accepts connections; client libraries would log an error per refusal."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def cache_dir() -> Path:
    """Where downloads shared by all of a user's projects are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jobwire"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still winding down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True
