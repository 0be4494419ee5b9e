"""How the pages of the forms and of mailed links are rendered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse, Response

from shared.contracts.base import Locale
from shared.i18n import environment
from shared.openapi import WITH_STATUS

TEMPLATES = Path(__file__).parent / "templates"


def page(
    locale: Locale, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """Never stored by browsers on the way: these pages hold what somebody typed, or a token."""
    html = environment(TEMPLATES, locale).get_template(template).render(**{"framed": False, **values})
    about = {"Content-Language": locale.value, "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers={**about, **(headers or {})})


def busy(locale: Locale) -> Response:
    """What was asked could not be stored, or looked up, just now."""
    return page(locale, "busy.html", 503, WITH_STATUS[503])
