"""The table of security events in SECURITY.md: `python -m deploy.security_table` writes it anew."""

from pathlib import Path

from shared.security_events import MEANINGS, SecurityEvent

FILE = Path(__file__).with_name("SECURITY.md")
HEAD = "| event | what it says |"
"""Where the table begins; it ends with the first line that is none of it."""


def table() -> str:
    rows = [f"| `{event.value}` | {MEANINGS[event]} |" for event in SecurityEvent]
    return "\n".join([HEAD, "| --- | --- |", *rows])


def with_table(text: str) -> str:
    """The text with the table as it is now."""
    before, head, after = text.partition(HEAD)
    if not head:
        raise ValueError(f"{FILE.name} has no line {HEAD!r}.")
    rest = after.splitlines(keepends=True)[1:]
    while rest and rest[0].startswith("|"):
        del rest[0]
    return f"{before}{table()}\n{''.join(rest)}"


if __name__ == "__main__":
    FILE.write_text(with_table(FILE.read_text(encoding="utf-8")), encoding="utf-8")
