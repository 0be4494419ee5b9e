"""Who works at a firm, and which shops it shows in its portfolio."""

import random
import unicodedata

from deploy.market.firms import Firm
from deploy.market.names import JAPANESE_FAMILY, JAPANESE_GIVEN, PEOPLE, SHOPS

TEAM_SIZE = {"person": (1, 1), "freelancer": (1, 1), "studio": (2, 5), "agency": (6, 12)}


def draw_members(draw: random.Random, firm: Firm, taken: set[str]) -> list[dict[str, str]]:
    size = draw.randint(*TEAM_SIZE[firm.kind])
    people = [own_name(firm)] if firm.kind == "person" else draw_team(draw, home_of(firm), size, taken)
    roles = draw_roles(draw, size)
    return [make_member(draw, firm, person, role) for person, role in zip(people, roles, strict=True)]


def draw_team(draw: random.Random, home: str, size: int, taken: set[str]) -> list[tuple[str, str]]:
    """Names with their mailboxes: nobody in the market has the same name, nobody in the team the same family name."""
    team: dict[str, tuple[str, str]] = {}
    while len(team) < size:
        name, mailbox = draw_japanese(draw) if home == "JP" else draw_western(draw, home)
        family = mailbox.rpartition(".")[2]
        if mailbox not in taken and family not in team:
            taken.add(mailbox)
            team[family] = name, mailbox
    return list(team.values())


def make_member(draw: random.Random, firm: Firm, person: tuple[str, str], role: str) -> dict[str, str]:
    name, mailbox = person
    main_language = role == "owner" or draw.random() < 0.75
    return {
        "name": name,
        "email": f"{mailbox}@{firm.slug}.example",
        "role": role,
        "locale": firm.language if main_language else draw.choice(firm.languages),
    }


def draw_roles(draw: random.Random, size: int) -> list[str]:
    """One or two owners, an admin in teams of three and two in larger ones, members for the rest."""
    owners = 2 if size > 1 and draw.random() < 0.3 else 1
    admins = min(size - owners, 2 if size > 5 else 1 if size > 2 else 0)
    return ["owner"] * owners + ["admin"] * admins + ["member"] * (size - owners - admins)


def home_of(firm: Firm) -> str:
    """Where the firm's people have their names from: a key of `PEOPLE`, or `JP`."""
    if firm.language == "ja":
        return "JP"
    return "CA-fr" if (firm.language, firm.country) == ("fr", "CA") else firm.country


def draw_western(draw: random.Random, home: str) -> tuple[str, str]:
    people = PEOPLE[home]
    given, family = draw.choice(people.given), draw.choice(people.family)
    return f"{given} {family}", f"{mailbox_part(given)}.{mailbox_part(family)}"


def draw_japanese(draw: random.Random) -> tuple[str, str]:
    (given, given_reading), (family, family_reading) = draw.choice(JAPANESE_GIVEN), draw.choice(JAPANESE_FAMILY)
    return f"{family} {given}", f"{given_reading}.{family_reading}"


def own_name(firm: Firm) -> tuple[str, str]:
    """The name and mailbox of somebody who trades under their own name; a Japanese slug is the name's reading."""
    if firm.language == "ja":
        return firm.name, firm.slug.replace("-", ".")
    given, _, family = firm.name.rpartition(" ")
    return firm.name, f"{mailbox_part(given)}.{mailbox_part(family)}"


def mailbox_part(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace("'", "").replace(" ", "")


def draw_portfolio(draw: random.Random, firm: Firm, taken: set[str]) -> list[str]:
    most = 2 if firm.kind in {"person", "freelancer"} else 4
    return [f"https://{draw_shop(draw, firm.language, taken)}.example" for _ in range(draw.randint(1, most))]


def draw_shop(draw: random.Random, language: str, taken: set[str]) -> str:
    """A shop that nobody in the market shows yet."""
    while True:
        shop = f"{draw.choice(SHOPS[language].first)}-{draw.choice(SHOPS[language].last)}"
        if shop not in taken:
            taken.add(shop)
            return shop
