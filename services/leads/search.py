"""The directory's reading side: partners that fit, a page at a time, and one partner's profile."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.leads.filters import Filters
from services.leads.profiles import Card, Profile, PublicReview, is_contactable, links_of
from services.leads.projections import PROFILES, REPUTES, REVIEWS, texts_of
from services.leads.ranking import UNKNOWN, Standing, ranked
from shared.clock import Clock
from shared.failures import Unreadable
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.mongo import Database, Document
from shared.tokens import Kind, Term, fold, pairs_of, terms_of

PAGE = 20
UNSHOWABLE = (ArithmeticError, LookupError, TypeError, ValueError)
"""What comes of values that a document of another release may hold, or that no door has ever bounded."""

SEARCHABLE: Document = {"searchable": True}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what fits; `total` counts all pages."""

    partners: list[Card]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters can choose from: what the partners in search have."""

    languages: list[str]
    countries: list[str]
    currencies: list[str]


class Search:
    """Each page ranks all partners that fit: a standing changes with every job, so an order that is stored would be
    old. What is read for that is small; the page's partners are read whole.
    """

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._partners = database[PROFILES]
        self._standings = database[REPUTES]
        self._reviews = database[REVIEWS]
        self._clock = clock
        self._metrics = metrics

    async def find(self, filters: Filters) -> Found:
        """The page of the partners that fit, best first; those who cannot be contacted now come after all others."""
        today = self._clock.now().date()
        fitting = await self._fitting(filters)
        standings = await self._known([partner["_id"] for partner in fitting])
        here: dict[UUID, Standing] = {}
        elsewhere: dict[UUID, Standing] = {}
        for partner in fitting:
            standing = standings.get(partner["_id"], UNKNOWN)
            if _is_good_enough(standing, filters):
                (here if is_contactable(partner, today) else elsewhere)[partner["_id"]] = standing
        order = [*ranked(here, today), *ranked(elsewhere, today)]
        page = order[(filters.page - 1) * PAGE : filters.page * PAGE]
        return Found(await self._cards(page, {**here, **elsewhere}, today), len(order), filters.page)

    async def choices(self) -> Choices:
        languages, countries, currencies = await asyncio.gather(
            *(self._partners.distinct(field, SEARCHABLE) for field in ("languages", "country", "currencies"))
        )
        return Choices(sorted(languages), sorted(countries), sorted(currencies))

    async def profile(self, slug: str, review_page: int = 1) -> Profile | None:
        """The published partner under this slug, visible in search or not. Raises Unreadable for one that this release
        cannot show.
        """
        partner = await self._partners.find_one({"slug": slug, "published": True})
        if partner is None:
            return None
        standings = await self._known([partner["_id"]])
        count = await self._reviews.count_documents({"partner_id": partner["_id"]})
        reviews = tuple(await self._said(partner["_id"], review_page))
        try:
            return Profile.of(
                partner,
                standings.get(partner["_id"], UNKNOWN),
                self._clock.now().date(),
                portfolio=links_of(partner["portfolio"]),
                reviews=reviews,
                review_page=review_page,
                review_pages=max(1, -(-count // PAGE)),
            )
        except UNSHOWABLE as error:
            self._note("profile", partner["_id"], error)
            raise Unreadable("unshowable", "This profile cannot be shown.", partner["_id"]) from error

    async def _fitting(self, filters: Filters) -> list[Document]:
        terms = terms_of(filters.q)
        runs = [term.texts[0] for term in terms if term.needs_check]
        fields = {"reachable": 1, "away": 1, **({"name": 1, "about": 1, "services": 1} if runs else {})}
        found = self._partners.find(_query(filters, terms), fields)
        return [partner async for partner in found if _holds_all(partner, runs)]

    async def _known(self, partner_ids: list[UUID]) -> dict[UUID, Standing]:
        found = self._standings.find({"_id": {"$in": partner_ids}})
        return {
            document["_id"]: Standing(**{name: document[name] for name in Standing._fields}) async for document in found
        }

    async def _cards(self, page: list[UUID], standings: dict[UUID, Standing], today: date) -> list[Card]:
        found = self._partners.find({"_id": {"$in": page}}, {"tokens": 0, "blocked_by": 0})
        partners = {partner["_id"]: partner async for partner in found}
        cards = (
            self._card(partners[partner_id], standings[partner_id], today)
            for partner_id in page
            if partner_id in partners
        )
        return [card for card in cards if card is not None]

    def _card(self, partner: Document, standing: Standing, today: date) -> Card | None:
        """None for a partner that cannot be shown: the others on its page still are."""
        try:
            return Card.of(partner, standing, today)
        except UNSHOWABLE as error:
            self._note("card", partner["_id"], error)
            return None

    def _note(self, what: str, partner_id: UUID, error: Exception) -> None:
        self._metrics.unshown.labels(what).inc()
        log.error("partner_not_shown", what=what, partner_id=str(partner_id), error=type(error).__name__)

    async def _said(self, partner_id: UUID, page: int) -> Iterable[PublicReview]:
        newest = self._reviews.find({"partner_id": partner_id}).sort([("at", -1), ("_id", -1)])
        said = [review async for review in newest.skip((page - 1) * PAGE).limit(PAGE)]
        return [shown for review in said if (shown := self._review(review)) is not None]

    def _review(self, review: Document) -> PublicReview | None:
        try:
            return PublicReview.model_validate(review)
        except UNSHOWABLE as error:
            self._note("review", review["partner_id"], error)
            return None


def _is_good_enough(standing: Standing, filters: Filters) -> bool:
    """The mean as it is shown, so that nobody who is listed with 4.5 is missing among those with at least 4.5."""
    if filters.rating is not None and (standing.rating is None or round(standing.rating, 2) < filters.rating):
        return False
    reply = standing.typical_reply
    return filters.within is None or (reply is not None and round(reply) <= filters.within * 3600)


def _query(filters: Filters, terms: list[Term]) -> Document:
    wanted = [SEARCHABLE, *(condition for term in terms for condition in _conditions(term))]
    if filters.language is not None:
        wanted.append({"languages": filters.language})
    if filters.country is not None:
        wanted.append({"country": filters.country})
    if filters.service is not None:
        wanted.append({"services": filters.service})
    if filters.price is not None:
        wanted.append({"offers": {"$elemMatch": _price(filters)}})
    return {"$and": wanted}


def _price(filters: Filters) -> Document:
    """One offer that has it all: the price counts for the service that is asked for, not for another."""
    offer: Document = {"price_from.currency": filters.currency, "cents": {"$lte": int((filters.price or 0) * 100)}}
    if filters.service is not None:
        offer["service"] = filters.service
    if filters.per is not None:
        offer["unit"] = filters.per
    return offer


def _conditions(term: Term) -> list[Document]:
    match term.kind:
        case Kind.PREFIX:
            # A string, not a compiled pattern: PyMongo would send that with a flag that costs the index its bounds.
            return [{"tokens": {"$regex": f"^{re.escape(term.texts[0])}"}}]
        case Kind.WORD:
            return [{"tokens": {"$in": list(term.texts)}}]
        case Kind.RUN:
            return [{"tokens": pair} for pair in pairs_of(term.texts[0])]


def _holds_all(partner: Document, runs: list[str]) -> bool:
    """A text may hold all pairs of a run and not the run."""
    if not runs:
        return True
    texts: list[Any] = [fold(text) for text in texts_of(partner["name"], partner["about"], partner["services"])]
    return all(any(run in text for text in texts) for run in runs)
