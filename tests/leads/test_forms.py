"""The four forms as people see them, in three languages, and what a hostile hand may type into them."""

import html
import re
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.leads.submission import NewMerchant, NewRequest, from_form
from shared.contracts.base import Locale, derived_id
from shared.contracts.partners import Away
from shared.contracts.requests import RequestKind, RequestStatus
from tests.builders import NOW, PARTNER_ID, a_partner, an_offer
from tests.leads.public import BODY, FORM, Public, hidden

PATHS = {
    "match": "requests/new",
    "direct": "requests/new?partner=studio-hoshi",
    "lead": "prospects/new",
    "contact": "contact?partner=studio-hoshi",
}
FRAMED = ["embed/match", "embed/lead"]


@pytest.fixture
async def public() -> Public:
    public = Public()
    await public.knows(a_partner(), a_partner("Away", away=Away(first_day=NOW.date(), last_day=NOW.date())))
    return public


def text_of(page: str) -> str:
    main = page.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.mark.parametrize("locale", Locale)
@pytest.mark.parametrize("path", [*PATHS.values(), *FRAMED])
async def test_every_form_is_there_in_every_language(public: Public, locale: str, path: str) -> None:
    page = await public.client().get(f"/{locale}/{path}")
    assert (page.status_code, page.headers["content-language"]) == (200, locale)
    ids = re.findall(r' id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    fields = re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', page.text)
    assert fields, "A form without fields."
    assert set(fields) <= set(re.findall(r'<label for="([^"]+)"', page.text)), "A field without a label."


@pytest.mark.parametrize(("kind", "path"), PATHS.items())
async def test_each_form_makes_its_kind_of_request(public: Public, kind: str, path: str) -> None:
    sent = await public.fill_in(f"/en/{path}")
    assert sent.status_code == 202, text_of(sent.text)
    about = public.request.details
    assert about.kind == kind
    assert about.partner_id == (PARTNER_ID if "partner" in path else None)
    assert (about.merchant.store_url is None) == about.kind.is_prospects
    assert public.request.status is RequestStatus.SUBMITTED


async def test_a_prospect_may_leave_a_telephone_number(public: Public) -> None:
    assert (await public.fill_in("/ja/prospects/new", phone="０３－１２３４－５６７８")).status_code == 202
    assert public.request.details.merchant.phone == "03-1234-5678"


@pytest.mark.parametrize("path", [*PATHS.values(), *FRAMED])
async def test_a_form_with_errors_says_so_at_the_top_and_at_the_field_and_keeps_the_rest(
    public: Public, path: str
) -> None:
    fields = await public.open(f"/en/{path}")
    answer = await public.send(f"/en/{path}", **fields, email="nobody", budget_amount="much", title="", service="")
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    for field in ("email", "budget_amount", "title", "service"):
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}-problem"' in answer.text
    for kept in ("nobody", "much", "Be found.", "Tea and thread."):
        assert kept in html.unescape(answer.text)
    assert hidden(answer.text)["stamp"] == fields["stamp"]
    corrected = {"email": "mia@kettle.example", "title": "Launch", "service": "seo"}
    assert (await public.send(f"/en/{path}", **hidden(answer.text), **corrected)).status_code == 202


async def test_the_forms_say_honestly_what_happens_next(public: Public) -> None:
    lead = text_of((await public.client().get("/en/prospects/new")).text)
    assert "Up to 4 partners get your request with your name, e-mail address and telephone number." in lead
    assert "further partners get it after 48 hours, 12 in all at most" in lead
    assert "They answer you by e-mail; you need no account." in lead
    contact = text_of((await public.client().get("/en/contact?partner=studio-hoshi")).text)
    assert "Studio Hoshi gets your request with your name, e-mail address and telephone number." in contact
    for kind, path in PATHS.items():
        words = text_of((await public.client().get(f"/en/{path}")).text)
        assert "until then your request goes to nobody" in words, kind
        assert "If you do not follow the link within 48 hours, your request is dropped" in words, kind


async def test_with_one_wave_nobody_is_told_of_further_ones() -> None:
    page = await Public(waves=1, partners_per_wave=3).client().get("/en/prospects/new")
    assert "Up to 3 partners" in page.text
    assert "further partners" not in page.text


@pytest.mark.parametrize("slug", ["away", "nobody", "../x"])
@pytest.mark.parametrize("form", ["requests/new", "contact"])
async def test_who_cannot_be_contacted_has_a_page_that_says_so(public: Public, slug: str, form: str) -> None:
    page = await public.client().get(f"/en/{form}", params={"partner": slug})
    assert page.status_code == 404
    assert 'href="/en/partners"' in page.text


async def test_a_contact_begins_in_the_directory(public: Public) -> None:
    answer = await public.client().get("/fr/contact")
    assert (answer.status_code, answer.headers["location"]) == (303, "/fr/partners")


@pytest.mark.parametrize(("kind", "instead"), [("direct", "match"), ("contact", "lead")])
async def test_a_partner_who_leaves_meanwhile_takes_nothing_away(public: Public, kind: str, instead: str) -> None:
    fields = await public.open(f"/en/{PATHS[kind]}")
    await public.knows(a_partner(available=False, version=2))
    answer = await public.send(f"/en/{PATHS[kind]}", **fields)
    assert answer.status_code == 422
    assert "goes to several partners" in text_of(answer.text)
    action = re.search(r'<form[^>]*action="([^"]+)"', answer.text).group(1)
    assert (await public.send(action, **hidden(answer.text))).status_code == 202
    assert public.request.details.kind == instead


async def test_a_partner_is_asked_only_for_what_it_offers(public: Public) -> None:
    await public.knows(a_partner(version=2, services=(an_offer("migration"),)))
    page = await public.client().get("/en/contact?partner=studio-hoshi")
    assert 'value="migration"' in page.text
    assert 'value="seo"' not in page.text
    assert (await public.fill_in("/en/contact?partner=studio-hoshi")).status_code == 422


# Hostile hands

BIDI = "\u202egnp.exe\u202c"


async def test_marks_that_nobody_sees_do_not_get_in(public: Public) -> None:
    await public.fill_in(title=f"Spring {BIDI}\u2066", name="Mia\u200f\u0085\u2028Laurent")
    about = public.request.details
    assert (about.title, about.merchant.name) == ("Spring gnp.exe", "MiaLaurent")


async def test_joiners_of_scripts_and_emoji_stay(public: Public) -> None:
    await public.fill_in(title="می‌خواهم 👩‍🔧")
    assert public.request.details.title == "می‌خواهم 👩‍🔧"


HOSTILE = [
    ("name", "Mia\r\nBcc: all@example.org"),
    ("name", "Mia\nBcc: all@example.org"),
    ("title", "Launch\r\nSubject: Pills"),
    ("title", "Launch\x00"),
    ("title", "x" * 201),
    ("email", "mia@kettle.example\r\nBcc: all@example.org"),
    ("email", "mia@kettle.example, all@example.org"),
    ("email", "Mia <mia@kettle.example>"),
    ("email", "mia@" + "k" * 300 + ".example"),
    ("store_url", "javascript:alert(1)"),
    ("store_url", "https://kettle.example@evil.example"),
    ("store_url", "https://localhost/"),
    ("store_url", "https://[::1"),
    ("store_url", "https://kettle.example:0x50/"),
    ("store_url", 'https://kettle.example/"onmouseover="x'),
    ("requirements", "x" * 9000),
    ("requirements", "a\x00b"),
    ("business", "\x1b[2J"),
    ("budget_amount", "NaN"),
    ("budget_amount", "1e400"),
    ("budget_amount", "-5"),
    ("budget_currency", "US$"),
    ("priority_time", "6"),
    ("service", "$where"),
]


@pytest.mark.parametrize(("field", "value"), HOSTILE)
async def test_what_could_become_a_header_a_script_or_a_query_is_refused(
    public: Public, field: str, value: str
) -> None:
    answer = await public.fill_in(**{field: value, "budget_amount": value if field == "budget_amount" else "5"})
    assert (answer.status_code, public.requests) == (422, [])


@pytest.mark.parametrize("phone", ["call https://pills.example", "+81 3\nBcc: x", "1", "☎☎☎☎☎☎", "0" * 41])
async def test_a_telephone_number_is_one(public: Public, phone: str) -> None:
    assert (await public.fill_in("/en/prospects/new", phone=phone)).status_code == 422


async def test_what_was_typed_comes_back_as_text(public: Public) -> None:
    evil = '"><script>alert(1)</script>'
    answer = await public.fill_in(title=evil, email=evil)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("content", [b"%ff%fe", b"a=1&" * 60, b"title[$gt]=", b"\xff\xfe", b"=&=&="])
async def test_a_form_that_is_none_is_no_failure(public: Public, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await public.client().post("/en/requests/new", content=content, headers=headers)
    assert answer.status_code in (400, 422)


async def test_files_and_huge_bodies_are_refused(public: Public) -> None:
    answer = await public.client().post("/en/requests/new", data=FORM, files={"title": ("x", b"x")})
    assert answer.status_code == 400
    huge = await public.client().post("/en/requests/new", data={**FORM, "requirements": "x" * 300_000})
    assert huge.status_code == 413


JUNK = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*FORM, "budget_amount", "phone", "partner_id", "priority_time"]), JUNK))
def test_whatever_a_form_holds_it_is_a_good_request_or_an_error_by_field(junk: dict[str, str]) -> None:
    for kind in RequestKind:
        form = {**FORM, **junk}
        try:
            body = NewRequest.model_validate(from_form(form, Locale.JA, kind))
        except ValidationError as error:
            fields = [one["loc"] for one in error.errors()]
            assert all(fields), "An error about nothing."
            continue
        body.objections()
        about = body.details()
        for line in (about.title, about.merchant.name, about.merchant.email, about.merchant.phone or ""):
            assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", line)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | JUNK
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from([*BODY, "partner_id", "budget", "priorities"]), JSON))
def test_whatever_a_body_holds_it_is_a_good_request_or_an_error(junk: dict[str, Any]) -> None:
    try:
        body = NewRequest.model_validate({**BODY, **junk})
    except ValidationError:
        return
    assert body.details()


@pytest.mark.parametrize(
    "body", ['{"title": "\\ud800"}', "[]", "null", '{"merchant": {"$ne": 1}}', "{", '"' + "[" * 5000, "[" * 5000]
)
async def test_json_that_is_none_is_a_problem_and_no_failure(public: Public, body: str) -> None:
    content = body.encode("utf-8", "surrogatepass")
    answer = await public.client().post(
        "/api/v1/requests", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_people_type_their_address_without_https() -> None:
    assert NewMerchant(name="Mia", email="mia@kettle.example", store_url="kettle.example").store_url == (
        "https://kettle.example"
    )


# What GET does


async def test_no_get_changes_anything(public: Public) -> None:
    request_id, lead_id = derived_id("request"), derived_id("lead")
    claims = {"merchant": str(derived_id("merchant"))}
    links = [
        f"/en/requests/{request_id}/confirm?token={public.links.sign('confirm-request', request_id, claims)}",
        f"/en/requests/{request_id}/helped?token={public.links.sign('helped', request_id, claims)}",
        f"/en/leads/{lead_id}/review?token={public.links.sign('lead-review', lead_id, claims)}",
    ]
    paths = [f"/en/{path}" for path in [*PATHS.values(), *FRAMED]]
    filled = [f"{path}{'&' if '?' in path else '?'}{httpx2.QueryParams(FORM)}" for path in paths]
    before = str({name: each.documents for name, each in public.database.collections.items()})
    for path in [*paths, *filled, *links, "/embed.js", "/framed.js", "/"]:
        for method in ("GET", "HEAD"):
            await public.client().request(method, path)
    assert str({name: each.documents for name, each in public.database.collections.items()}) == before
    assert public.door.asked == []
