"""The same question put to MongoDB: the same partners as documents, the same filters, the same score.

MongoDB is favoured where the two differ: it leaves out how alike the texts are (96 dimensions), the share that nobody
may exceed, the draws and the explanations. Everything is in its cache, and the factors that the index derives for the
day stand in its documents.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from types import MappingProxyType
from typing import Any

import numpy as np

from deploy.bench.matching.market import AT, POPULAR, request_id, requests
from services.matching import index as columns
from services.matching import learning
from services.matching.index import Index, Slice, needed
from services.matching.selection import Asking, parts_of, select
from services.matching.weights import Weights
from shared.contracts.base import Locale
from shared.contracts.requests import RequestDetails
from shared.mongo import Collection, Database, Document, aggregated

TARGET = 10.0
COUNT = 4
CLOSE = 1e-3
"""How near two scores of 0 to 1 are that count as equal: an explanation's points are rounded."""
_STANDARD = Weights()
COMPARABLE = Weights(
    name="comparable", fit=0, share=round(_STANDARD.share + _STANDARD.fit, 6), exploration=0, most_share=1e9
)
"""Without what MongoDB's score leaves out."""
WARM_UP = 5
FLAGS: Mapping[int, str] = MappingProxyType(
    {
        columns.OFFERED: "offered",
        columns.PUBLISHED: "published",
        columns.AVAILABLE: "available",
        columns.VISIBLE: "visible",
        columns.DROPSHIPS: "dropships",
        columns.PRESENT: "present",
        columns.HAS_ROOM: "has_room",
        **{bit: f"speaks_{locale.value}" for locale, bit in columns.SPEAKS.items()},
    }
)
_INSERTED_AT_ONCE = 2_000


@dataclass(frozen=True)
class Against:
    """Milliseconds, medians."""

    documents: int
    mongodb: float
    select: float

    @property
    def ratio(self) -> float:
        return self.mongodb / self.select

    @property
    def holds(self) -> bool:
        return self.ratio >= TARGET


async def measure(database: Database, index: Index, asked: Sequence[RequestDetails]) -> Against:
    """Each request once, both ways in turns, after both ways gave the same."""
    collection, weights = database["offers"], Weights()
    pool = index.slices[POPULAR]
    await fill(collection, index, pool)
    times = []
    for number, details in enumerate(asked):
        await check_same(collection, index, details)
        query = pipeline(pool, index, details, weights)
        began = perf_counter()
        await aggregated(collection, query)
        between = perf_counter()
        select(request_id(number), details, index, COUNT, at=AT, weights=weights)
        times.append((between - began, perf_counter() - between))
    ways = (1e3 * median(one[way] for one in times[WARM_UP:]) for way in (0, 1))
    return Against(pool.columns.size, *ways)


async def fill(collection: Collection, index: Index, pool: Slice) -> None:
    await collection.create_index([("service", 1), *((name, 1) for name in FLAGS.values())])
    documents = list(_documents(index, pool))
    for start in range(0, len(documents), _INSERTED_AT_ONCE):
        await collection.insert_many(documents[start : start + _INSERTED_AT_ONCE])


async def check_same(collection: Collection, index: Index, details: RequestDetails) -> None:
    """The comparison means nothing unless both do the same work. Raises AssertionError."""
    pool = index.slices[POPULAR]
    found = await aggregated(collection, pipeline(pool, index, details, COMPARABLE))
    ours = select(request_id(0), details, index, COUNT, at=AT, weights=COMPARABLE).selections
    scores = [one["score"] for one in found], [one.score / 100 for one in ours]
    if len(found) != len(ours) or any(abs(a - b) > CLOSE for a, b in zip(*scores, strict=True)):
        raise AssertionError(f"MongoDB's best score {scores[0]}, the index's {scores[1]}.")
    nobody_near = all(before - after > CLOSE for before, after in zip(scores[0], scores[0][1:], strict=False))
    if nobody_near and [one["_id"] for one in found[:-1]] != [one.partner_id for one in ours[:-1]]:
        raise AssertionError(f"MongoDB and the index choose others for {details.title!r}.")


def pipeline(pool: Slice, index: Index, details: RequestDetails, weights: Weights) -> list[Document]:
    """The best `COUNT` and their scores, 0 to 1."""
    bits = needed(details)
    must = {name: True for bit, name in FLAGS.items() if bits & bit}
    return [
        {"$match": {"service": details.service, **must}},
        {"$project": {"score": {"$add": _points(pool, index, details, parts_of(details, weights))}}},
        {"$sort": {"score": -1}},
        {"$limit": COUNT},
    ]


def _points(pool: Slice, index: Index, details: RequestDetails, parts: Mapping[str, float]) -> list[Document]:
    sort = learning.sort_of(learning.band_of(details.budget), details.kind.names_a_partner)
    factors = {
        "time": "$time",
        "cost": _cost(index, details),
        "quality": "$quality",
        "chance": {"$add": [f"$base_{sort}", {"$multiply": [f"$slope_{sort}", pool.mean(sort)]}]},
        "answers": "$answers",
        "craft": "$craft",
        "language": f"$language_{details.locale.value}",
        "share": "$share",
    }
    return [{"$multiply": [factor, parts[name]]} for name, factor in factors.items()]


def _cost(index: Index, details: RequestDetails) -> Any:
    """As the index has it: all below half the budget, half at the budget, none from twice it."""
    code = index.currency(details.budget.currency) if details.budget else None
    if details.budget is None or code is None:
        return 0.5
    of_budget = {"$divide": ["$price", float(details.budget.amount)]}
    steep, flat = {"$subtract": [1.5, of_budget]}, {"$subtract": [1, {"$divide": [of_budget, 2]}]}
    bounded = {"$max": [0, {"$min": [1, {"$max": [steep, flat]}]}]}
    return {"$cond": [{"$eq": ["$currency", code]}, bounded, 0.5]}


def _documents(index: Index, pool: Slice) -> Iterator[Document]:
    of, asked, names = pool.columns, requests(1)[0], list(parts_of(requests(1)[0], COMPARABLE))
    values = Asking(asked, index, pool, COMPARABLE).values(np.arange(of.size))
    share: list[float] = values[names.index("share")].tolist()  # the same for every request of a day
    for row, number in enumerate(of.number[: of.size].tolist()):
        flags, table = int(of.flags[row]), of.table[row].astype(np.float64).tolist()
        yield {
            "_id": index.id_of(number),
            "service": POPULAR,
            **{name: bool(flags & bit) for bit, name in FLAGS.items()},
            "time": table[columns.TIME],
            "quality": table[columns.QUALITY],
            "answers": table[columns.ANSWERS],
            "craft": table[columns.CRAFT],
            **{f"language_{locale.value}": table[columns.LANGUAGE[locale]] for locale in Locale},
            **{f"base_{sort}": table[columns.BASE + sort] for sort in range(learning.SORTS)},
            **{f"slope_{sort}": table[columns.SLOPE + sort] for sort in range(learning.SORTS)},
            "share": share[row],
            "price": float(of.price[row]),
            "currency": int(of.currency[row]),
        }
