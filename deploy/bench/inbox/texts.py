"""What people write in three languages: sentences of `texts/<language>.txt`, with their gaps filled in."""

import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deploy.market.names import JAPANESE_FAMILY, JAPANESE_GIVEN, PEOPLE, SHOPS
from shared.contracts.base import Locale
from shared.taxonomy import SERVICES, service_name

FOLDER = Path(__file__).with_name("texts")
GAPS = ("product", "page", "tool", "place", "month")
COUNTRIES = {Locale.EN: ("US", "GB", "CA", "AU", "IE"), Locale.FR: ("FR", "BE", "CH", "CA-fr")}
LONGEST_TITLE = 200


class Voice:
    """One request and all that is said about it: the same shop, product and page throughout."""

    def __init__(self, draw: random.Random, locale: Locale) -> None:
        self._draw = draw
        self._sections = _sections(locale)
        self._glue = "" if locale is Locale.JA else " "
        shops = SHOPS[locale.value]
        self.service = draw.choice(list(SERVICES))
        self.shop = f"{draw.choice(shops.first)}-{draw.choice(shops.last)}"
        self.name = _name(draw, locale)
        self._filled = {gap: draw.choice(self._sections[gap][0].split("|")) for gap in GAPS}
        self._filled |= {"shop": self.shop, "service": service_name(self.service, locale.value)}

    def says(self, section: str, least: int, most: int) -> str:
        """Some sentences of a section."""
        sentences = self._draw.sample(self._sections[section], self._draw.randint(least, most))
        return self._glue.join(self._with_gaps_filled(sentence) for sentence in sentences)

    def title(self) -> str:
        return self.says("title", 1, 1)[:LONGEST_TITLE]

    def _with_gaps_filled(self, sentence: str) -> str:
        return sentence.format(number=self._draw.randint(2, 60), **self._filled)


def _name(draw: random.Random, locale: Locale) -> str:
    if locale is Locale.JA:
        return f"{draw.choice(JAPANESE_FAMILY)[0]} {draw.choice(JAPANESE_GIVEN)[0]}"
    people = PEOPLE[draw.choice(COUNTRIES[locale])]
    return f"{draw.choice(people.given)} {draw.choice(people.family)}"


@cache
def _sections(locale: Locale) -> Mapping[str, list[str]]:
    """By its name, each section's lines."""
    sections = (FOLDER / f"{locale.value}.txt").read_text(encoding="utf-8").strip().split("\n\n")
    split = [section.strip().split("\n") for section in sections]
    return {name.strip("[]"): lines for name, *lines in split}
