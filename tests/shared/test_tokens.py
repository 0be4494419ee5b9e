"""What a search compares: width, case and accents do not matter, and no text is too strange."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens import (
    CORRECTED,
    LONGEST,
    MOST_PAIRS,
    MOST_TERMS,
    Kind,
    Term,
    deletions,
    fold,
    is_near,
    pairs_of,
    spans,
    terms_of,
    tokens_of,
    words_of,
)

LETTERS = st.text("abcdé", min_size=4, max_size=8)
WRITTEN = st.text("aZé ßœ½0_'#-茶東京店かがﾊﾟｶﾞーガが한국ﬁ①\n!", max_size=40)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Spring launch, spring!", ["spring", "launch"]),
        ("L'été à Œuvre", ["l", "ete", "a", "oeuvre"]),
        ("Straße", ["strasse"]),
        ("ＳＥＯ　２０２６", ["seo", "2026"]),
        ("紅茶店", ["紅", "茶", "店", "紅茶", "茶店"]),
        ("SEO対策", ["seo", "対", "策", "対策"]),
        ("ｶﾞｰﾄﾞ", ["ガ", "ー", "ド", "ガー", "ード"]),
        ("東京・大阪", ["東", "京", "東京", "大", "阪", "大阪"]),
        ("한국", ["한", "국", "한국"]),
        ("snake_case #tag", ["snake", "case", "tag"]),
        ("!!! …", []),
    ],
)
def test_a_text_is_words_and_where_no_spaces_part_them_characters_and_pairs(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


def test_a_sound_mark_makes_another_character_however_it_is_typed() -> None:
    assert tokens_of("か\u3099") == tokens_of("が") == ["が"]
    assert tokens_of("ハ\u309a") == tokens_of("ﾊﾟ") == ["パ"]
    assert tokens_of("か") == ["か"]


def test_an_accent_does_not_matter_however_it_is_typed() -> None:
    assert tokens_of("cafe\u0301") == tokens_of("café") == tokens_of("CAFE")


def test_a_comments_tokens_can_not_be_asked_for_by_a_query() -> None:
    assert tokens_of("Too cheap 茶", "#") == ["#too", "#cheap", "#茶"]
    assert [text for term in terms_of("#cheap ") for text in term.texts] == ["cheap"]


def test_the_last_word_of_a_query_may_be_unfinished() -> None:
    assert terms_of("Spring lau") == [Term(Kind.WORD, ("spring",)), Term(Kind.PREFIX, ("lau",))]
    assert terms_of("Spring lau ")[1] == Term(Kind.WORD, ("lau",))
    assert terms_of("a") == [Term(Kind.WORD, ("a",))]
    assert terms_of("東京の店 seo対策") == [
        Term(Kind.RUN, ("東京の店",)),
        Term(Kind.WORD, ("seo",)),
        Term(Kind.RUN, ("対策",)),
    ]
    assert [term.needs_check for term in terms_of("東京の店 対策")] == [True, False]


def test_a_query_is_bounded() -> None:
    assert len(terms_of(" ".join(f"word{number}" for number in range(50)))) == MOST_TERMS
    assert terms_of("x" * 400) == [Term(Kind.PREFIX, ("x" * LONGEST,))]
    assert terms_of("x" * 100 + " ")[0].texts[0] == tokens_of("x" * 100)[0]
    assert terms_of("!!! *.* $") == []
    (long,) = terms_of("".join(chr(0x4E00 + place) for place in range(300)))
    assert len(long.texts[0]) == LONGEST
    assert len(pairs_of(long.texts[0])) <= MOST_PAIRS + 1


@given(st.text("茶東京店ー", min_size=1, max_size=80))
def test_a_run_is_looked_up_by_tokens_that_its_text_has(run: str) -> None:
    assert set(pairs_of(run)) <= set(tokens_of(f"a{run}b"))


@given(st.text())
def test_any_text_folds_to_one_form_and_its_tokens_are_short_and_different(text: str) -> None:
    tokens = tokens_of(text)
    assert fold(fold(text)) == fold(text)
    assert len(set(tokens)) == len(tokens)
    assert all(0 < len(token) <= LONGEST for token in tokens)
    assert tokens_of(unicodedata.normalize("NFD", text)) == tokens_of(unicodedata.normalize("NFC", text))


def distance(word: str, other: str) -> int:
    """Damerau-Levenshtein (optimal string alignment), by its definition."""
    rows = [[i + j if not i * j else 0 for j in range(len(other) + 1)] for i in range(len(word) + 1)]
    for i, left in enumerate(word, 1):
        for j, right in enumerate(other, 1):
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and word[i - 2] == right:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


@given(LETTERS, LETTERS)
def test_near_is_a_distance_of_one_and_has_a_deletion_in_common(word: str, other: str) -> None:
    assert is_near(word, other) == (distance(word, other) <= 1)
    if is_near(word, other):
        assert set(deletions(word)) & set(deletions(other))


@pytest.mark.parametrize("typed", ["markeing", "markeeting", "markating", "makreting", "marketing"])
def test_a_letter_less_more_other_or_in_the_wrong_place_is_one_typo(typed: str) -> None:
    assert is_near(typed, "marketing")
    assert set(deletions(typed)) & set(deletions("marketing"))


def test_only_words_of_some_letters_are_corrected() -> None:
    assert words_of("The SEO of Café Zürich 2026 b2b4u 東京タワー " + "x" * 33) == {"cafe", "zurich"}
    assert deletions("seo") == deletions("x" * CORRECTED.stop) == []


@pytest.mark.parametrize(
    ("text", "query", "hits"),
    [
        ("Spring launch, SPRING!", "spring ", ["Spring", "SPRING"]),
        ("Springtime", "spr", ["Spr"]),
        ("Springtime", "spring ", []),
        ("Un cafe\u0301 à l'été", "café ete", ["cafe\u0301", "été"]),
        ("Die Straße", "strasse", ["Straße"]),
        ("½ ＳＥＯ対策です", "seo対策", ["ＳＥＯ", "対策"]),
        ("ｶﾞｰﾄﾞ屋", "ード", ["ｰﾄﾞ"]),
        ("東京東京タワー", "東京タ", ["東京タ"]),
        ("ﬁne ﬁsh", "fish", ["ﬁsh"]),
        ("nothing", "東京", []),
    ],
)
def test_hits_are_shown_where_they_stand_in_the_original(text: str, query: str, hits: list[str]) -> None:
    assert [text[start:end] for start, end in spans(text, terms_of(query))] == hits


@given(WRITTEN, WRITTEN)
def test_there_is_a_span_exactly_where_a_term_is(text: str, query: str) -> None:
    tokens, folded = set(tokens_of(text)), fold(text)
    for term in terms_of(query):
        (wanted,) = term.texts
        match term.kind:
            case Kind.WORD:
                expected = wanted in tokens
            case Kind.PREFIX:
                expected = any(token.startswith(wanted) for token in tokens)
            case Kind.RUN:
                expected = wanted in folded
        found = spans(text, [term])
        assert bool(found) == expected
        assert all(0 <= start < end <= len(text) for start, end in found)
        assert all(left[1] <= right[0] for left, right in pairwise(found))
        assert all(wanted in fold(text[start:end]) for start, end in found)
