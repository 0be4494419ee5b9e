"""What a mail holds of people's texts, so that no mail is larger than mail programs show. Pure.

Gmail cuts what is above 102 KB. Where a mail leads to a place to read on, all of it stays below that; where the mail is
all that its reader gets, its HTML does.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

from services.notifications.envelope import Mail

MOST_BYTES = 70_000
"""Of texts, encoded, in both parts of a mail; what stands around them takes the rest."""
MOST_BYTES_WHOLE = 180_000
AROUND = 800
"""Bytes of the frame around each text."""
MOST_KEPT = 3_000
"""Characters of a text that waits to be folded into a mail with others."""
MOST_NAMES, LONGEST_NAME = 20, 60
"""Of files: in one mail, and characters of each."""
_TEXTS = ("text", "note", "requirements", "business", "reason")
_BOUNDED = {"title": 300, "merchant_name": 200, "partner_name": 200, "recipient_name": 200}


def fitted(mail: Mail, *, whole: bool = False) -> Mail:
    """The mail with its texts cut to what fits, `shortened` saying whether any was. The shortest stay whole; the others
    share what is left equally. `whole`: there is no place to read on.
    """
    parts: list[Mapping[str, Any]] = [mail.values, *mail.parts]
    costs = sorted(_cost(str(part[name])) for part in parts for name in _TEXTS if part.get(name))
    share, left = 0, (MOST_BYTES_WHOLE if whole else MOST_BYTES) - AROUND * len(parts)
    for place, cost in enumerate(costs):
        share = left // (len(costs) - place)
        if cost > share:
            break
        left -= cost
        share = cost
    names = MOST_NAMES
    cut, fitting = False, []
    for part in parts:
        texts = {name: _cut(str(part[name]), share) for name in _TEXTS if part.get(name)}
        cut = cut or any(texts[name] != part[name] for name in texts)
        lines = {name: str(part[name])[:most] for name, most in _BOUNDED.items() if part.get(name)}
        files = list(part.get("files") or ())
        shown = {}
        if "files" in part:
            shown = {"files": [name[:LONGEST_NAME] for name in files[:names]], "file_count": len(files)}
            names = max(names - len(files), 0)
        fitting.append({**part, **texts, **lines, **shown})
    values, *folded = fitting
    return mail._replace(values={**values, "shortened": cut}, parts=tuple(folded))


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a mail that will be folded into one with others."""
    text = values.get("text")
    if not isinstance(text, str) or len(text) <= MOST_KEPT:
        return dict(values)
    return {**values, "text": text[:MOST_KEPT] + "…"}


def _cost(text: str) -> int:
    """Bytes that a text takes, encoded, as a quotation in the text and in the HTML of a mail."""
    lines = text.count("\n") + 1
    plain = len(text.encode("utf-8", "replace")) + 3 * lines
    rich = len(html.escape(text).encode("utf-8", "replace")) + 8 * lines
    return (plain + rich) * 4 // 3


def _cut(text: str, share: int) -> str:
    """At the last blank before the limit, if there is one near."""
    if _cost(text) <= share:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _cost(text[:middle]) <= share - 10 else (low, middle - 1)
    beginning = text[:low]
    blank = max(beginning.rfind(" "), beginning.rfind("\n"))
    if blank > low - 80:
        beginning = beginning[:blank]
    return _whole_characters(beginning, text) + " …"


def _whole_characters(beginning: str, text: str) -> str:
    """Without a character that a joiner or a mark behind the end belongs to."""
    while beginning and (beginning.endswith("\u200d") or _joins(text[len(beginning) : len(beginning) + 1])):
        beginning = beginning[:-1]
    return beginning.rstrip()


_JOINING = re.compile("[\u200d\ufe00-\ufe0f\u0300-\u036f\U0001f3fb-\U0001f3ff]")


def _joins(character: str) -> bool:
    return bool(_JOINING.match(character))
