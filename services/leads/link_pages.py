"""The pages that mailed links lead to. Nothing happens by GET, for mail scanners follow links: a button acts."""

from collections.abc import Awaitable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from services.leads.asker import Asker
from services.leads.desk import Desk
from services.leads.directory import Directory
from services.leads.rendering import busy, page
from services.leads.submission import SeenText
from shared.commands import NotTaken
from shared.contracts.base import Locale
from shared.http import Problem, fields_of
from shared.i18n import N_, gettext
from shared.links import Purpose

RATINGS = (
    (5, N_("Excellent")),
    (4, N_("Good")),
    (3, N_("Acceptable")),
    (2, N_("Poor")),
    (1, N_("Very poor")),
)

_REVIEW_MESSAGES = {
    "rating": N_("Please choose how satisfied you are."),
    "text": N_("Please say in a few words what the work was like, in at most 8,000 characters."),
}
_REFUSED = {
    "already_reviewed": N_("You have already reviewed this work. Thank you."),
    "own_review": N_("You belong to this partner's team, and nobody reviews their own work."),
    "not_waiting": N_("This request is not with any partner any more. There is nothing left to do."),
    "withdrawn": N_("This request was withdrawn."),
    "stopped": N_("This request has been stopped by Jobwire. There is nothing left for you to do."),
    "helped": N_("You told us that you have found somebody. There is nothing left to do."),
    "dropped": N_("This request was not confirmed within 48 hours and has been dropped. Please send it again."),
}


class NewReview(BaseModel):
    rating: Annotated[int, Field(ge=1, le=5)]
    text: SeenText


def link_pages(desk: Desk, directory: Directory, asker: Asker) -> APIRouter:  # noqa: C901 - a list of pages
    router = APIRouter(include_in_schema=False)

    async def acted(locale: Locale, purpose: Purpose, act: Awaitable[Any]) -> Response | None:
        """None when it was done; else the page that says why not."""
        try:
            await act
        except Problem as problem:
            if sentence := _REFUSED.get(problem.code):
                return page(locale, "refused.html", problem.status, sentence=gettext(locale, sentence))
            return page(locale, "bad_link.html", problem.status, purpose=purpose)
        except NotTaken:
            return busy(locale)
        return None

    def bad(locale: Locale, purpose: Purpose, about: UUID, token: str) -> Response | None:
        try:
            desk.check_link(purpose, about, token)
        except Problem as problem:
            return page(locale, "bad_link.html", problem.status, purpose=purpose)
        return None

    @router.get("/{locale}/requests/{request_id}/confirm")
    async def ask_to_confirm(locale: Locale, request_id: UUID, request: Request, token: str = "") -> Response:
        asks = not asker.is_this_browser(request, request_id)
        return page(locale, "confirm.html", request_id=request_id, token=token, asks=asks, wrong=False)

    @router.post("/{locale}/requests/{request_id}/confirm")
    async def confirmed(locale: Locale, request_id: UUID, request: Request) -> Response:
        token, email = await _fields(request)
        if failed := bad(locale, "confirm-request", request_id, token):
            return failed
        known = asker.is_this_browser(request, request_id)
        if not known and not desk.is_addressee("confirm-request", request_id, token, email):
            again = {"request_id": request_id, "token": token, "asks": True, "wrong": bool(email)}
            return page(locale, "confirm.html", 422, None, **again)
        if failed := await acted(locale, "confirm-request", desk.confirm(request_id, token)):
            return failed
        details = found.details if (found := await desk.status(request_id)) else None
        return page(
            locale,
            "confirmed.html",
            prospect=details is not None and details.kind.is_prospects,
            named=details is not None and details.kind.names_a_partner,
        )

    @router.get("/{locale}/requests/{request_id}/helped")
    async def ask_whether_helped(locale: Locale, request_id: UUID, token: str = "") -> Response:
        if failed := bad(locale, "helped", request_id, token):
            return failed
        return page(locale, "helped.html", request_id=request_id, token=token, done=False, wrong=False)

    @router.post("/{locale}/requests/{request_id}/helped")
    async def helped(locale: Locale, request_id: UUID, request: Request) -> Response:
        token, email = await _fields(request)
        if failed := bad(locale, "helped", request_id, token):
            return failed
        if not desk.is_addressee("helped", request_id, token, email):
            again = {"request_id": request_id, "token": token, "done": False, "wrong": bool(email)}
            return page(locale, "helped.html", 422, None, **again)
        if failed := await acted(locale, "helped", desk.helped(request_id, token)):
            return failed
        return page(locale, "helped.html", done=True)

    async def review_page(
        locale: Locale, lead_id: UUID, values: dict[str, str], errors: dict[str, str], status: int = 200
    ) -> Response:
        lead = await desk.lead(lead_id)
        if lead is None:
            return page(locale, "bad_link.html", 404, purpose="lead-review")
        if lead.review is not None:
            return page(locale, "refused.html", sentence=gettext(locale, _REFUSED["already_reviewed"]))
        return page(
            locale,
            "review.html",
            status,
            lead=lead,
            partner=await directory.name_of(lead.partner_id),
            ratings=[(str(stars), gettext(locale, word)) for stars, word in RATINGS],
            values=values,
            errors=errors,
        )

    @router.get("/{locale}/leads/{lead_id}/review")
    async def ask_for_review(locale: Locale, lead_id: UUID, token: str = "") -> Response:
        return bad(locale, "lead-review", lead_id, token) or await review_page(locale, lead_id, {"token": token}, {})

    @router.post("/{locale}/leads/{lead_id}/review")
    async def reviewed(locale: Locale, lead_id: UUID, request: Request) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            values = {name: str(value) for name, value in form.items()}
        token = values.get("token", "")
        if failed := bad(locale, "lead-review", lead_id, token):
            return failed
        try:
            review = NewReview.model_validate(values)
        except ValidationError as error:
            fields = [one["field"] for one in fields_of(error.errors())]
            errors = {field: gettext(locale, _REVIEW_MESSAGES[field]) for field in fields}
            return await review_page(locale, lead_id, values, errors, 422)
        act = desk.review(lead_id, token, review.rating, review.text)
        return await acted(locale, "lead-review", act) or page(locale, "reviewed.html")

    return router


async def _fields(request: Request) -> tuple[str, str]:
    """The token, and the address that somebody typed."""
    async with request.form(max_files=0, max_fields=8) as form:
        return str(form.get("token", "")), str(form.get("email", ""))[:254]
