"""Partners change while matching goes on: real records through the real consumer, and a selection after each batch."""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

from deploy.bench.matching.changes import Changes
from deploy.bench.matching.market import AT, POPULAR, request_id, requests
from deploy.bench.matching.records import raw
from services.matching.handlers import keeps_partners
from services.matching.index import Index, needed
from services.matching.offline import Raw
from services.matching.selection import Choice, select
from services.matching.weights import Weights
from shared.consumer import Consumer
from shared.contracts.base import Locale
from shared.contracts.requests import RequestDetails
from shared.metrics import Metrics
from shared.publisher import KafkaPublisher
from shared.settings import Settings
from shared.topics import PARTNERS

TARGET = 10_000.0
BATCH = 256
COUNT = 4


@dataclass(frozen=True)
class Updates:
    """`per_second` is with everything: parsing, taking over, and a selection after each batch. Milliseconds are
    medians of a batch; `batch_ms` includes its parsing.
    """

    changes: int
    per_second: float
    parse_ms: float
    batch_ms: float
    selection_ms: float

    @property
    def holds(self) -> bool:
        return self.per_second >= TARGET


async def measure(index: Index, partners: int, batches: int) -> Updates:
    """Each selection sees what its batch changed, or this raises AssertionError."""
    details = next(one for one in requests(20) if one.locale is Locale.EN)
    prepared = _batches(Changes(partners), _eligible(index, details, partners), batches)
    consumer, before = _consumer(index), _chosen(index, details, 0).eligible
    times = []
    for number, batch in enumerate(prepared):
        alone = perf_counter()
        PARTNERS.codec.decode_all([raw.value for raw in batch])
        began = perf_counter()
        await consumer.process(batch)
        between = perf_counter()
        eligible = _chosen(index, details, number).eligible
        times.append((between - began, perf_counter() - between, began - alone))
        if eligible != before - _hidden(number):
            raise AssertionError(f"{eligible} eligible after batch {number}: the selection did not see its changes.")
    return Updates(
        changes=BATCH * batches,
        per_second=BATCH * batches / sum(batch + selection for batch, selection, _ in times),
        parse_ms=1e3 * median(one[2] for one in times),
        batch_ms=1e3 * median(one[0] for one in times),
        selection_ms=1e3 * median(one[1] for one in times),
    )


def _batches(changes: Changes, shy: int, count: int) -> list[list[Raw]]:
    """In each of them `shy` hides from matching or shows itself again, among others who change something else."""
    batches = []
    for number in range(count):
        out = changes.some(BATCH - 1, but=shy)
        out.insert(BATCH // 2, changes.prefers(shy, visible=not _hidden(number)))
        batches.append([raw(one, offset, AT) for offset, one in enumerate(out, start=number * BATCH)])
    return batches


def _hidden(number: int) -> int:
    """How many of the eligible are hidden after this batch."""
    return 1 - number % 2


def _eligible(index: Index, details: RequestDetails, partners: int) -> int:
    """The first who is."""
    pool, bits, changes = index.slices[POPULAR], needed(details), Changes(partners)
    rows = ((number, index.row_of(pool, changes.partner(number).partner_id)) for number in range(partners))
    return next(number for number, row in rows if row is not None and int(pool.columns.flags[row]) & bits == bits)


def _consumer(index: Index) -> Consumer:
    # Nothing is put aside, so the publisher is never asked.
    publisher, metrics = KafkaPublisher(Settings(), "bench"), Metrics("matching")
    handler = keeps_partners(index, metrics)
    return Consumer("matching", "bench", [PARTNERS], handler, publisher=publisher, metrics=metrics, everyone=True)


def _chosen(index: Index, details: RequestDetails, number: int) -> Choice:
    return select(request_id(number), details, index, COUNT, at=AT, weights=Weights())
