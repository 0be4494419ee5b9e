"""One Chromium and one market for all tests of this folder. Without a browser they are skipped."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.eyes import Eyes
from tests.browser.public_site import Site, opened
from tests.quiet import quiet

quiet()

NO_BROWSER = (
    "needs Chromium: install it (Debian and Ubuntu: apt-get install chromium) or say where it is by JOBWIRE_CHROMIUM."
)


def chromium_here() -> str | None:
    """Named by the environment, or found in the path."""
    if named := os.environ.get("JOBWIRE_CHROMIUM"):
        return named
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest_asyncio.fixture(scope="session")
async def eyes() -> AsyncIterator[Eyes]:
    playwright = pytest.importorskip("playwright.async_api", reason="needs playwright: it is among the extra `dev`.")
    path = chromium_here()
    if path is None:
        pytest.skip(NO_BROWSER)
    async with playwright.async_playwright() as driver:
        # Whatever the browser itself would like to look up, there is nobody but us.
        alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = await driver.chromium.launch(executable_path=path, args=["--no-sandbox", alone])
        yield Eyes(browser, Path(__file__).parents[2] / ".jobwire" / "seen")
        await browser.close()


@pytest.fixture(scope="module")
def site(eyes: Eyes) -> Iterator[Site]:
    """After `eyes`: who has no browser need not build a market. It ends with its module, for a world stands in for the
    mail server of everybody.
    """
    with opened() as one:
        yield one
