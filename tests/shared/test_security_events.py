"""The table of security events."""

from shared.security_events import MEANINGS, SecurityEvent


def test_every_security_event_says_what_it_means() -> None:
    assert MEANINGS.keys() == set(SecurityEvent)
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())
