"""Three hundred partners: the invented market, and branches of its firms."""

import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from deploy.market import load_partners
from shared.contracts.base import Actor, ActorKind, derived_id

PARTNERS = 300
BIGGEST = 0.2
"""The share of all jobs that one partner has."""
SPREAD = 0.46
"""How far the others differ (a lognormal distribution): of 100,000 jobs the one in the middle has about 240."""
CITIES = ("Lisbon", "Lyon", "Osaka", "Leeds", "Ghent")


@dataclass(frozen=True)
class Team:
    """A partner as the jobs know it."""

    partner_id: UUID
    name: str
    owner_email: str
    members: tuple[Actor, ...]

    @property
    def owner(self) -> UUID:
        member_id = self.members[0].member_id
        assert member_id is not None
        return member_id


def make_market() -> list[dict[str, Any]]:
    """What is registered, as lines of `deploy.market`."""
    firms = load_partners()
    return [*firms, *(_branch(firm, CITIES[number % 5]) for number, firm in enumerate(firms[: PARTNERS - len(firms)]))]


def teams_of(partners: list[dict[str, Any]]) -> list[Team]:
    return [_team(partner) for partner in partners]


def shares(draw: random.Random, teams: list[Team], jobs: int) -> dict[UUID, int]:
    """How many jobs each partner has. The biggest has the largest team."""
    biggest = max(teams, key=lambda team: len(team.members))
    others = [team.partner_id for team in teams if team is not biggest]
    weights = [draw.lognormvariate(0, SPREAD) for _ in others]
    rest = jobs - int(jobs * BIGGEST)
    shared = {one: int(rest * weight / sum(weights)) for one, weight in zip(others, weights, strict=True)}
    shared[others[0]] += rest - sum(shared.values())
    return {biggest.partner_id: jobs - rest, **shared}


def middle(teams: list[Team], shared: dict[UUID, int]) -> Team:
    """The partner in the middle, by its jobs, of those that are a team."""
    ranked = sorted((team for team in teams if len(team.members) > 2), key=lambda team: shared[team.partner_id])
    median = sorted(shared.values())[len(shared) // 2]
    return min(ranked, key=lambda team: abs(shared[team.partner_id] - median))


def _branch(firm: dict[str, Any], city: str) -> dict[str, Any]:
    """The same firm in another city, with a team of its own."""
    slug = f"{firm['slug']}-{city.lower()}"
    partner_id = derived_id("branch", slug)
    members = [
        member
        | {
            "member_id": str(derived_id("branch", slug, member["email"])),
            "email": member["email"].replace(f"@{firm['slug']}.", f"@{slug}."),
        }
        for member in firm["members"]
    ]
    return firm | {"partner_id": str(partner_id), "slug": slug, "name": f"{firm['name']} {city}", "members": members}


def _team(partner: dict[str, Any]) -> Team:
    partner_id = UUID(partner["partner_id"])
    members = sorted(partner["members"], key=lambda member: member["role"] != "owner")
    actors = [
        Actor(kind=ActorKind.PARTNER, partner_id=partner_id, member_id=UUID(member["member_id"]), name=member["name"])
        for member in members
    ]
    return Team(partner_id, partner["name"], members[0]["email"], tuple(actors))
