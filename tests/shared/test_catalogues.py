"""The catalogues say everything that the code and the templates say, completely and with the same placeholders."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from shared.contracts.base import Locale
from shared.contracts.jobs import Status
from shared.i18n import CATALOGUES, status_name

ROOT = Path(__file__).parents[2]
TRANSLATED = [locale for locale in Locale if locale is not Locale.EN]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@cache
def used() -> dict[str | tuple[str, ...], str]:
    """Every message in the sources, and a file that uses it."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options)
    return {message: filename for filename, _line, message, _comments, _context in found}


def catalogue(locale: Locale) -> Catalog:
    with (CATALOGUES / locale / "LC_MESSAGES" / "jobwire.po").open("rb") as file:
        return read_po(file, locale=locale.value, abort_invalid=True)


def entries(locale: Locale) -> list[Message]:
    return [entry for entry in catalogue(locale) if entry.id]


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [])


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def test_the_sources_are_found() -> None:
    files = set(used().values())
    assert {Path(file).suffix for file in files} >= {".py", ".html", ".mjml", ".txt"}


@pytest.mark.parametrize("locale", TRANSLATED)
def test_nothing_is_said_that_a_catalogue_lacks(locale: Locale) -> None:
    known = {entry.id for entry in entries(locale)}
    missing = {message: file for message, file in used().items() if message not in known}
    assert not missing


@pytest.mark.parametrize("locale", TRANSLATED)
def test_nothing_is_translated_that_nobody_says(locale: Locale) -> None:
    said = set(used())
    assert [entry.id for entry in entries(locale) if entry.id not in said] == []
    assert not catalogue(locale).obsolete


@pytest.mark.parametrize("locale", TRANSLATED)
def test_no_entry_is_fuzzy_or_empty(locale: Locale) -> None:
    plurals = catalogue(locale).num_plurals
    for entry in entries(locale):
        wanted = plurals if entry.pluralizable else 1
        assert not entry.fuzzy, entry.id
        assert len(forms(entry.string)) == wanted, entry.id
        assert all(form.strip() for form in forms(entry.string)), entry.id


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_translation_has_the_placeholders_of_its_source(locale: Locale) -> None:
    for entry in entries(locale):
        wanted = placeholders(forms(entry.id)[-1])
        for form in forms(entry.string):
            assert placeholders(form) == wanted, entry.id
            # Anything else that looks like one, such as a bare per cent sign, would fail while a page is made.
            assert form % dict.fromkeys(wanted, "x")


def test_source_and_plural_have_the_same_placeholders() -> None:
    for message in used():
        assert len({frozenset(placeholders(form)) for form in forms(message)}) == 1, message


def test_statuses_have_the_words_that_partners_know() -> None:
    french = "Nouveau|Ouvert|Répondu|En attente de réponse|Inactif|Terminé|Refusé|Expiré"
    japanese = "新規|オープン中|応答済み|応答待ち|非アクティブ|完了|辞退|期限切れ"
    assert "|".join(status_name(status, Locale.FR) for status in Status) == french
    assert "|".join(status_name(status, Locale.JA) for status in Status) == japanese
