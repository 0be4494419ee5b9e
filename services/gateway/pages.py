"""The few pages that mailed links lead to. Nothing happens by GET: mail scanners follow links. And nothing by a button
alone that such a scanner may press, too: a browser that has not asked for the link itself says to whom it was mailed.
"""

from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, Response

from services.gateway.accounts import Accounts, Proof, digest_of
from services.gateway.addresses import Addresses
from services.gateway.joining import Joining
from services.gateway.limits import Act, ActLimits, Counting
from services.gateway.signed_in import SignedIn
from shared.contracts.base import Locale
from shared.cookies import Cookies
from shared.http import Problem
from shared.i18n import environment
from shared.rates import TooMany
from shared.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"
ASKED, COOKIE_SECONDS = "jobwire-asked", 3600
"""The cookie of a browser that has asked for a link."""


def pages(  # noqa: C901, PLR0913, PLR0917 - a list of pages, and the parts, named
    accounts: Accounts,
    joining: Joining,
    addresses: Addresses,
    signed_in: SignedIn,
    limits: ActLimits,
    settings: Settings,
) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    cookies = Cookies(settings.public_url)

    @router.get("/{locale}/sign-in")
    async def ask(locale: Locale, request: Request, token: str = "") -> Response:
        if not token:
            return _page(locale, "ask_link.html")
        asks = not accounts.opens_at_once(token, cookies.get(request, ASKED))
        return _page(locale, "sign_in.html", token=token, attempt=token_urlsafe(), asks=asks, wrong=False)

    @router.post("/{locale}/sign-in")
    async def opened(locale: Locale, request: Request) -> Response:
        form = await request.form()
        token, attempt = str(form.get("token", "")), str(form.get("attempt", ""))
        email = str(form.get("email", ""))[:254]
        proof = Proof(asked=cookies.get(request, ASKED), email=email)
        try:
            session = await joining.open_session(token, attempt or None, proof=proof, where=signed_in.where(request))
        except Problem as problem:
            if problem.code == "address_needed":
                return _page(locale, "sign_in.html", 401, token=token, attempt=attempt, asks=True, wrong=bool(email))
            return _page(locale, "bad_link.html", problem.status)
        return _page(
            locale,
            "signed_in.html",
            session_token=session.token,
            expires_at=session.expires_at,
            docs_url="/docs" if settings.docs else None,
        )

    @router.post("/{locale}/sign-in/new")
    async def new_link(locale: Locale, request: Request) -> Response:
        try:
            await limits.count(Act.ASK_LINK, Counting(network=signed_in.where(request).network))
        except TooMany as many:
            return _page(locale, "too_many.html", 429, {"Retry-After": str(many.seconds)})
        email = str((await request.form()).get("email", ""))[:254]
        asked = cookies.get(request, ASKED) or token_urlsafe()
        response = _page(locale, "link_sent.html", 202)
        # One secret for all that this browser asks: two links that were asked for here both open here.
        cookies.set(response, ASKED, asked, COOKIE_SECONDS)
        response.background = BackgroundTask(accounts.request_sign_in, email, asked_by=digest_of(asked))
        return response

    @router.get("/{locale}/notification-address")
    async def ask_to_confirm(locale: Locale, token: str = "") -> Response:
        return _page(locale, "confirm_address.html", token=token, wrong=False)

    @router.post("/{locale}/notification-address")
    async def confirmed(locale: Locale, request: Request) -> Response:
        form = await request.form()
        token, email = str(form.get("token", "")), str(form.get("email", ""))[:254]
        try:
            await addresses.confirm(token, email)
        except Problem as problem:
            if problem.code == "address_needed":
                return _page(locale, "confirm_address.html", 422, token=token, wrong=bool(email))
            return _page(locale, "address_not_confirmed.html", problem.status)
        return _page(locale, "address_confirmed.html")

    return router


def _page(
    locale: Locale, template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    html = environment(TEMPLATES, locale).get_template(template).render(**values)
    said = {"Content-Language": locale.value, "Cache-Control": "no-store", **(headers or {})}
    return HTMLResponse(html, status, headers=said)
