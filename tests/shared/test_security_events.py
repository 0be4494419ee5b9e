"""The table of security events."""

from deploy.security_table import FILE, with_table
from shared.security_events import MEANINGS, SecurityEvent


def test_every_security_event_says_what_it_means() -> None:
    assert MEANINGS.keys() == set(SecurityEvent)
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_the_documentation_has_the_table_as_it_is() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert with_table(text) == text, "Run python -m deploy.security_table."
