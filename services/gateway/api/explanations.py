"""Why matching has asked a partner, or has not, in the JSON API: to its own team, and to those who run Jobwire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.gateway.accounts import Membership
from services.gateway.api.answers import SIGNED_IN
from services.gateway.api.jobs import NO_NUL
from services.gateway.explaining import advice, coarse, label, words
from services.gateway.operators import Operator
from services.gateway.read.explanations import Explanation, Sought
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from shared.contracts.base import Locale, Money
from shared.contracts.jobs import job_id_of
from shared.contracts.matching import Why
from shared.contracts.requests import RequestKind


class FactorView(BaseModel):
    """One part of the score. `value` is 0 to 1 (of the luck of the draw it may be below), `weight` its share, `points`
    their product times 100; all three are null where the partner was not asked. `advice` says what can be done about a
    weak one.
    """

    name: str
    label: str
    points: float | None
    value: float | None
    weight: float | None
    advice: str | None


class ExplanationView(BaseModel):
    """What matching thought of one partner for one wave of a request. `bar` is the lowest score of those who were
    asked, without the luck of the draw; `probability` the share of all draws in which this partner is asked; `asked`
    counts the wave, `eligible` all who could have been asked (0: not known). `why` is for who was not chosen: `score`
    (others scored higher), `share` (it had got more than its share) or `draw` (the lot fell on others); it is told
    neither the budget nor any points from which that could be computed, and its scores are rounded. `job_id` is the job
    that came of it. `partner_id` and `request_id` are shown to operators, with all points.
    """

    id: UUID
    at: datetime
    service: str
    kind: RequestKind
    locale: Locale
    budget: Money | None
    wave: int
    chosen: bool
    why: Why | None
    words: list[str]
    score: float
    bar: float
    probability: float
    asked: int
    eligible: int
    weights: str
    factors: list[FactorView]
    job_id: UUID | None
    partner_id: UUID | None = None
    request_id: UUID | None = None


class Explanations(BaseModel):
    explanations: list[ExplanationView]
    next_cursor: str | None


async def sought(
    chosen: Annotated[bool | None, Query(description="Asked, or passed over")] = None,
    service: Annotated[str | None, Query(max_length=80, pattern=NO_NUL)] = None,
    request_id: Annotated[UUID | None, Query(description="Of this request")] = None,
    partner_id: Annotated[UUID | None, Query(description="For operators; others find nothing but their own")] = None,
) -> Sought:
    """The filters of the list, from the query. Asynchronous, because FastAPI gives anything else to a thread."""
    return Sought(chosen, service, request_id, partner_id)


def explanations_api(reading: Reading, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1/matching", tags=["matching"], responses=SIGNED_IN)
    Reader = Annotated[Membership | Operator, Depends(signed_in.member_or_operator)]  # noqa: N806 - a type
    Filters = Annotated[Sought, Depends(sought)]  # noqa: N806 - a type

    @router.get("/explanations")
    async def list_explanations(
        reader: Reader, wanted: Filters, cursor: Annotated[str | None, Query(max_length=400)] = None
    ) -> Explanations:
        """Why you were asked for a request, or were not, newest first, in your language. Operators are shown every
        partner's, in English, with a token of their own in place of a session's.
        """
        if isinstance(reader, Operator):
            page = await reading.explanations({}, wanted.query(), cursor)
            shown = [_operators_view(one) for one in page.explanations]
            return Explanations(explanations=shown, next_cursor=page.next_cursor)
        if reader.member.assigned_only:
            return Explanations(explanations=[], next_cursor=None)
        page = await reading.explanations({"partner_id": reader.partner.partner_id}, wanted.query(), cursor)
        shown = [_view(one, reader.member.locale) for one in page.explanations]
        return Explanations(explanations=shown, next_cursor=page.next_cursor)

    return router


def _view(of: Explanation, locale: Locale, *, exact: bool = False) -> ExplanationView:
    """As its partner is shown it, or `exact`: with every number that was written down."""
    numbers = exact or of.chosen
    told = of if numbers else coarse(of)
    hidden = {} if numbers else dict.fromkeys(("points", "value", "weight"))
    return ExplanationView(
        **{name: getattr(told, name) for name in _TAKEN_OVER},
        words=words(told, locale),
        factors=[
            FactorView(
                **{**part.model_dump(), **hidden},
                label=label(part.name, locale),
                advice=advice(part, of, locale),
            )
            for part in of.factors
        ],
        job_id=job_id_of(of.request_id, of.partner_id) if of.chosen and not of.kind.is_prospects else None,
    )


def _operators_view(of: Explanation) -> ExplanationView:
    whose = {"partner_id": of.partner_id, "request_id": of.request_id}
    return _view(of, Locale.EN, exact=True).model_copy(update=whose)


_TAKEN_OVER = ExplanationView.model_fields.keys() - {"words", "factors", "job_id", "partner_id", "request_id"}
