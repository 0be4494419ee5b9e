"""The seeded market: two hundred invented partners with services, preferences and teams.

`partners.jsonl` is what `jobwire seed` publishes and what tests match against. It is made by `make_market.py` out of
`profiles/` (who the partners are, written by hand), `offers.py` (what services cost) and `names.py` (people, shops).
Nobody in it exists, and every address is in the reserved top-level domain `.example`.
"""

import json
from pathlib import Path
from typing import Any

PARTNERS_FILE = Path(__file__).with_name("partners.jsonl")


def load_partners() -> list[dict[str, Any]]:
    """The partners in the file's order, each as the plain JSON object of its line."""
    return [json.loads(line) for line in PARTNERS_FILE.read_text(encoding="utf-8").splitlines()]
