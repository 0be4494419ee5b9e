"""Where a page ended, as an opaque text. It holds places, not page numbers, so that pages do not shift."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from shared.http import Problem, field_problem

Place = tuple[datetime, UUID]
"""One document's place in an order by time, and by id where times are equal."""


def cursor_of(*words: str | datetime | UUID) -> str:
    texts = [word.isoformat() if isinstance(word, datetime) else str(word) for word in words]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode()


def words_of(cursor: str) -> list[str]:
    """What `cursor_of` was given, as texts. Raises `Problem` 422."""
    try:
        words = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise bad_cursor() from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise bad_cursor()
    return words


def place_of(words: Sequence[str]) -> Place:
    """The place that these two words name. Raises `Problem` 422."""
    try:
        at, document_id = words
        return moment_of(at), UUID(document_id)
    except ValueError:
        raise bad_cursor() from None


def id_of(words: Sequence[str]) -> UUID:
    """The id that these words, there is one, name. Raises `Problem` 422."""
    try:
        (word,) = words
        return UUID(word)
    except ValueError:
        raise bad_cursor() from None


def moment_of(word: str) -> datetime:
    try:
        return datetime.fromisoformat(word).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_cursor() from None


def bad_cursor(name: str = "next_cursor") -> Problem:
    wrong = {"field": "query.cursor", "message": f"Use the {name} of the last page.", "code": "cursor"}
    return field_problem([wrong])
