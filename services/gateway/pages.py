"""The few pages that mailed links lead to. Nothing happens by GET: mail scanners follow links."""

from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, Response

from services.gateway.accounts import Accounts
from services.gateway.joining import Joining
from shared.contracts.base import Locale
from shared.http import Problem
from shared.i18n import environment

TEMPLATES = Path(__file__).parent / "templates"


def pages(accounts: Accounts, joining: Joining) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/{locale}/sign-in")
    async def ask(locale: Locale, token: str = "") -> Response:
        if not token:
            return _page(locale, "ask_link.html")
        return _page(locale, "sign_in.html", token=token, attempt=token_urlsafe())

    @router.post("/{locale}/sign-in")
    async def signed_in(locale: Locale, request: Request) -> Response:
        form = await request.form()
        token, attempt = str(form.get("token", "")), str(form.get("attempt", ""))
        try:
            session = await joining.open_session(token, attempt or None)
        except Problem as problem:
            return _page(locale, "bad_link.html", problem.status)
        return _page(
            locale, "signed_in.html", session_token=session.token, expires_at=session.expires_at, docs_url="/docs"
        )

    @router.post("/{locale}/sign-in/new")
    async def new_link(locale: Locale, request: Request) -> Response:
        email = str((await request.form()).get("email", ""))[:254]
        response = _page(locale, "link_sent.html", 202)
        response.background = BackgroundTask(accounts.request_sign_in, email)
        return response

    return router


def _page(locale: Locale, template: str, status: int = 200, **values: Any) -> Response:
    html = environment(TEMPLATES, locale).get_template(template).render(**values)
    return HTMLResponse(html, status, headers={"Content-Language": locale.value, "Cache-Control": "no-store"})
