"""The directory and the profiles as JSON."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.leads.filters import Filters
from services.leads.profiles import Card, Profile
from services.leads.search import Search
from shared.http import Problem


class Partners(BaseModel):
    """One page of the partners that fit, the best first; those who cannot be contacted now come last."""

    partners: list[Card]
    total: int
    page: int
    pages: int
    next_page: Annotated[int | None, Field(description="None on the last page.")]


def directory_api(search: Search) -> APIRouter:
    router = APIRouter(prefix="/api/v1/partners", tags=["partners"])

    @router.get("")
    async def partners(filters: Annotated[Filters, Query()]) -> Partners:
        """Search partners: published, visible ones, 20 a page. Their order holds for a day (UTC), as long as their
        standings do.
        """
        found = await search.find(filters)
        return Partners(
            partners=found.partners,
            total=found.total,
            page=found.page,
            pages=found.pages,
            next_page=found.page + 1 if found.page < found.pages else None,
        )

    @router.get("/{slug}", responses={404: {"description": "There is no such published profile."}})
    async def profile(slug: str, review_page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> Profile:
        """A partner's public profile with one page of its reviews, whether it is visible in search or not."""
        partner = await search.profile(slug, review_page)
        if partner is None:
            raise Problem(404, "not_found", "There is no such partner.")
        return partner

    return router
