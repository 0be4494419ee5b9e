"""Every mail in each of its forms as a browser shows it, in each language, on a phone and on a desk."""

import pytest

from deploy.previews import Preview, previews
from shared.contracts.base import Locale
from tests.browser.eyes import Eyes, nothing_is_wrong

OFF = ("region", "landmark-one-main")
"""A mail program shows a mail inside a page of its own, whose landmarks these are; the rest holds for mails too."""

MAILS: dict[str, list[Preview]] = {}
for _preview in previews():
    MAILS.setdefault(_preview.name.rpartition(".")[0], []).append(_preview)


async def seen(eyes: Eyes, preview: Preview) -> list[str]:
    async with eyes.at(f"mail {preview.name}") as sight:
        await sight.page.set_content(preview.html)
        await sight.look(preview.name.rpartition(".")[2], OFF)
        return sight.troubles


@pytest.mark.parametrize("form", MAILS)
async def test_a_mail_is_good_to_see_and_asks_nobody(eyes: Eyes, form: str) -> None:
    assert len(MAILS[form]) == len(Locale)
    await nothing_is_wrong(seen(eyes, preview) for preview in MAILS[form])
