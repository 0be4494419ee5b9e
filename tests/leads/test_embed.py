"""The forms on other people's pages, and that nothing else can be framed."""

import pytest

from tests.builders import a_partner
from tests.leads.public import Public, hidden

EMBEDDED = ["embed/match", "embed/lead"]


@pytest.mark.parametrize("path", EMBEDDED)
async def test_the_embedded_form_works_inside_its_frame(path: str) -> None:
    public = Public()
    fields = await public.open(f"/fr/{path}")
    wrong = await public.send(f"/fr/{path}", **fields, title="")
    sent = await public.send(f"/fr/{path}", **hidden(wrong.text))
    assert (wrong.status_code, sent.status_code) == (422, 202)
    for page in (await public.client().get(f"/fr/{path}"), wrong, sent):
        assert "frame-ancestors *" in page.headers["content-security-policy"]
        assert "x-frame-options" not in page.headers
        assert "set-cookie" not in page.headers
    for page in (wrong, sent):
        links = [part.partition('"')[0] for part in page.text.split(' href="')[1:]]
        assert {link for link in links if not link.startswith("#")} <= {"/static/jobwire.css", f"/fr/{path}"}
    assert f'action="/fr/{path}"' in wrong.text


async def test_sites_may_be_named() -> None:
    public = Public(embed_origins="https://kettle.example https://teapot.example")
    page = await public.client().get("/en/embed/lead")
    policy = page.headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://kettle.example https://teapot.example")


@pytest.mark.parametrize("origins", ["", "'self'; script-src *", "https://a.example\r\nX: y", "kettle.example/x,"])
def test_origins_that_are_none_end_the_start(origins: str) -> None:
    with pytest.raises(ValueError, match="JOBWIRE_EMBED_ORIGINS"):
        Public(embed_origins=origins)


@pytest.mark.parametrize("path", ["requests/new", "prospects/new", "contact?partner=studio-hoshi"])
async def test_no_other_page_can_be_framed(path: str) -> None:
    public = Public()
    await public.knows(a_partner())
    page = await public.client().get(f"/en/{path}")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


async def test_only_two_forms_are_embedded() -> None:
    assert (await Public().client().get("/en/embed/contact")).status_code == 404


async def test_the_script_inserts_a_frame_and_asks_for_nothing_else() -> None:
    script = await Public().client().get("/embed.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for word in ("fetch", "XMLHttpRequest", "cookie", "Storage", "innerHTML", "eval"):
        assert word not in script.text
    assert 'createElement("iframe")' in script.text
    assert "event.origin" in script.text
