"""The public pages of requests: the forms, what mailed links lead to, and what other people's pages embed."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from services.leads.forms import PLACES, Forms, Place
from shared.contracts.base import Locale

STATIC = Path(__file__).parent / "static"


def pages(forms: Forms) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home(request: Request) -> Response:
        return RedirectResponse(f"/{_preferred(request)}/partners")

    @router.get("/embed.js")
    @router.get("/framed.js")
    async def script(request: Request) -> Response:
        name = request.scope["path"].rpartition("/")[2]
        # Other sites' pages load the first of them.
        about = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
        return FileResponse(STATIC / name, media_type="text/javascript", headers=about)

    for place in PLACES:
        _form_at(router, place, forms)
    return router


def _form_at(router: APIRouter, place: Place, forms: Forms) -> None:
    @router.get(f"/{{locale}}/{place.path}")
    async def blank(locale: Locale, partner: str | None = None) -> Response:
        return await forms.blank(place, locale, partner)

    @router.post(f"/{{locale}}/{place.path}")
    async def posted(locale: Locale, request: Request) -> Response:
        return await forms.posted(place, locale, request)


def _preferred(request: Request) -> Locale:
    for part in request.headers.get("accept-language", "").split(","):
        language = part.split(";")[0].strip()[:2].lower()
        if language in {locale.value for locale in Locale}:
            return Locale(language)
    return Locale.EN
