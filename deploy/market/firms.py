"""Reads `profiles/<language>.txt`: who each partner is, written by hand in its main language.

An entry is a heading and one line of text, and a blank line follows:

    name | slug | country | kind | languages, main one first | services it is known for
    what it says about itself
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("profiles")


@dataclass(frozen=True, slots=True)
class Firm:
    """`kind` is `person` (trades under the owner's own name), `freelancer`, `studio` or `agency`."""

    name: str
    slug: str
    country: str
    kind: str
    languages: tuple[str, ...]
    known_for: tuple[str, ...]
    about: str

    @property
    def language(self) -> str:
        return self.languages[0]


def read_firms() -> list[Firm]:
    """All firms, English first, then French, then Japanese."""
    return [
        _parse(entry)
        for language in ("en", "fr", "ja")
        for entry in (FOLDER / f"{language}.txt").read_text(encoding="utf-8").strip().split("\n\n")
    ]


def _parse(entry: str) -> Firm:
    heading, about = entry.split("\n")
    name, slug, country, kind, languages, known_for = heading.split(" | ")
    return Firm(name, slug, country, kind, tuple(languages.split(", ")), tuple(known_for.split(", ")), about)
