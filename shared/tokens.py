"""What a search compares: the words of a text and, where no spaces part them, its characters and their pairs. Pure.

A text and a query are folded alike, so width, case and accents do not matter; が and か stay two characters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import pairwise

MOST_TERMS = 8
LONGEST = 64
"""Characters of a word or of a run that are compared; what follows does not count, on either side."""
LONGEST_QUERY = 500
MOST_PAIRS = 8
"""Pairs of a run that are looked up. The run itself is checked afterwards, so a few that cover it are enough."""
CORRECTED = range(4, 33)
"""How many letters a word has that is found in spite of a typo."""
COMMENT = "#"
"""Stands before each token of an internal comment: no word begins with it, so no other search can hit one."""

_UNSPACED = (
    r"\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Han, Hiragana, Katakana with its prolonged mark, Hangul and Bopomofo, as NFKC leaves them."""
_PARTS = re.compile(rf"(?P<run>[{_UNSPACED}]+)|(?P<word>[^\W_{_UNSPACED}]+)")
_REST_OF_WORD = re.compile(rf"[^\W_{_UNSPACED}]*")
_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l"})
"""Letters that people type without their mark, and that have no decomposition."""
_PLAIN = r"\n -~、。「」ぁ-ゖァ-ヺー一-鿿"
"""Characters that fold to themselves, or to their small letter, and join nothing: most of what is written."""
_ALL_PLAIN = re.compile(rf"[{_PLAIN}]*")
_PLAIN_STRETCH = re.compile(rf"[{_PLAIN}]+(?=[{_PLAIN}]|\Z)")
"""A mark may follow and belong to the last character, unless that is another plain one."""
_JOINING = frozenset(map(chr, [0xFF9E, 0xFF9F, *range(0x1160, 0x1200), *range(0x314F, 0x3164), *range(0xFFC2, 0xFFDD)]))
"""Halfwidth sound marks and the vowels and finals of Hangul: NFKC makes them one with the letter before."""

Span = tuple[int, int]
"""Where something begins and where it has ended, in characters."""


class Kind(StrEnum):
    WORD = "word"
    PREFIX = "prefix"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that must be in a job. `texts` are folded; any of them will do (several only after a correction)."""

    kind: Kind
    texts: tuple[str, ...]

    @property
    def needs_check(self) -> bool:
        """Whether tokens alone do not tell: a text may hold all pairs of a run and not the run."""
        return self.kind is Kind.RUN and len(self.texts[0]) > 2


def fold(text: str) -> str:
    """The text as it is compared. Its length may differ."""
    if text.isascii() or _ALL_PLAIN.fullmatch(text):
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFD", plain)))


def tokens_of(text: str, mark: str = "") -> list[str]:
    """Each token once, with `mark` before it: words, and the characters and pairs of runs without spaces."""
    found: list[str] = []
    for run, word in _PARTS.findall(fold(text)):
        if word:
            found.append(word[:LONGEST])
        else:
            found += run
            found += _pairs(run)
    return list(dict.fromkeys([mark + token for token in found] if mark else found))


def words_of(text: str) -> set[str]:
    """The words of a text that a misspelt query may mean."""
    words = (part["word"] for part in _PARTS.finditer(fold(text)) if part["word"])
    return {word for word in words if len(word) in CORRECTED and word.isalpha()}


def terms_of(query: str) -> list[Term]:
    """What a query asks for; all of it must be found. Its last word may be unfinished unless something follows it,
    if only a space; one letter alone is a word. None for a query without a letter or digit.
    """
    folded = fold(query[:LONGEST_QUERY])
    terms = dict.fromkeys(_term(part, len(folded)) for part in _PARTS.finditer(folded))
    return list(terms)[:MOST_TERMS]


def pairs_of(run: str) -> list[str]:
    """The tokens to look a run up by: itself if it is one, else pairs, spread over the whole of it."""
    pairs = _pairs(run) if len(run) > 2 else [run]
    step = -(-len(pairs) // MOST_PAIRS)
    return list(dict.fromkeys([*pairs[::step], pairs[-1]]))


def deletions(word: str) -> list[str]:
    """The word and what is left of it without one of its letters. Two words that are one typo apart have one of these
    in common: a letter more, a letter less, another letter, or two that changed places. None for a word that is not
    corrected.
    """
    if len(word) not in CORRECTED:
        return []
    return sorted({word, *(word[:place] + word[place + 1 :] for place in range(len(word)))})


def is_near(word: str, other: str) -> bool:
    """Whether two words are at most one typo apart (Damerau-Levenshtein distance of at most one)."""
    start = _common(zip(word, other, strict=False))
    word, other = word[start:], other[start:]
    end = _common(zip(reversed(word), reversed(other), strict=False))
    word, other = word[: len(word) - end], other[: len(other) - end]
    return max(len(word), len(other)) <= 1 or (len(word) == 2 and word == other[::-1])


def spans(text: str, terms: Iterable[Term]) -> list[Span]:
    """Where the terms are in the text as it was written, in order, without overlaps."""
    terms, quick = list(terms), fold(text)
    if not any(_found(quick, term) for term in terms):
        return []
    folded, places = _mapped(text)
    found = sorted(
        (places[start][0], places[end - 1][1]) for term in terms for start, end in _occurrences(folded, term)
    )
    merged: list[Span] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _tokens(part: re.Match[str]) -> list[str]:
    run = part["run"]
    return [*run, *_pairs(run)] if run else [part["word"][:LONGEST]]


def _pairs(run: str) -> list[str]:
    return [left + right for left, right in pairwise(run)]


def _term(part: re.Match[str], length: int) -> Term:
    text = part[0][:LONGEST]
    if part["run"]:
        return Term(Kind.RUN, (text,))
    unfinished = part.end() == length and len(text) > 1
    return Term(Kind.PREFIX if unfinished else Kind.WORD, (text,))


def _common(pairs: Iterable[tuple[str, str]]) -> int:
    """How many pairs are alike before the first that is not."""
    count = 0
    for left, right in pairs:
        if left != right:
            break
        count += 1
    return count


def _found(folded: str, term: Term) -> bool:
    return any(text in folded for text in term.texts)


def _occurrences(folded: str, term: Term) -> Iterator[Span]:
    for text in term.texts:
        for found in re.finditer(re.escape(text), folded):
            start, end = found.span()
            if term.kind is Kind.RUN:
                yield start, end
            elif not _goes_on(folded, start):
                word_end = _REST_OF_WORD.match(folded, end).end()  # type: ignore[union-attr]  # it matches nothing, too
                if term.kind is Kind.PREFIX:
                    yield start, end
                elif word_end == end or len(text) == LONGEST:
                    yield start, word_end


def _goes_on(folded: str, end: int) -> bool:
    """Whether a word goes on at this place: then it is not where one begins."""
    return end > 0 and _REST_OF_WORD.match(folded, end - 1, end).end() == end  # type: ignore[union-attr]  # as above


def _mapped(text: str) -> tuple[str, list[Span]]:
    """The folded text and, for each of its characters, the place that it comes from. Plain stretches are taken whole:
    folding each character by itself took most of a search's time.
    """
    folded: list[str] = []
    places: list[Span] = []
    done = 0
    for stretch in [*_PLAIN_STRETCH.finditer(text), None]:
        start, end = stretch.span() if stretch else (len(text), len(text))
        for left, right in _clusters(text[done:start]):
            piece = _folded(text[done + left : done + right])
            folded.append(piece)
            places += [(done + left, done + right)] * len(piece)
        folded.append(text[start:end].lower())
        places += zip(range(start, end), range(start + 1, end + 1), strict=True)
        done = end
    return "".join(folded), places


@lru_cache(maxsize=4096)
def _folded(cluster: str) -> str:
    return fold(cluster)


def _clusters(text: str) -> Iterator[Span]:
    """A character and the marks that belong to it."""
    start = 0
    for place, character in enumerate(text):
        if place > start and not _joins(character):
            yield start, place
            start = place
    if text:
        yield start, len(text)


@cache
def _joins(character: str) -> bool:
    return character in _JOINING or unicodedata.category(character).startswith("M")
