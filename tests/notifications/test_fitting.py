"""No mail is larger than mail programs show, whatever people wrote and however much is folded into it."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.mail_examples import LEAD
from services.notifications.compose import Composer
from services.notifications.envelope import DESK_LINK, Mail
from services.notifications.fitting import MOST_KEPT, fitted, kept
from services.notifications.kinds import kind_of
from services.notifications.recipients import Recipient
from shared.contracts.base import Locale
from tests.builders import derived_id
from tests.notifications.test_compose import LINKS, NOW, SETTINGS

GMAIL_CUTS_AT = 102_400
TEXTS = {
    "ascii": "word & <b> ",
    "markup": "\"<&>'",
    "japanese": "商品ページを見やすくしたいです。",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 ",
    "lines": "a\n",
    "one word": "x",
    "accents": "e\u0301",
}


def a_mail(texts: list[str], locale: Locale = Locale.JA, files: int = 0, template: str = "merchant_replied") -> Mail:
    said = [{"text": text, "files": [f"{'名' * 80}{n}.pdf" for n in range(files)]} for text in texts]
    values = {"recipient_name": "Aiko", "merchant_name": "<Kettle>" * 20, "title": "T" * 300, **said[0]}
    recipient = Recipient("aiko@hoshi.example", "Aiko", locale)
    parts = tuple({**values, **one} for one in said)
    return Mail(
        derived_id("a mail"),
        template,
        recipient,
        derived_id("a job"),
        DESK_LINK,
        values,
        derived_id("story"),
        parts=parts,
    )


def composed(mail: Mail) -> tuple[bytes, str, str]:
    message = Composer(SETTINGS, LINKS).compose(mail, NOW)
    text, rich = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
    return message.as_bytes(), text, rich


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("count", [1, 2, 50])
def test_fifty_of_the_longest_texts_fit_into_what_gmail_shows(kind: str, count: int) -> None:
    text = (TEXTS[kind] * 8_000)[:8_000]
    raw, plain, rich = composed(a_mail([text] * count, files=10))
    assert len(raw) < GMAIL_CUTS_AT, len(raw)
    assert plain.count("…") >= min(count, 10) or "一部省略" not in plain
    assert rich.rstrip().endswith("</html>")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=3_000), min_size=1, max_size=12), st.sampled_from(Locale))
def test_whatever_people_write_fits(texts: list[str], locale: Locale) -> None:
    raw, _, _ = composed(a_mail([text or "-" for text in texts], locale))
    assert len(raw) < GMAIL_CUTS_AT


def test_what_fits_stays_as_it_is_and_says_nothing_of_being_cut() -> None:
    texts = ["短い文です。", "長い文です。" * 500, "Another."]
    mail = fitted(a_mail(texts))
    assert [part["text"] for part in mail.parts] == texts
    assert not mail.values["shortened"]


def test_a_short_text_beside_long_ones_is_not_cut() -> None:
    mail = fitted(a_mail(["Yes.", *["long words " * 700] * 49]))
    assert mail.parts[0]["text"] == "Yes."
    assert all(part["text"].endswith("words …") or part["text"].endswith("long …") for part in mail.parts[1:])
    assert mail.values["shortened"]


def test_the_reader_is_told_that_there_is_more_and_how_many_files() -> None:
    _, plain, rich = composed(a_mail(["text " * 1600] * 40, Locale.EN, files=10))
    for page in (plain, html.unescape(rich)):
        assert "shortened. Open the link" in page
        assert "10 files attached" in page


def test_a_cut_leaves_no_half_of_a_family() -> None:
    family = TEXTS["emoji"].strip()
    mail = fitted(a_mail([family * 1_000] * 50))
    assert {part["text"].removesuffix(" …").removesuffix(family)[-1] for part in mail.parts} == {family[-1]}


@pytest.mark.parametrize("kind", ["japanese", "markup", "lines"])
def test_a_lead_is_all_that_its_reader_gets_and_keeps_its_html_below(kind: str) -> None:
    assert kind_of("lead").whole
    text = (TEXTS[kind] * 8_000)[:8_000]
    mail = a_mail(["-"])._replace(template="lead", values={**LEAD, "requirements": text, "business": text}, parts=())
    _, plain, rich = composed(mail)
    assert len(rich.encode()) < 1.4 * GMAIL_CUTS_AT
    assert kind != "japanese" or text in plain.replace("\n> ", "")


def test_what_waits_to_be_folded_is_kept_short() -> None:
    assert len(kept({"text": "x" * 8_000})["text"]) == MOST_KEPT + 1
    assert kept({"text": "short", "files": []}) == {"text": "short", "files": []}
