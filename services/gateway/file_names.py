"""A name that somebody gave a file, made fit to be shown and to be saved under."""

import re
import unicodedata

MAX_NAME = 120

_FORBIDDEN = re.compile(r'[<>:"|?*]')
"""What Windows has another meaning for: behind a colon it would write beside the file."""


def clean_name(given: str) -> str:
    """One line of at most `MAX_NAME` characters, without folders, and without characters that are not seen or that
    turn the direction of writing. It may be empty.
    """
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    seen = "".join(" " if character.isspace() else character for character in last if _is_seen(character))
    name = " ".join(_FORBIDDEN.sub("_", seen).split()).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if len(name) <= MAX_NAME or not stem:
        return name[:MAX_NAME]
    return stem[: max(1, MAX_NAME - len(ending) - 1)].rstrip(". ") + dot + ending[: MAX_NAME - 2]


def ending_of(name: str) -> str:
    """What stands behind the last dot, in lower case; empty without one."""
    stem, _, ending = name.rpartition(".")
    return ending.lower() if stem else ""


def _is_seen(character: str) -> bool:
    """Not a control, a format (direction, zero width), a half of a pair, or one that Unicode has not given out."""
    return character in "\t\n\r" or not unicodedata.category(character).startswith("C")
