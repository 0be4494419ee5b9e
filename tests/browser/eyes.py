"""Looking at a page: what axe objects to, what does not fit, whom it asks for what, and what the browser complains of.

axe-core stands beside this file as it was published: axe.min.js, version 4.14.1, under the Mozilla Public License 2.0
(its notice is at the head of the file). A newer one comes with its own version and checksum here.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.patience import patience

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response

AXE = Path(__file__).parent / "axe.min.js"
AXE_VERSION = "4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

PHONE, DESK = (390, 844), (1360, 900)
SIZES = (PHONE, DESK)

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")

_ASK = """async ([tags, off]) => {
  const rules = Object.fromEntries(off.map((rule) => [rule, {enabled: false}]));
  const only = {runOnly: {type: "tag", values: tags}, rules, resultTypes: ["violations"]};
  // Each frame is asked by itself; style sheets of other hosts are not fetched.
  const found = await axe.run({...only, iframes: false, preload: false, reporter: "no-passes"});
  return found.violations.map((one) => [one.id, one.nodes.map((node) => `${node.target} ${node.failureSummary}`)]);
}"""
_WIDTH = "() => [document.documentElement.scrollWidth, innerWidth]"
_NOTE_VIOLATIONS = """
window.refusedByPolicy = [];
const note = (refused) => refusedByPolicy.push(`${refused.violatedDirective} ${refused.blockedURI}`);
addEventListener("securitypolicyviolation", note);
"""


@cache
def axe() -> str:
    return AXE.read_text(encoding="utf-8")


class Sight:
    """One page in one tab, and what was noticed while it was there."""

    def __init__(self, page: "Page", name: str, origins: Collection[str], pictures: Path) -> None:
        self.page = page
        self.name = name
        self.troubles: list[str] = []
        self._origins = origins
        self._pictures = pictures
        self._last: Response | None = None
        self._heard = {
            "request": self._asks,
            "response": self._hears,
            "requestfailed": lambda request: self._trouble(f"no answer: {request.url} {request.failure}"),
            "console": self._says,
            "pageerror": lambda error: self._trouble(f"script: {error}"),
        }
        for event, hear in self._heard.items():
            page.on(event, hear)

    def leave(self) -> None:
        for event, hear in self._heard.items():
            self.page.remove_listener(event, hear)

    @property
    def status(self) -> int | None:
        """Of the document that is shown now."""
        return self._last.status if self._last else None

    async def look(self, language: str | None, off: Collection[str] = (), *, fits: bool = True) -> None:
        """At each size, with these rules off."""
        for width, height in SIZES:
            await self.page.set_viewport_size({"width": width, "height": height})
            before = len(self.troubles)
            await self._look_at_size(width, off, fits=fits)
            if len(self.troubles) > before:
                await self._picture(width)
        for frame in self.page.frames:
            for refused in await frame.evaluate("() => window.refusedByPolicy ?? []"):
                self._trouble(f"refused by the policy: {refused}")
        said = await self.page.get_attribute("html", "lang")
        if said != language:
            self._trouble(f"its language is {said}, not {language}")

    async def _look_at_size(self, width: int, off: Collection[str], *, fits: bool) -> None:
        for frame in self.page.frames:
            if not await frame.evaluate("() => typeof axe === 'object'"):
                await frame.evaluate(axe())
        for frame in self.page.frames:
            for rule, nodes in await frame.evaluate(_ASK, [list(TAGS), list(off)]):
                self._trouble(f"axe at {width}: {rule}: " + "; ".join(" ".join(node.split()) for node in nodes))
        needs, has = await self.page.evaluate(_WIDTH)
        if fits and needs > has:
            self._trouble(f"at {width} it is {needs} px wide")

    async def _picture(self, width: int) -> None:
        self._pictures.mkdir(parents=True, exist_ok=True)
        path = self._pictures / f"{re.sub('[^a-z0-9]+', '-', self.name.lower())}.{width}.png"
        await self.page.screenshot(path=path, full_page=True)
        self._trouble(f"seen in {path}")

    def _asks(self, request: "Request") -> None:
        url = urlsplit(request.url)
        if f"{url.scheme}://{url.netloc}" not in self._origins and url.scheme not in {"about", "data"}:
            self._trouble(f"asks another host: {request.url}")

    def _hears(self, response: "Response") -> None:
        request = response.request
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self._last = response
        elif response.status >= 400:
            self._trouble(f"{response.status}: {response.url}")

    def _says(self, message: "ConsoleMessage") -> None:
        # What loads badly is noticed by `_hears`, which knows that a form with errors is a 422.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self._trouble(f"console: {message.text}")

    def _trouble(self, text: str) -> None:
        self.troubles.append(f"{self.name}: {text}")


class Eyes:
    """A browser, and where to put pictures of what is wrong. Tabs are used again: that axe is compiled once in each
    saves half of the time.
    """

    def __init__(self, browser: "Browser", pictures: Path) -> None:
        self._browser = browser
        self._pictures = pictures
        self._tabs: list[Page] = []

    @asynccontextmanager
    async def at(self, name: str, origins: Collection[str] = ()) -> AsyncIterator[Sight]:
        """An empty tab without anybody's cookies."""
        page = self._tabs.pop() if self._tabs else await self._tab()
        sight = Sight(page, name, origins, self._pictures)
        try:
            yield sight
        finally:
            sight.leave()
            await page.context.clear_cookies()
            if page.url != "about:blank":  # a mail has no address; the next one replaces it, and axe stays
                await page.goto("about:blank")
            self._tabs.append(page)

    async def _tab(self) -> "Page":
        context = await self._browser.new_context()
        context.set_default_timeout(patience(20) * 1000)
        await context.add_init_script(_NOTE_VIOLATIONS)
        return await context.new_page()


async def nothing_is_wrong(looks: Iterable[Awaitable[list[str]]]) -> None:
    """Look at all of them at the same time."""
    troubles = [trouble for found in await asyncio.gather(*looks) for trouble in found]
    assert not troubles, "\n".join(troubles)
