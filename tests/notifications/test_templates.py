"""Every mail in every language, filled with what a hostile stranger would write."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from mjml import mjml2html

from deploy.mail_examples import MAILS
from deploy.previews import example
from services.notifications.compose import filled
from services.notifications.kinds import kind_of
from shared.contracts.base import Locale
from shared.i18n import environment

pytestmark = pytest.mark.slow
"""Each is quick, and there are more than a thousand of them."""

TEMPLATES = Path(__file__).parents[2] / "services" / "notifications" / "templates"
LINK = "https://desk.example/sign-in?token=abc&kind=x"
UNSUBSCRIBE = "https://desk.example/unsubscribe?token=abc"

NAMES = {"merchant_name", "partner_name", "recipient_name", "assigned_by", "written_by", "invited_by", "name"}
TEXTS = {"title", "text", "note", "requirements", "business", "store_url", "email", "phone"}

HOSTILE = (
    '<script>alert(1)</script> {{7*7}} {% raw %} %(x)s </mj-text> <!-- --> ]]> "\' &lt;b&gt; <a href="https://evil.example">'
    "\r\nBcc: everybody@evil.example\r\n\r\nSTRANGER\x85STRANGER\u2028STRANGER"
)
UNPARSABLE = "".join(map(chr, range(1, 32))) + "\x7f\ufffe\uffff"

every_mail = pytest.mark.parametrize(("template", "values"), MAILS.values(), ids=MAILS)
every_language = pytest.mark.parametrize("locale", Locale)


def hostile(values: dict[str, Any], words: str = HOSTILE) -> dict[str, Any]:
    """The same mail with `words` wherever somebody outside Jobwire chooses the words."""
    written = {key: words if value and key in NAMES | TEXTS else value for key, value in values.items()}
    if "files" in values:
        written["files"] = [words for _ in values["files"]]
    if "alternatives" in values:
        written["alternatives"] = [{**one, "name": words} for one in values["alternatives"]]
    if "parts" in values:
        written["parts"] = [hostile(part, words) for part in values["parts"]]
    return written


def _filled(template: str, values: dict[str, Any]) -> dict[str, Any]:
    mail = example(template, values, Locale.EN)
    return filled(mail, LINK, UNSUBSCRIBE if kind_of(template).refused_as else "")


def links(template: str, values: dict[str, Any]) -> set[str]:
    profiles = {f"{LINK}/{one['slug']}" for one in values.get("alternatives", ())}
    return {LINK, *profiles, *([UNSUBSCRIBE] if kind_of(template).refused_as else [])}


def subject(template: str, values: dict[str, Any], locale: Locale) -> str:
    loaded = environment(TEMPLATES, locale).get_template(f"{template}.txt")
    return "".join(loaded.blocks["subject"](loaded.new_context(_filled(template, values))))


def text(template: str, values: dict[str, Any], locale: Locale) -> str:
    return environment(TEMPLATES, locale).get_template(f"{template}.txt").render(_filled(template, values))


def html(template: str, values: dict[str, Any], locale: Locale) -> str:
    source = environment(TEMPLATES, locale).get_template(f"{template}.mjml").render(_filled(template, values))
    return str(mjml2html(source))


class Parsed(HTMLParser):
    """What a browser makes of a page: its elements in order, what they refer to, its text, the sheets it asks for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: set[str] = set()
        self.text = ""
        self.lang: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag != "br":
            self.tags.append(tag)
        if tag == "html":
            self.lang = found.get("lang")
        self.references |= {found[name] or "" for name in ("href", "src", "background", "action") if name in found}

    def handle_data(self, data: str) -> None:
        self.text += data


@every_language
@every_mail
def test_both_forms_say_what_the_mail_is_about_and_where_to_go(
    template: str, values: dict[str, Any], locale: Locale
) -> None:
    plain, page = text(template, values, locale), Parsed(html(template, values, locale))
    assert f"\n{LINK}\n" in plain
    assert page.references == links(template, values)
    assert page.lang == locale
    if template != "confirm_request":
        for key in (NAMES | TEXTS) & values.keys():
            for line in filter(None, (values[key] or "").splitlines()):
                assert line in plain
                assert line in page.text
    for one in values.get("alternatives", ()):
        assert f"\n> {one['name']}\n{LINK}/{one['slug']}\n" in plain
        assert one["name"] in page.text
    for name in values.get("files", ()):
        assert f"\n> {name}\n" in plain
        assert name in page.text


@pytest.mark.parametrize("locale", [Locale.FR, Locale.JA])
@every_mail
def test_a_mail_is_in_its_readers_language(template: str, values: dict[str, Any], locale: Locale) -> None:
    assert subject(template, values, locale) != subject(template, values, Locale.EN)
    for words in (text(template, values, locale), Parsed(html(template, values, locale)).text):
        assert not re.search(r"\b(Hello|Please|This mail|Open the|Merchant|Budget:)\b", words)
        if locale is Locale.JA:
            assert re.search("[ぁ-ん]{2}", words)


@every_language
@every_mail
def test_a_mail_asks_for_nothing_from_elsewhere(template: str, values: dict[str, Any], locale: Locale) -> None:
    page = html(template, values, locale)
    assert not re.search(r"<link|<img|<script|@import|url\(", page)
    assert "\\u{" not in page  # what the MJML library makes of some characters in the title


@every_language
@every_mail
def test_a_strangers_words_stay_words_in_html(template: str, values: dict[str, Any], locale: Locale) -> None:
    page = Parsed(html(template, hostile(values), locale))
    assert page.tags == Parsed(html(template, values, locale)).tags
    assert page.references == links(template, values)
    if template != "confirm_request" and hostile(values) != values:
        assert "<script>alert(1)</script> {{7*7}} {% raw %} %(x)s </mj-text>" in page.text
        assert "&lt;b&gt;" in page.text


@every_language
@every_mail
def test_a_strangers_lines_cannot_pass_for_ours_in_text(template: str, values: dict[str, Any], locale: Locale) -> None:
    written = hostile(values)
    for one in (written, *written.get("parts", ()), *written.get("alternatives", ())):
        for name in NAMES & one.keys():
            one[name] = "Aiko\r\nSTRANGER"
    # A name stands inside one of our sentences, on its line; everything else is quoted.
    for line in text(template, written, locale).splitlines():
        assert "STRANGER" not in line or line.startswith("> ") or "Aiko STRANGER" in line
        assert not line.startswith("Bcc:")


@every_language
@every_mail
def test_a_subject_is_one_line_of_our_own_words(template: str, values: dict[str, Any], locale: Locale) -> None:
    line = subject(template, hostile(values), locale)
    assert line == line.strip()
    assert len(line.splitlines()) == 1
    assert line == subject(template, values, locale)

    message = EmailMessage(policy=SMTP)
    message["Subject"] = line
    message.set_content(text(template, hostile(values), locale))
    message.add_alternative(html(template, hostile(values), locale), subtype="html")
    received = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert set(received.keys()) == {"Subject", "MIME-Version", "Content-Type"}
    assert received["Subject"] == line


@every_mail
def test_characters_that_no_markup_may_hold_do_not_stop_a_mail(template: str, values: dict[str, Any]) -> None:
    written = hostile(values, f"before{UNPARSABLE}after")
    assert LINK in Parsed(html(template, written, Locale.EN)).references
    assert not set(text(template, written, Locale.EN)) & set(map(chr, range(32))) - {"\n"}


@every_language
def test_a_mail_to_an_unconfirmed_address_passes_nothing_on(locale: Locale) -> None:
    template, values = MAILS["confirm_request"]
    assert text(template, hostile(values), locale) == text(template, values, locale)
    assert html(template, hostile(values), locale) == html(template, values, locale)
