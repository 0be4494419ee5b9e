"""Amounts as people type them."""

import re
from unicodedata import normalize

from babel.numbers import NumberFormatError, parse_decimal

from shared.contracts.base import Locale

_WRITTEN = re.compile(r"[0-9][0-9.,'’٬٫]{0,29}")
"""Digits and what stands between them. Babel hands the rest to Decimal, which takes exponents and NaN, and fails with
errors of its own on some of them.
"""


def typed_amount(text: str, locale: Locale) -> str:
    """A plain number for what people of this language write; anything else comes back as it is, for the model to
    refuse.
    """
    plain = "".join(normalize("NFKC", text).split())
    if not _WRITTEN.fullmatch(plain):
        return plain
    try:
        return format(parse_decimal(plain, locale=locale.value, strict=True), "f")
    except (NumberFormatError, ArithmeticError):
        return plain
