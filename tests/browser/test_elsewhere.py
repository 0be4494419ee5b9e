"""What is no page of its own: the form in a frame on somebody's site, the API's documentation, and a market that Kafka
has left.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.contracts.base import Locale
from tests.api.served import HOST
from tests.browser.eyes import PHONE, Eyes, nothing_is_wrong
from tests.browser.places import Visit
from tests.browser.public_site import Site

SHOP = """<!doctype html><html lang="{locale}"><head><title>A shop</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"></head><body><main><h1>A shop</h1>
<script src="{url}/embed.js" data-form="{form}" data-locale="{locale}" async></script></main></body></html>"""


@asynccontextmanager
async def a_shop(html: str) -> AsyncIterator[str]:
    """Somebody's site with one page. A real one: a browser lets no other frame a page of this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = html.encode()
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("form", ["match", "lead"])
async def test_a_form_in_a_frame_is_as_high_as_it_needs_to_be(eyes: Eyes, site: Site, form: str) -> None:
    async def seen(locale: Locale) -> list[str]:
        html = SHOP.format(locale=locale, url=site.url("leads", ""), form=form)
        name = f"{form} in a frame, {locale}"
        async with a_shop(html) as shop, eyes.at(name, [*site.origins, shop]) as sight:
            page = sight.page
            await page.goto(shop)
            await page.locator("iframe").wait_for()  # the script has put it there
            assert len(page.frames) == 2, sight.troubles
            frame = page.frames[1]
            await frame.wait_for_load_state()
            await sight.look(locale)
            await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            await frame.wait_for_function("() => document.documentElement.scrollHeight - innerHeight <= 1")
            assert await frame.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
            return sight.troubles

    await nothing_is_wrong(map(seen, Locale))


@pytest.mark.parametrize("service", ["gateway", "leads"])
async def test_the_documentation_asks_nobody_else(eyes: Eyes, site: Site, service: str) -> None:
    """It is Swagger's page, in English; what axe thinks of it is Swagger's concern."""
    async with eyes.at(f"documentation of {service}", site.origins) as sight:
        await sight.page.goto(site.url(service, "/docs"))
        # Once what the document describes stands there, everything that the page is made of has been asked for.
        await sight.page.locator(".opblock").nth(3).wait_for()
        assert not sight.troubles, sight.troubles


async def test_a_market_that_kafka_has_left_says_so(eyes: Eyes, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_record: Any) -> None:
        raise ConnectionError

    async def seen(locale: Locale) -> list[str]:
        async with eyes.at(f"Kafka is away, {locale}", site.origins) as sight:
            visit = Visit(sight.page, site, locale)
            await visit.go("/{locale}/requests/new")
            await visit.fill_in(store_url="kettle.example")
            await visit.press()
            assert sight.status == 503
            await sight.look(locale)
            await visit.follow("stays unconfirmed")
            await visit.press()
            assert sight.status == 503
            await sight.look(locale)
            return sight.troubles

    monkeypatch.setattr(site.world.services["leads"].publisher, "_before", away)
    await nothing_is_wrong(map(seen, Locale))
