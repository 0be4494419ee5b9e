"""The matching service as a process, on a real Kafka and a real MongoDB: how many requests a second, and what they see
of partners that change.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, time

from pydantic import SecretStr

from deploy.bench.matching.changes import Changes
from deploy.bench.matching.market import AT, POPULAR, TODAY, known, request_id, requests
from deploy.bench.matching.records import changed, confirmed
from deploy.bench.matching.watching import Matches, lag, ready
from deploy.local.parts import choose_port
from deploy.local.processes import ManagedProcess
from deploy.local.stack import Endpoints
from deploy.provision import provision
from shared.contracts.matching import RequestMatched
from shared.contracts.partners import Partner
from shared.publisher import KafkaPublisher, Outgoing
from shared.settings import Settings
from shared.topics import LOCAL_PARTITIONS

UNOFFERED = "training"
"""Nobody in this market offers it, but for the one who is watched."""
WARM_UP = 0.1
FLOOD_SECONDS, CHANGES_A_SECOND, REQUESTS_A_SECOND, TICKS_A_SECOND = 5, 10_000, 50, 10
TRIES = 10
AGAIN_SECONDS = 0.02
PATIENCE = 300.0
_ROOT = Path(__file__).parents[3]
_AT_ONCE = 2_000
_BURST_SERVICES = (POPULAR, "ads", "migration", "store-setup")


@dataclass(frozen=True)
class Live:
    """`seen_ms` is from the moment that Kafka has acknowledged a change to the first answer that shows it, `answer_ms`
    from asking to the answer while partners change. Milliseconds are medians.
    """

    partners: int
    ready_seconds: float
    requests_per_second: float
    changes_per_second: float
    answer_ms: float
    lag: int
    lag_seconds: float
    offered_ms: float
    unavailable_ms: float


async def measure(endpoints: Endpoints, folder: Path, partners: int, burst: int) -> Live:
    settings = Settings(
        kafka_bootstrap_servers=endpoints.kafka_bootstrap_servers,
        mongodb_uri=SecretStr(endpoints.mongodb_uri),
        namespace="bench-matching",
        partitions=LOCAL_PARTITIONS,
    )
    await provision(settings)
    publisher = KafkaPublisher(settings, "jobwire-bench")
    await publisher.start()
    try:
        for start in range(0, partners, _AT_ONCE):
            await publisher.publish([_first(number) for number in range(start, min(start + _AT_ONCE, partners))])
        async with Matches(settings) as matches, matching(endpoints, settings, folder) as (port, ready_seconds):
            asking = _Asking(publisher, matches, port, Changes(partners, without=UNOFFERED))
            rate = await asking.burst(burst)
            flood = await asking.flood()
            seen = [await asking.seen(number) for number in range(TRIES)]
        offered, unavailable = (1e3 * median(one[way] for one in seen) for way in (0, 1))
        return Live(partners, ready_seconds, rate, *flood, offered, unavailable)
    finally:
        await publisher.stop()


def _first(number: int) -> Outgoing:
    return changed(known(number, TODAY, without=UNOFFERED).partner, "profile", AT)


@asynccontextmanager
async def matching(endpoints: Endpoints, settings: Settings, folder: Path) -> AsyncIterator[tuple[int, float]]:
    """Its port, and the seconds from its start until it was ready with the whole market in memory."""
    port = choose_port("matching", 0, "")
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("JOBWIRE_", "KAFKA_"))}
    ours = {
        "JOBWIRE_NAMESPACE": settings.namespace,
        "JOBWIRE_PARTITIONS": str(settings.partitions),
        "JOBWIRE_OPS_PORT": str(port),
        "JOBWIRE_LOG_LEVEL": "WARNING",
        "OPENBLAS_NUM_THREADS": "1",
    }
    process = ManagedProcess(
        "matching",
        [sys.executable, "-m", "services.matching.main"],
        log_file=folder / "matching.log",
        cwd=_ROOT,
        env={**theirs, **endpoints.environ(), **ours},
    )
    began = perf_counter()
    await process.start()
    try:
        await process.wait_ready(partial(ready, port), within=PATIENCE)
        yield port, perf_counter() - began
    finally:
        await process.stop(grace=30)


class _Asking:
    """Requests and changes, published as leads and the gateway would."""

    def __init__(self, publisher: KafkaPublisher, matches: Matches, port: int, changes: Changes) -> None:
        self._publisher = publisher
        self._matches = matches
        self._port = port
        self._changes = changes
        self._asked = 0

    async def burst(self, count: int) -> float:
        """Answers a second to requests that all come at once, without the first tenth of them."""
        per_service = [requests(count // len(_BURST_SERVICES), service) for service in _BURST_SERVICES]
        out = [confirmed(self._number(), one, AT) for same in zip(*per_service, strict=True) for one in same]
        await self._publisher.publish(out)
        times = sorted(await self._answered(range(self._asked - len(out), self._asked)))
        first = int(len(times) * WARM_UP)
        return (len(times) - first) / (times[-1] - times[first])

    async def flood(self) -> tuple[float, float, int, float]:
        """Changes a second that came through, milliseconds to an answer, the lag at the end, and its seconds."""
        details = requests(FLOOD_SECONDS * REQUESTS_A_SECOND)
        per_tick = REQUESTS_A_SECOND // TICKS_A_SECOND
        ticks = [
            [confirmed(self._number(), one, AT) for one in details[start : start + per_tick]]
            + self._changes_of_a_tick()
            for start in range(0, len(details), per_tick)
        ]
        first, sent, began = self._asked - len(details), list[float](), time()
        for number, tick in enumerate(ticks):
            await asyncio.sleep(max(began + number / TICKS_A_SECOND - time(), 0))
            sent += [time()] * per_tick
            await self._publisher.publish(tick)
        published = time()
        left = await lag(self._port)
        caught_up = await self._caught_up()
        answers = await self._answered(range(first, self._asked))
        changes = CHANGES_A_SECOND // TICKS_A_SECOND * len(ticks)
        waited = 1e3 * median(answer - asked for answer, asked in zip(answers, sent, strict=True))
        return changes / (published - began), waited, left, caught_up - published

    async def seen(self, number: int) -> tuple[float, float]:
        """Seconds until a partner who begins to offer a service is chosen for it, and until it is not when it has
        become unavailable. Raises TimeoutError when the change never shows.
        """
        partner = self._open(number)
        offer = known(number, TODAY).partner.profile.services[0].model_copy(update={"service": UNOFFERED})
        offered = self._changes.says(number, services=(*partner.profile.services, offer), published=True)
        appears = await self._until_chosen(offered, partner, chosen=True)
        disappears = await self._until_chosen(self._changes.prefers(number, available=False), partner, chosen=False)
        return appears, disappears

    async def _until_chosen(self, change: Outgoing, partner: Partner, *, chosen: bool) -> float:
        await self._publisher.publish([change])
        acknowledged = time()
        while True:
            (details,) = requests(1, UNOFFERED)
            request = confirmed(self._number(), details, AT)
            await self._publisher.publish([request])
            answer = await self._matches.of(request_id(self._asked - 1), PATIENCE)
            fact = answer.fact
            names = [one.partner_id for one in fact.selections] if isinstance(fact, RequestMatched) else []
            if (partner.partner_id in names) == chosen:
                return answer.at - acknowledged
            await asyncio.sleep(AGAIN_SECONDS)

    async def _caught_up(self) -> float:
        """When. Twice nothing: between two fetches the service does not know yet what else there is."""
        while True:
            at = time()
            if not await lag(self._port):
                await asyncio.sleep(0.05)
                if not await lag(self._port):
                    return at
            await asyncio.sleep(0.01)

    def _open(self, number: int) -> Partner:
        """The partner, once it takes everything from everybody."""
        self._changes.prefers(number, available=True, visible=True, away=None, jobs_per_week=None, open_jobs=None)
        self._changes.says(number, languages=("en", "fr", "ja"))
        return self._changes.partner(number)

    def _changes_of_a_tick(self) -> list[Outgoing]:
        return self._changes.some(CHANGES_A_SECOND // TICKS_A_SECOND)

    def _number(self) -> int:
        self._asked += 1
        return self._asked - 1

    async def _answered(self, numbers: Sequence[int]) -> list[float]:
        """When each was answered."""
        return [(await self._matches.of(request_id(number), PATIENCE)).at for number in numbers]
