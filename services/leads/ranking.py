"""Who comes first in the directory. Pure: one day, the same partners and standings, the same order.

A partner's score is between 0 and 1, of what matching has learned of all its jobs:

    0.5 · quality      the Bayesian mean of its ratings, (C·m + Σ ratings) / (C + number), brought from 1..5 to 0..1:
                       the weighted rating known from IMDb's Top 250. C and m as in matching's own score.
    0.3 · answers      the share of jobs that got an answer in time, as matching counts it (`StandingChanged.answering`:
                       a beta mean in which a decline is an answer and an expiry counts twice)
    0.2 · promptness   1 for a first reply at once, 0 for one after 72 hours on the mean; a half while there is none

Equal scores are ordered by a lot that is drawn anew every day, so that nobody is first by id for good.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

QUALITY, ANSWERS, PROMPTNESS = 0.5, 0.3, 0.2

PRIOR_REVIEWS = 3.0
PRIOR_RATING = 4.2
PRIOR_ANSWERS = 0.75
SLOW_REPLY_SECONDS = 72 * 3600.0

KNOWN_AFTER = 3
"""A partner is new until this many of its jobs were answered or expired, or somebody has reviewed it. An expired job
ends newness too: else letting all of them expire would keep a newcomer's place for ever."""
NEWCOMERS_PLACE = 5
"""Each fifth place goes to the next newcomer. A page holds a multiple of it, so that every page has its share."""


class Standing(NamedTuple):
    """What the directory knows of a partner's work: counts of jobs, seconds until the first replies, sums of ratings.
    `answers` is the answering share as matching values it, 0..1; None before the first job.
    """

    ended: int = 0
    replied: int = 0
    reply_seconds: float = 0.0
    reviews: int = 0
    rating_sum: int = 0
    answers: float | None = None

    @property
    def rating(self) -> float | None:
        """The plain mean of the reviews, as it is shown."""
        return self.rating_sum / self.reviews if self.reviews else None

    @property
    def typical_reply(self) -> float | None:
        """Seconds until the first reply, on the mean."""
        return self.reply_seconds / self.replied if self.replied else None

    @property
    def is_newcomers(self) -> bool:
        return self.ended < KNOWN_AFTER and self.reviews == 0


UNKNOWN = Standing()


def score(standing: Standing) -> float:
    mean = (PRIOR_REVIEWS * PRIOR_RATING + standing.rating_sum) / (PRIOR_REVIEWS + standing.reviews)
    reply = standing.typical_reply
    promptness = 0.5 if reply is None else 1.0 - min(reply / SLOW_REPLY_SECONDS, 1.0)
    answers = PRIOR_ANSWERS if standing.answers is None else standing.answers
    return QUALITY * (mean - 1) / 4 + ANSWERS * answers + PROMPTNESS * promptness


def ranked(partners: Mapping[UUID, Standing], day: date) -> list[UUID]:
    """All of them, the best first; each fifth place is a newcomer's as long as there are any."""
    by_lot = sorted(partners, key=lambda partner_id: _lot(day, partner_id))
    newcomers = [partner_id for partner_id in by_lot if partners[partner_id].is_newcomers]
    known = [partner_id for partner_id in by_lot if not partners[partner_id].is_newcomers]
    # Sorting keeps the order of equals, which is the lot's.
    known.sort(key=lambda partner_id: -score(partners[partner_id]))
    return list(_shared(known, newcomers))


def _shared(known: Iterable[UUID], newcomers: Iterable[UUID]) -> Iterator[UUID]:
    known, newcomers = iter(known), iter(newcomers)
    place = 1
    while True:
        first, then = (newcomers, known) if place % NEWCOMERS_PLACE == 0 else (known, newcomers)
        partner_id = next(first, None) or next(then, None)
        if partner_id is None:
            return
        yield partner_id
        place += 1


def _lot(day: date, partner_id: UUID) -> bytes:
    return blake2b(day.isoformat().encode() + partner_id.bytes, digest_size=8).digest()
