"""A text as a direction, so that how alike two texts are is one product of vectors. Pure.

Each word has a fixed direction of `DIMENSIONS` signs, taken from its hash; a text is the sum of its words' directions,
made as long as 1 (signed random projection, Achlioptas 2003). Texts that have words in common point the same way. For
runs without spaces the pairs of characters are the words (`shared.tokens`).
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.tokens import tokens_of

DIMENSIONS = 96
MOST_WORDS = 400
STEP = 2.0**-7
"""Coordinates are whole multiples of this: see `services/matching/index.py` for why."""

_COMMON = (
    "about also and are been but can dans des does elle est for from have her his ils les leur like mais more need not "
    "notre nous one our par pas plus pour que qui sans some sont store stores sur than that the their them they this "
    "une vos votre vous want was what when will with would you your avec aux ces cette boutique boutiques ont "
    "です ます して する した ので から まで など こと ため よう いた たい"
)
_EMPTY = frozenset(_COMMON.split())
"""Words that stand in every text and tell nothing."""

Vector = NDArray[np.float32]


def direction(text: str) -> Vector:
    """The text's unit vector, float32 of `DIMENSIONS`; zeros where there is no word that tells anything."""
    hashes = b"".join(map(_signs, tokens_of(text)[:MOST_WORDS]))
    if not hashes:
        return np.zeros(DIMENSIONS, np.float32)
    bits = np.unpackbits(np.frombuffer(hashes, np.uint8).reshape(-1, DIMENSIONS // 8), axis=1)
    total = 2.0 * bits.sum(axis=0, dtype=np.int64) - len(bits)
    length = float(np.sqrt((total * total).sum()))
    return on_grid(total / length if length else total, STEP)


def on_grid(values: Any, step: Any) -> Any:
    """Rounded to whole multiples of `step`, one for all or one for each column; float32."""
    return (np.rint(np.asarray(values, np.float64) / step) * step).astype(np.float32)


@lru_cache(maxsize=100_000)
def _signs(token: str) -> bytes:
    """The word's direction, a bit for each sign; nothing for a word that tells nothing."""
    too_short = len(token) < (3 if token.isascii() else 2)
    if too_short or token in _EMPTY:
        return b""
    return blake2b(token.encode(), digest_size=DIMENSIONS // 8).digest()
