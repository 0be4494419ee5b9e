"""Makes `partners.jsonl`: `python -m deploy.market.make_market` rewrites it byte for byte.

Who the firms are and what they say is written by hand (`profiles/`); what is drawn here is what nobody reads as prose:
prices, teams, preferences, portfolios. Each firm draws from a generator of its own, so changing one entry leaves the
others alone as far as possible.
"""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.market import PARTNERS_FILE
from deploy.market.firms import Firm, read_firms
from deploy.market.services import draw_services, fill_gaps, price_services
from deploy.market.teams import draw_members, draw_portfolio

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "jobwire.example")
UNAVAILABLE, HIDDEN, UNPUBLISHED, NO_DROPSHIPPERS = 12, 8, 6, 70


def main() -> None:
    PARTNERS_FILE.write_text(as_lines(make_partners()), encoding="utf-8", newline="\n")


def as_lines(partners: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(partner, ensure_ascii=False) + "\n" for partner in partners)


def make_partners() -> list[dict[str, Any]]:
    """All partners, in the order of the firms; nothing but the files beside this one decides the outcome."""
    firms = read_firms()
    standing = draw_standing([firm.slug for firm in firms])
    services = {firm.slug: draw_services(seeded("services", firm.slug), firm) for firm in firms}
    fill_gaps([firm for firm in firms if all(standing[firm.slug].values())], services)
    taken: set[str] = set()
    return [make_partner(firm, services[firm.slug], standing[firm.slug], taken) for firm in firms]


def make_partner(firm: Firm, services: Sequence[str], standing: Mapping[str, bool], taken: set[str]) -> dict[str, Any]:
    """One line of the file. `taken` holds the names of people and shops used so far, and grows."""
    draw = seeded(firm.slug)
    return {
        "partner_id": str(uuid.uuid5(NAMESPACE, f"partner:{firm.slug}")),
        "slug": firm.slug,
        "name": firm.name,
        "about": firm.about,
        "main_language": firm.language,
        "languages": list(firm.languages),
        "country": firm.country,
        "published": standing["published"],
        "portfolio": draw_portfolio(draw, firm, taken),
        "services": price_services(draw, firm, services),
        "preferences": {
            "available": standing["available"],
            "visible": standing["visible"],
            "dropshippers": standing["dropshippers"],
            "notification_email": f"jobs@{firm.slug}.example" if draw.random() < 0.7 else None,
        },
        "members": [
            {"member_id": str(uuid.uuid5(NAMESPACE, f"member:{member['email']}"))} | member
            for member in draw_members(draw, firm, taken)
        ],
    }


def draw_standing(slugs: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Who is away, hidden or unpublished (never two of these at once), and who works with dropshippers."""
    draw = seeded("standing")
    apart = iter(draw.sample(slugs, UNAVAILABLE + HIDDEN + UNPUBLISHED))
    away, hidden, drafts = ({next(apart) for _ in range(count)} for count in (UNAVAILABLE, HIDDEN, UNPUBLISHED))
    no_dropshippers = set(draw.sample(slugs, NO_DROPSHIPPERS))
    return {
        slug: {
            "available": slug not in away,
            "visible": slug not in hidden,
            "published": slug not in drafts,
            "dropshippers": slug not in no_dropshippers,
        }
        for slug in slugs
    }


def seeded(*purpose: str) -> random.Random:
    return random.Random(" ".join(("jobwire market 1", *purpose)))  # noqa: S311  # the same market every time


if __name__ == "__main__":
    main()
