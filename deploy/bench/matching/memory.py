"""What an index weighs, in a process that does nothing else: `python -m deploy.bench.matching.memory 100000` prints the
bytes by which its resident memory grew.
"""

import asyncio
import ctypes
import gc
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import psutil

from deploy.bench.matching.market import TODAY, Known, partners
from services.matching.index import Index

TARGET_MB = 300.0
BATCH = 256
_WARM_UP = 2_000
_MB = 1e6


@dataclass(frozen=True)
class Memory:
    partners: int
    megabytes: float
    """What the process grew by, from an empty index to one that has derived everything."""

    @property
    def holds(self) -> bool:
        return self.megabytes <= TARGET_MB


async def measure(count: int) -> Memory:
    words = (sys.executable, "-m", "deploy.bench.matching.memory", str(count))
    child = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {child.returncode}.")
    return Memory(count, int(said) / _MB)


def main() -> None:
    for _ in partners(_WARM_UP, TODAY):
        pass  # what the generator keeps for itself is there before
    index, before = Index(), _resident()
    market = partners(int(sys.argv[1]), TODAY)
    for batch in _batches(market):
        _take(index, batch)
    for service in index.slices:
        index.slice(service, TODAY.toordinal())
    sys.stdout.write(f"{_resident() - before}\n")


def _take(index: Index, batch: Iterable[Known]) -> None:
    for partner, standing in batch:
        index.put(partner)
        if standing is not None:
            index.learn(standing)


def _batches(market: Iterator[Known]) -> Iterator[list[Known]]:
    while batch := list(islice(market, BATCH)):
        yield batch


def _resident() -> int:
    """Without what Python and its allocator would give back when asked."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    resident: int = psutil.Process().memory_info().rss
    return resident


if __name__ == "__main__":
    main()
