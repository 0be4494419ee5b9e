"""The directory and the profiles as pages. Filters are a plain form whose address can be shared; no page needs a
script.
"""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from services.leads.filters import LONGEST, USUAL_CURRENCY, Filters, from_query
from services.leads.profiles import shown
from services.leads.search import Choices, Search
from shared.contracts.base import Locale, Money
from shared.i18n import N_, country_name, environment, language_name
from shared.taxonomy import SERVICES, service_name
from shared.tokens import fold

TEMPLATES = Path(__file__).parent / "templates"

WITHIN = (1, 4, 12, 24, 48)
RATINGS = (3, 4, 4.5)
DESCRIBED = 155
"""Characters of a description that search engines show."""

UNITS = {"project": N_("per project"), "hour": N_("per hour"), "month": N_("per month"), "item": N_("per item")}


def directory_pages(search: Search, public_url: str) -> APIRouter:
    """`public_url` is where people reach these pages; canonical addresses begin with it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/{locale}/partners")
    async def directory(locale: Locale, request: Request) -> Response:
        filters, wrong = from_query(request.query_params, locale)
        found = await search.find(filters)
        if found.page > found.pages:  # somebody's old link: the last page there is
            filters = filters.model_copy(update={"page": found.pages})
            found = await search.find(filters)
        return _page(
            locale,
            "directory.html",
            **_addresses(public_url, "/partners", filters.query()),
            filters=filters,
            wrong=wrong,
            typed=request.query_params,
            found=found,
            limit=None if filters.price is None else Money(amount=filters.price, currency=filters.currency or ""),
            choices=_choices(locale, await search.choices(), filters),
        )

    @router.get("/{locale}/partners/{slug}")
    async def profile(locale: Locale, slug: str, reviews: str = "") -> Response:
        page = int(reviews) if reviews.isdecimal() and 0 < len(reviews) < 5 else 1
        partner = await search.profile(slug, max(1, page))
        if partner is None:
            return _page(locale, "no_profile.html", 404)
        return _page(
            locale,
            "profile.html",
            **_addresses(public_url, f"/partners/{partner.slug}"),
            partner=partner,
            description=" ".join(partner.about.split())[:DESCRIBED],
            shown=shown,
        )

    return router


def _choices(locale: Locale, choices: Choices, filters: Filters) -> dict[str, Any]:
    """The options of the form, each with its name. What somebody asked for stays an option though nobody has it."""
    asked = {filters.currency} if filters.price is not None else {USUAL_CURRENCY[locale]}
    return {
        "service": [(key, service_name(key, locale)) for key in SERVICES],
        "language": _by_name(
            {code: language_name(code, locale) for code in _with(choices.languages, filters.language)}
        ),
        "country": _by_name({code: country_name(code, locale) for code in _with(choices.countries, filters.country)}),
        "currency": sorted({*choices.currencies, *asked} - {None}),
        "per": UNITS,
        "rating": sorted({*RATINGS, *([filters.rating] if filters.rating else [])}),
        "within": sorted({*WITHIN, *([filters.within] if filters.within else [])}),
        "longest": LONGEST,
    }


def _with(codes: list[str], chosen: str | None) -> list[str]:
    return [*codes, chosen] if chosen and chosen not in codes else codes


def _by_name(names: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(((code, name[:1].upper() + name[1:]) for code, name in names.items()), key=lambda each: fold(each[1]))


def _addresses(public_url: str, path: str, query: str = "") -> dict[str, Any]:
    """The same page in each language: for readers as they see it, for search engines without what was searched for."""
    return {
        "alternates": {one.value: f"/{one.value}{path}{query}" for one in Locale},
        "canonical": {one.value: f"{public_url.rstrip('/')}/{one.value}{path}" for one in Locale},
    }


def _page(locale: Locale, template: str, status: int = 200, **values: Any) -> Response:
    named = {"service_named": lambda key: service_name(key, locale), **values}
    html = environment(TEMPLATES, locale).get_template(template).render(**named)
    return HTMLResponse(html, status, headers={"Content-Language": locale.value, "Cache-Control": "no-cache"})
