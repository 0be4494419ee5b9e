"""The search in a partner's jobs: queries on the index of `search_index.py`, with the places of the hits."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from services.gateway.read.projections import JOBS, TIMELINE
from services.gateway.read.search_index import (
    SAID,
    SEARCH,
    WORDS,
    Field,
    Passage,
    passages_of_entry,
    passages_of_request,
)
from shared.contracts.jobs import Job
from shared.documents import readable
from shared.mongo import Database
from shared.tokens import COMMENT, Kind, Span, Term, deletions, fold, is_near, pairs_of, spans, terms_of

MOST_CORRECTIONS = 100
ROUNDS, MOST_CANDIDATES = 8, 400
"""How often a page asks for further candidates when a check has thrown some out, and for how many at once."""
MOST_PLACES = 10
EXCERPT = 160
BEFORE = 50
"""Characters of an excerpt that stand before its first hit."""

Query = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit is: some 160 characters around it, and the hits in them."""

    field: Field
    entry_id: UUID | None
    excerpt: str
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class Hit:
    """`created_at` is the job's place in the order of the index."""

    job: Job
    created_at: datetime
    places: list[Place]

    @property
    def job_id(self) -> UUID:
        return self.job.job_id


class Search:
    """Queries of one partner's team. Comments are found too: this is nothing to show a merchant."""

    def __init__(self, database: Database) -> None:
        self._search = database[SEARCH]
        self._words = database[WORDS]
        self._jobs = database[JOBS]
        self._timeline = database[TIMELINE]

    async def find(
        self, partner_id: UUID, q: str, *, filters: Query, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Hit]:
        """The partner's jobs that hold all terms of `q`, newest first, at most `limit`; none if `q` has no term.

        `q` is as typed: a space at its end says that its last word is finished. `filters` is a query on the filter
        fields, made by us, not by a stranger. `before` is the `created_at` and `job_id` of the last page's last hit.
        A word that none of the partner's jobs holds stands for those that are one typo away. A page is short before
        the end only if `ROUNDS` of candidates did not fill it.
        """
        terms = terms_of(q)
        if not terms or limit < 1:
            return []
        page = _Page(partner_id, filters, before, limit)
        if hits := await self._filled(page, terms):
            return hits
        corrected = [await self._corrected(partner_id, term) for term in terms]
        return await self._filled(page, corrected) if corrected != terms else []

    async def _filled(self, page: "_Page", terms: list[Term]) -> list[Hit]:
        hits: list[Hit] = []
        for _ in range(ROUNDS):
            found = self._candidates(page, terms)
            candidates = [(document["created_at"], document["_id"]) async for document in found]
            hits += await self._checked(page.partner_id, candidates, terms)
            if len(hits) >= page.limit or len(candidates) < page.size:
                break
            page = page.after(candidates[-1])
        return hits[: page.limit]

    def _candidates(self, page: "_Page", terms: list[Term]) -> Any:
        """Only what the index holds is asked for, so that one term without filters reads no document at all."""
        found = self._search.find(page.query(terms), {"created_at": 1})
        return found.sort([("created_at", -1), ("_id", -1)]).limit(page.size)

    async def _checked(self, partner_id: UUID, candidates: list[tuple[datetime, UUID]], terms: list[Term]) -> list[Hit]:
        """The candidates that hold what tokens cannot tell. One that the job list does not know yet is left out."""
        mine = {"_id": {"$in": [job_id for _, job_id in candidates]}, "partner_id": partner_id}
        found = self._jobs.find(mine, {"job": 1})
        documents = [(document["_id"], document["job"]) async for document in found]
        jobs = {job.job_id: job for job in readable(Job, documents)}
        texts = await self._texts(jobs, terms)
        return [
            Hit(jobs[job_id], created_at, _places(texts[job_id], terms))
            for created_at, job_id in candidates
            if job_id in jobs and _holds_all(texts[job_id], terms)
        ]

    async def _texts(self, jobs: Mapping[UUID, Job], terms: list[Term]) -> dict[UUID, list[Passage]]:
        """What these jobs are about, and what was said in which one of the terms may stand, in the order in which it
        was written. The rest of a conversation is not read.
        """
        texts = {job_id: passages_of_request(job.details) for job_id, job in jobs.items()}
        said = self._said(list(texts), terms)
        for entry in sorted([document async for document in said], key=lambda document: int(document["version"])):
            texts[entry["job_id"]] += passages_of_entry(entry)
        return texts

    def _said(self, job_ids: list[UUID], terms: list[Term]) -> Any:
        theirs = {"job_id": {"$in": job_ids}}
        # The jobs in each alternative, so that each goes by the index of jobs and tokens.
        return self._timeline.find(
            {"$or": [{**theirs, **may_hold} for may_hold in _entries(terms)], "type": {"$in": sorted(SAID)}},
            {"job_id": 1, "version": 1, "type": 1, "fact.text": 1, "fact.attachments.name": 1},
        )

    async def _corrected(self, partner_id: UUID, term: Term) -> Term:
        """The term, or the words that it may have meant if the partner has no job with it."""
        keys = [] if term.kind is Kind.RUN else deletions(term.texts[0])
        mine = {"$and": [{"partner_id": partner_id}, *_conditions(term)]}
        if not keys or await self._search.find_one(mine, {"_id": 1}):
            return term
        alike = self._words.find({"keys": {"$in": keys}}, {"_id": 1}).limit(MOST_CORRECTIONS)
        words = [document["_id"] async for document in alike]
        near = tuple(sorted(word for word in words if is_near(word, term.texts[0])))
        return Term(Kind.WORD, near) if near else term


@dataclass(frozen=True, slots=True)
class _Page:
    """What is asked for, and from where on. `size` is the number of candidates that are fetched at once."""

    partner_id: UUID
    filters: Query
    before: tuple[datetime, UUID] | None
    limit: int
    size: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.size or self.limit)

    def after(self, candidate: tuple[datetime, UUID]) -> "_Page":
        """Where one candidate was no hit, more will not be: the next round fetches twice as many."""
        return replace(self, before=candidate, size=max(self.limit, min(2 * self.size, MOST_CANDIDATES)))

    def query(self, terms: list[Term]) -> Query:
        wanted = [condition for term in terms for condition in _conditions(term)]
        filters = [self.filters] if self.filters else []
        return {"$and": [{"partner_id": self.partner_id}, *wanted, *filters, *self._start()]}

    def _start(self) -> list[Query]:
        if self.before is None:
            return []
        created_at, job_id = self.before
        # The first is for the index; the second is exact.
        older = [{"created_at": {"$lt": created_at}}, {"created_at": created_at, "_id": {"$lt": job_id}}]
        return [{"created_at": {"$lte": created_at}}, {"$or": older}]


def _conditions(term: Term) -> list[Query]:
    """What a job's tokens must hold, all of it. Both as said and as commented: whoever searches may see both."""
    match term.kind:
        case Kind.PREFIX:
            begins = re.escape(term.texts[0])
            # A string, not a compiled pattern: PyMongo would send that with a flag that costs the index its bounds.
            return [{"$or": [{"tokens": {"$regex": f"^{mark}{begins}"}} for mark in ("", COMMENT)]}]
        case Kind.WORD:
            return [_any_of(term.texts)]
        case Kind.RUN:
            return [_any_of([pair]) for pair in pairs_of(term.texts[0])]


def _entries(terms: list[Term]) -> list[Query]:
    """What an entry's tokens are like in which a term may stand. Entries without tokens are of a time before there were
    any, and any text may stand in them.
    """
    alternatives: list[Query] = [{"tokens": None}]
    for term in terms:
        match term.kind:
            case Kind.PREFIX:
                alternatives.append({"tokens": {"$regex": f"^{re.escape(term.texts[0])}"}})
            case Kind.WORD:
                alternatives.append({"tokens": {"$in": list(term.texts)}})
            case Kind.RUN:
                alternatives.append({"tokens": {"$all": pairs_of(term.texts[0])}})
    return alternatives


def _any_of(tokens: Iterable[str]) -> Query:
    return {"tokens": {"$in": [mark + token for token in tokens for mark in ("", COMMENT)]}}


def _holds_all(passages: list[Passage], terms: list[Term]) -> bool:
    runs = [term.texts[0] for term in terms if term.needs_check]
    folded = [fold(passage.text) for passage in passages] if runs else []
    return all(any(run in text for text in folded) for run in runs)


def _places(passages: list[Passage], terms: list[Term]) -> list[Place]:
    found = (_place(passage, terms) for passage in passages)
    return list(islice((place for place in found if place), MOST_PLACES))


def _place(passage: Passage, terms: list[Term]) -> Place | None:
    text = passage.text
    found = spans(text, terms)
    if not found:
        return None
    start = max(0, min(found[0][0] - BEFORE, len(text) - EXCERPT))
    end = start + EXCERPT
    left, right = "…" if start else "", "…" if end < len(text) else ""
    moved = len(left) - start
    shown = [(begins + moved, min(ends, end) + moved) for begins, ends in found if begins < end]
    return Place(passage.field, passage.entry_id, left + text[start:end] + right, shown)
