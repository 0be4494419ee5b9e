"""The four forms as pages. They work without JavaScript; a form that comes back keeps what was typed."""

import re
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any, Literal
from uuid import UUID, uuid4

from babel.dates import format_timedelta
from fastapi import Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from services.leads.asker import Asker
from services.leads.desk import Desk, Sender
from services.leads.directory import Directory
from services.leads.rates import ADDRESS, NETWORK, OVERALL
from services.leads.rendering import busy, page
from services.leads.stamp import TRAP, BadStamp, Stamps
from services.leads.submission import NewRequest, from_form
from shared.client_ip import Networks
from shared.commands import NotTaken, not_taken_while_away
from shared.contracts.base import Locale, derived_id
from shared.contracts.requests import RequestKind
from shared.http import Problem, fields_of
from shared.i18n import N_, gettext
from shared.metrics import Metrics
from shared.rates import TooMany
from shared.settings import Settings
from shared.taxonomy import SERVICES, service_name

CURRENCIES = ("USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY", "SGD")
MOST_FIELDS = 40
_ORIGINS = re.compile(r"\*|https?://[A-Za-z0-9.*:-]+( +https?://[A-Za-z0-9.*:-]+)*")

# A field's own sentence; pydantic's are for programs.
_MESSAGES = {
    "merchant.name": N_("Please tell us your name, without web addresses, e-mail addresses or telephone numbers."),
    "merchant.email": N_("Please enter an e-mail address that we can write to."),
    "merchant.store_url": N_("Please enter your store's address, such as https://shop.example."),
    "merchant.phone": N_("Please enter a telephone number, or leave it empty."),
    "business": N_("Please describe your business in a few words."),
    "service": N_("Please choose the service that you need."),
    "title": N_("Please give your request a short title, on one line."),
    "requirements": N_("Please describe what you need, in at most 8,000 characters."),
    "budget.amount": N_("Please enter the budget as a number, or leave it empty."),
    "partner_id": N_("This partner cannot be contacted right now."),
}
_PLANS = N_("Please describe your plans in a few words.")
_LOOK_AGAIN = N_("Please look at this field again.")
_GONE = N_(
    "The partner that you chose cannot be contacted right now. What you typed is still here: send it once more, and it "
    "goes to several partners whom it suits."
)
_NOT_TAKEN = N_("Your request could not be stored just now. Please send it again in a moment.")
_STAMPS = {
    "too_fast": N_("That was faster than people type, so we ask once more: please send the form again."),
    "stale": N_("This page was open for too long. Please look through your request and send it again."),
}
_LIMITS = {
    ADDRESS: N_("Many requests came for this address. Please try again in %(wait)s."),
    NETWORK: N_("Many requests came from your network. Please try again in %(wait)s."),
    OVERALL: N_("Very many requests are coming in. Please try again in %(wait)s."),
}


@dataclass(frozen=True)
class Place:
    """Where a form stands, and the kinds of request that come of it: without a partner, and for the one it names."""

    path: str
    kind: RequestKind | None
    named: RequestKind | None = None
    framed: bool = False

    def url(self, locale: Locale, slug: str = "") -> str:
        return f"/{locale.value}/{self.path}" + (f"?partner={slug}" if slug else "")


MERCHANTS = Place("requests/new", RequestKind.MATCH, RequestKind.DIRECT)
PROSPECTS = Place("prospects/new", RequestKind.LEAD)
CONTACT = Place("contact", None, RequestKind.CONTACT)
FRAMED_MERCHANTS = Place("embed/match", RequestKind.MATCH, framed=True)
FRAMED_PROSPECTS = Place("embed/lead", RequestKind.LEAD, framed=True)
PLACES = (MERCHANTS, PROSPECTS, CONTACT, FRAMED_MERCHANTS, FRAMED_PROSPECTS)


@dataclass(frozen=True)
class Form:
    place: Place
    locale: Locale
    partner: dict[str, Any] | None = None

    @property
    def kind(self) -> RequestKind:
        kind = self.place.named if self.partner else self.place.kind
        assert kind is not None, "A form of this place names a partner."
        return kind


class Forms:
    def __init__(  # noqa: PLR0913 - the parts, named
        self,
        desk: Desk,
        directory: Directory,
        stamps: Stamps,
        networks: Networks,
        asker: Asker,
        *,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._desk = desk
        self._directory = directory
        self._stamps = stamps
        self._networks = networks
        self._asker = asker
        self._settings = settings
        if not _ORIGINS.fullmatch(settings.embed_origins):
            raise ValueError("JOBWIRE_EMBED_ORIGINS is * or origins such as https://shop.example, separated by blanks.")
        self._metrics = metrics

    async def blank(self, place: Place, locale: Locale, slug: str | None) -> Response:
        if place.kind is None and not slug:
            return RedirectResponse(f"/{locale.value}/partners", 303)
        partner = await self._directory.by_slug(slug, place.named) if slug and place.named else None
        if slug and place.named and partner is None:
            return page(locale, "gone.html", 404, prospect=place.named.is_prospects)
        return self._page(Form(place, locale, partner), {}, {})

    async def posted(self, place: Place, locale: Locale, request: Request) -> Response:
        values = await _typed(request)
        if values.get(TRAP):
            # Who fills it learns nothing: the answer is the usual one, and nothing is kept.
            self._metrics.forms.labels((place.kind or place.named or ""), "trap").inc()
            return self._sent(Form(place, locale), values, uuid4())
        try:
            partner = await self._named(values.get("partner_id", ""), place.named) if place.named else None
        except NotTaken:
            return busy(locale)
        if place.named and partner is None and (values.pop("partner_id", "") or place.kind is None):
            unnamed = Form(MERCHANTS if place.kind else PROSPECTS, locale)
            return self._again(unnamed, values, {"body": gettext(locale, _GONE)}, "invalid")
        return await self._submitted(Form(place, locale, partner), values, request)

    async def _submitted(self, form: Form, values: dict[str, str], request: Request) -> Response:
        locale = form.locale
        try:
            body = NewRequest.model_validate(from_form(values, locale, form.kind))
            form_id = self._stamps.read(values.get("stamp", ""))
            # From the form's id and what it says: a double click is one request, other words are another.
            request_id = derived_id("form", form_id, body.model_dump_json())
            taken, new = await self._desk.submit(request_id, body, Sender(self._networks.of(request)))
        except ValidationError as error:
            return self._again(form, values, _messages(form, fields_of(error.errors())), "invalid")
        except BadStamp as bad:
            if not bad.keeps:
                values.pop("stamp", None)
            return self._again(form, values, {"body": gettext(locale, _STAMPS[bad.code])}, bad.code)
        except TooMany as many:
            sentence = gettext(locale, _LIMITS[many.which], wait=_wait(many.seconds, locale))
            return self._again(form, values, {"body": sentence}, f"limited_{many.which}", many)
        except Problem as problem:
            errors = _messages(form, problem.more.get("errors") or [{"field": "body"}])
            return self._again(form, values, errors, "invalid", problem)
        except NotTaken:
            away = Problem(503, "try_again", _NOT_TAKEN)
            return self._again(form, values, {"body": gettext(locale, _NOT_TAKEN)}, "try_again", away)
        self._metrics.forms.labels(form.kind, "taken" if new else "same_again").inc()
        return self._sent(form, {"email": str(body.merchant.email)}, taken)

    async def _named(self, partner_id: str, kind: RequestKind) -> dict[str, Any] | None:
        try:
            asked = UUID(partner_id)
        except ValueError:
            return None
        with not_taken_while_away():
            return await self._directory.by_id(asked, kind)

    def _sent(self, form: Form, values: dict[str, str], request_id: UUID) -> Response:
        back = form.place.url(form.locale, form.partner["slug"] if form.partner else "")
        shown = values.get("email", "")[:254]
        sent = page(
            form.locale, "sent.html", 202, self._framing(form), email=shown, back=back, framed=form.place.framed
        )
        if not form.place.framed:  # other people's pages get no cookies of ours
            self._asker.remember(sent, request_id)
        return sent

    def _again(
        self, form: Form, values: dict[str, str], errors: dict[str, str], result: str, trouble: Problem | None = None
    ) -> Response:
        self._metrics.forms.labels(form.kind, result).inc()
        if trouble is None:
            return self._page(form, values, errors, 422)
        return self._page(form, values, errors, trouble.status, trouble.headers)

    def _page(
        self,
        form: Form,
        values: dict[str, str],
        errors: dict[str, str],
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        partner, settings = form.partner, self._settings
        slug = partner["slug"] if partner else ""
        offered = [key for key in SERVICES if partner is None or key in partner["services"]]
        return page(
            form.locale,
            "form.html",
            status,
            {**self._framing(form), **(headers or {})},
            alternates={one.value: form.place.url(one, slug) for one in Locale},
            action=form.place.url(form.locale),
            values={
                "partner_id": str(partner["_id"]) if partner else "",
                **values,
                "stamp": values.get("stamp") or self._stamps.fresh(),
            },
            errors=errors,
            partner=partner,
            prospect=form.kind.is_prospects,
            framed=form.place.framed,
            services=[(key, service_name(key, form.locale)) for key in offered],
            currencies=CURRENCIES,
            trap=TRAP,
            at_first=settings.partners_per_wave,
            at_most=settings.partners_per_wave * settings.waves,
            wave_after=_wait(settings.lead_wave_seconds, form.locale),
        )

    def _framing(self, form: Form) -> dict[str, str]:
        """A form for other people's pages says who may frame it; all other pages refuse (`shared.http`)."""
        if not form.place.framed:
            return {}
        return {
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
            f"form-action 'self'; base-uri 'none'; frame-ancestors {self._settings.embed_origins}"
        }


async def _typed(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        return {name: str(value) for name, value in form.items()}


def _messages(form: Form, errors: list[dict[str, str]]) -> dict[str, str]:
    """One sentence per field, in the reader's language."""
    own = {"business": _PLANS, "body": _NOT_TAKEN} if form.kind.is_prospects else {"body": _NOT_TAKEN}
    return {
        error["field"]: gettext(form.locale, {**_MESSAGES, **own}.get(error["field"], _LOOK_AGAIN)) for error in errors
    }


def _wait(seconds: int, locale: Locale) -> str:
    """Rounded up: who comes back after it is not refused again."""
    unit: Literal["minute", "hour"] = "minute" if seconds <= 3600 else "hour"
    size = 60 if unit == "minute" else 3600
    rounded = timedelta(seconds=ceil(seconds / size) * size)
    # With such a threshold Babel keeps to the unit; it would round 25 hours to a day.
    return format_timedelta(rounded, granularity=unit, threshold=1_000_000, locale=locale.value)
