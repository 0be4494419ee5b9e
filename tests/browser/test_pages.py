"""Every public page as a browser shows it, in each language, on a phone and on a desk."""

import pytest

from shared.contracts.base import Locale
from tests.browser.eyes import Eyes, nothing_is_wrong
from tests.browser.places import ASKING, DIRECTORY, GATEWAY, LINKED, Place, Visit
from tests.browser.public_site import Site


async def seen(eyes: Eyes, site: Site, place: Place, locale: Locale) -> list[str]:
    """What is wrong with a page in one language."""
    async with eyes.at(f"{place.name}, {locale}", site.origins) as sight:
        await place.reach(Visit(sight.page, site, locale))
        if sight.status != place.status:
            return [f"{sight.name}: {sight.status} instead of {place.status} at {sight.page.url}"]
        await sight.look(place.language or locale)
        return sight.troubles


@pytest.mark.parametrize("place", [*DIRECTORY, *ASKING, *LINKED, *GATEWAY], ids=lambda place: place.name)
async def test_a_page_is_good_to_see_and_asks_nobody_else(eyes: Eyes, site: Site, place: Place) -> None:
    await nothing_is_wrong(seen(eyes, site, place, locale) for locale in Locale)
