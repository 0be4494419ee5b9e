"""The page behind the link under a mail, and what mail programs post by themselves (RFC 8058). It knows no cookies.

Nothing happens by GET: mail scanners follow links.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from services.gateway.choices import Choice, Choices
from shared.contracts.base import Locale
from shared.contracts.choices import MailKind
from shared.http import Problem
from shared.i18n import N_, environment, gettext

TEMPLATES = Path(__file__).parent / "templates"

KIND_NAMES = {
    MailKind.REMINDERS: N_("reminders of jobs that wait for an answer"),
    MailKind.CONVERSATION: N_("messages of merchants"),
    MailKind.CORRESPONDENCE: N_("correspondence on jobs that are assigned to you"),
    MailKind.MENTIONS: N_("comments in which you are mentioned"),
    MailKind.REVIEWS: N_("reviews and answers to them"),
    MailKind.REVIEW_REQUESTS: N_("requests for a review"),
    MailKind.INVITATIONS: N_("invitations to join a team"),
    MailKind.CONFIRMATIONS: N_("questions whether an address that somebody entered is yours"),
}

Token = Annotated[str, Query(max_length=2000)]


def unsubscribe_pages(choices: Choices) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/unsubscribe")
    async def ask(token: Token = "") -> Response:
        try:
            choice = choices.read(token)
        except Problem as problem:
            return _page(Locale.EN, "unsubscribe_bad.html", problem.status)
        return _page(choice.locale, "unsubscribe.html", **_values(choice, token))

    @router.post("/unsubscribe")
    async def decided(request: Request, token: Token = "") -> Response:
        """By the button, or by a mail program. The button of the second page takes it back."""
        try:
            choice = choices.read(token)
        except Problem as problem:
            return _page(Locale.EN, "unsubscribe_bad.html", problem.status)
        wanted = (await request.form()).get("again") == "yes"
        await choices.say(choice.email, choice.topic, wanted=wanted)
        return _page(choice.locale, "unsubscribed.html", wanted=wanted, **_values(choice, token))

    return router


def _values(choice: Choice, token: str) -> dict[str, Any]:
    kind = gettext(choice.locale, KIND_NAMES[choice.topic])
    return {"token": token, "email": choice.email, "kind": kind}


def _page(locale: Locale, template: str, status: int = 200, **values: Any) -> Response:
    html = environment(TEMPLATES, locale).get_template(template).render(**values)
    return HTMLResponse(html, status, headers={"Content-Language": locale.value, "Cache-Control": "no-store"})
