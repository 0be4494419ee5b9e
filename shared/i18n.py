"""Three languages: gettext catalogues read straight from their `.po` files, dates and numbers by Babel."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale as Conventions
from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import NullTranslations, Translations
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.contracts.base import Locale, Money
from shared.contracts.jobs import Status

CATALOGUES = Path(__file__).parent / "locale"
PAGES = Path(__file__).parent / "pages"
"""What the pages of all services share: the frame and the style sheet."""


def N_(message: str) -> str:  # noqa: N802 - gettext's name for "extract this, translate it later"
    return message


STATUS_NAMES: Mapping[Status, str] = {
    Status.NEW: N_("New"),
    Status.OPENED: N_("Opened"),
    Status.REPLIED: N_("Replied"),
    Status.AWAITING_REPLY: N_("Awaiting reply"),
    Status.INACTIVE: N_("Inactive"),
    Status.COMPLETED: N_("Completed"),
    Status.DECLINED: N_("Declined"),
    Status.EXPIRED: N_("Expired"),
}


# Babel's own "long" shows seconds, which no deadline needs.
_MOMENTS = {
    Locale.EN: "d MMMM y, HH:mm z",
    Locale.FR: "d MMMM y 'à' HH:mm z",
    Locale.JA: "y年M月d日 HH:mm z",
}


@cache
def translations(locale: Locale) -> NullTranslations:
    """The catalogue of a language. English is the source and needs none."""
    if locale is Locale.EN:
        return NullTranslations()
    with (CATALOGUES / locale.value / "LC_MESSAGES" / "jobwire.po").open("rb") as file:
        compiled = BytesIO()
        write_mo(compiled, read_po(file, locale=locale.value))
    compiled.seek(0)
    return Translations(compiled)


def gettext(locale: Locale, message: str, **values: object) -> str:
    """`message` in `locale`, its `%(name)s` filled in."""
    text: str = translations(locale).gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, count: int, locale: Locale, **values: object) -> str:
    """The form for this `count`, its `%(name)s` filled in, the count's own among them. The texts come first, because
    that is where the extraction looks for them.
    """
    text: str = translations(locale).ngettext(one, many, count)
    return text % {"count": number(count, locale), **values}


def status_name(status: Status, locale: Locale) -> str:
    return gettext(locale, STATUS_NAMES[status])


def money(amount: Money, locale: Locale) -> str:
    return str(format_currency(amount.amount, amount.currency, locale=locale.value))


def moment(time: datetime, locale: Locale) -> str:
    """A date and time with its zone: whoever reads it may be elsewhere."""
    return str(format_datetime(time, format=_MOMENTS[locale], locale=locale.value))


def day(on: date, locale: Locale) -> str:
    return str(format_date(on, format="long", locale=locale.value))


def number(value: float, locale: Locale) -> str:
    """With at most one decimal place."""
    return str(format_decimal(value, format="#,##0.#", locale=locale.value))


def listing(words: Sequence[str], locale: Locale) -> str:
    """With commas and an “and”, as the language has them."""
    return str(format_list(words, locale=locale.value))


def language_name(code: str, locale: Locale) -> str:
    """A language in the reader's words; its code where they have none."""
    return str(Conventions(locale.value).languages.get(code, code))


def country_name(code: str, locale: Locale) -> str:
    return str(Conventions(locale.value).territories.get(code, code))


_NO_TEXT = re.compile("[\x00-\x1f\ufffe\uffff]")


def one_line(text: str) -> str:
    """What a stranger wrote as one line, without characters that no mail and no XML can hold."""
    return type(text)(_NO_TEXT.sub("", " ".join(text.splitlines())))


@cache
def environment(templates: Path, locale: Locale) -> Environment:
    """Jinja for one language. HTML and MJML escape everything; a name that a template misspells is an error, not a
    blank.
    """
    env = Environment(
        loader=ChoiceLoader([FileSystemLoader(templates), FileSystemLoader(PAGES)]),
        autoescape=select_autoescape(["html", "mjml"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]  # from the extension
    filters: dict[str, Any] = {
        "one_line": one_line,
        "money": lambda amount: money(amount, locale),
        "moment": lambda time: moment(time, locale),
        "day": lambda on: day(on, locale),
        "number": lambda value: number(value, locale),
        "language": lambda code: language_name(code, locale),
        "country": lambda code: country_name(code, locale),
    }
    env.filters.update(filters)
    env.globals["locale"] = locale.value
    return env
