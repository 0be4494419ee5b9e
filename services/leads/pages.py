"""The public pages. They work without JavaScript; a form that comes back keeps what was typed."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.leads.desk import Desk
from services.leads.directory import Directory
from services.leads.submission import NewRequest, from_form
from shared.commands import NotTaken
from shared.contracts.base import Locale, derived_id
from shared.http import Problem, fields_of
from shared.i18n import N_, environment, gettext
from shared.taxonomy import SERVICES, service_name

TEMPLATES = Path(__file__).parent / "templates"
CURRENCIES = ("USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY", "SGD")

# A field's own sentence; pydantic's are for programs.
_MESSAGES = {
    "merchant.name": N_("Please tell us your name."),
    "merchant.email": N_("Please enter an e-mail address that we can write to."),
    "merchant.store_url": N_("Please enter your store's address, such as https://shop.example."),
    "business": N_("Please describe your business in a few words."),
    "service": N_("Please choose the service that you need."),
    "title": N_("Please give your request a short title, on one line."),
    "requirements": N_("Please describe what you need, in at most 8,000 characters."),
    "budget.amount": N_("Please enter the budget as a number, or leave it empty."),
    "partner_id": N_("This partner cannot be contacted right now."),
    "body": N_("Your request could not be taken. Please try again in a quarter of an hour."),
}
_NOT_TAKEN = N_("Your request could not be stored just now. Please send it again in a moment.")


def pages(desk: Desk, directory: Directory) -> APIRouter:  # noqa: C901 - a list of pages
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home(request: Request) -> Response:
        return RedirectResponse(f"/{_preferred(request)}/requests/new")

    @router.get("/{locale}/requests/new")
    async def blank(locale: Locale, partner: str | None = None) -> Response:
        chosen = await directory.by_slug(partner) if partner else None
        if partner and chosen is None:
            return _page(locale, "gone.html", 404)
        values = {"kind": "direct" if chosen else "match", "partner_id": str(chosen["_id"]) if chosen else ""}
        return _form(locale, values, {}, chosen)

    @router.post("/{locale}/requests/new")
    async def submitted(locale: Locale, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        partner = await _named_partner(directory, form)
        try:
            body = NewRequest.model_validate(from_form(form, locale))
            await desk.submit(_request_id(form, body), body.details())
        except ValidationError as error:
            return _form(locale, form, _messages(locale, fields_of(error.errors())), partner)
        except Problem as problem:
            # One about no field, too many say, is about the form.
            errors = problem.more.get("errors") or [{"field": "body", "message": problem.detail}]
            return _form(locale, form, _messages(locale, errors), partner, status=problem.status)
        except NotTaken:
            return _form(locale, form, {"body": gettext(locale, _NOT_TAKEN)}, partner, status=503)
        return _page(locale, "sent.html", 202, email=str(body.merchant.email))

    @router.get("/{locale}/requests/{request_id}/confirm")
    async def ask(locale: Locale, request_id: UUID, token: str = "") -> Response:
        # Nothing happens by GET: mail scanners follow links.
        return _page(locale, "confirm.html", request_id=request_id, token=token)

    @router.post("/{locale}/requests/{request_id}/confirm")
    async def confirmed(locale: Locale, request_id: UUID, request: Request) -> Response:
        token = str((await request.form()).get("token", ""))
        try:
            await desk.confirm(request_id, token)
        except Problem as problem:
            return _page(locale, "bad_link.html", problem.status)
        return _page(locale, "confirmed.html")

    return router


def _form(
    locale: Locale,
    values: dict[str, str],
    errors: dict[str, str],
    partner: dict[str, Any] | None,
    status: int | None = None,
) -> Response:
    query = f"?partner={partner['slug']}" if partner else ""
    offered = [key for key in SERVICES if partner is None or key in partner["services"]]
    return _page(
        locale,
        "form.html",
        status or (422 if errors else 200),
        alternates={one.value: f"/{one.value}/requests/new{query}" for one in Locale},
        values={"request_id": str(uuid4()), **values},
        errors=errors,
        partner=partner,
        services=[(key, service_name(key, locale)) for key in offered],
        currencies=CURRENCIES,
    )


def _page(locale: Locale, template: str, status: int = 200, **values: Any) -> Response:
    html = environment(TEMPLATES, locale).get_template(template).render(**values)
    return HTMLResponse(html, status, headers={"Content-Language": locale.value, "Cache-Control": "no-store"})


def _messages(locale: Locale, errors: list[dict[str, str]]) -> dict[str, str]:
    """One sentence per field, in the reader's language."""
    fallback = N_("Please look at this field again.")
    return {error["field"]: gettext(locale, _MESSAGES.get(error["field"], fallback)) for error in errors}


async def _named_partner(directory: Directory, form: dict[str, str]) -> dict[str, Any] | None:
    try:
        return await directory.by_id(UUID(form["partner_id"])) if form.get("partner_id") else None
    except ValueError:
        return None


def _request_id(form: dict[str, str], body: NewRequest) -> UUID:
    """From the form's id and what it says: a double click is one request, other words are another."""
    return derived_id("form", form.get("request_id") or uuid4(), body.model_dump_json())


def _preferred(request: Request) -> Locale:
    for part in request.headers.get("accept-language", "").split(","):
        language = part.split(";")[0].strip()[:2].lower()
        if language in {locale.value for locale in Locale}:
            return Locale(language)
    return Locale.EN
