"""The wiring of matching."""

from services.matching.handlers import few_jobs, keeps_partners, next_wave, on_jobs, on_requests
from services.matching.index import Index
from services.matching.keeping import KeepsStandings
from services.matching.match import decide_with, evolve, timer
from services.matching.outcomes import MongoOutcomes
from services.matching.seen import SEEN_PARTNERS
from services.matching.selection import Choose, choosing
from services.matching.standings import Standings
from services.matching.weights import weights_in
from shared.aggregate import Aggregate
from shared.contracts.matching import Match, SelectPartners
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, LEAD_EVENTS, MATCHES, MATCHING_COMMANDS, REQUESTS, STANDINGS


def the_match(choose: Choose, weights: str) -> Aggregate[Match]:
    """The aggregate that matching owns, over a way to choose."""
    return Aggregate(
        name="match",
        commands=MATCHING_COMMANDS,
        events=MATCHES,
        state=Match,
        creates=(SelectPartners,),
        decide=decide_with(choose, weights),
        evolve=evolve,
        timer=timer,
    )


class MatchingSettings(Settings):
    ops_port: int = 9102


def build(service: Service) -> None:
    settings = service.settings
    weights = weights_in(settings.matching_weights)
    index = Index(few_jobs(settings))
    # Both are read to their end before the door opens, so that a fresh replica does not select from half a market.
    service.hears("matching.partners", [SEEN_PARTNERS], keeps_partners(index, service.metrics), everyone=True)
    outcomes = MongoOutcomes(service.database)
    standings = Standings(outcomes, service.publisher, index.heard, weights.answers)
    keeps = KeepsStandings(index, outcomes, standings)
    service.prepares(outcomes.prepare)
    service.prepares(keeps.prepare)
    service.hears("matching.index", [STANDINGS], keeps, everyone=True)

    match = the_match(choosing(index, weights), weights.name)
    service.owns(match)
    service.tells_time(match, next_wave(settings))
    service.reacts("matching.requests", [REQUESTS], MATCHING_COMMANDS, on_requests(settings))
    service.reacts("matching.answers", [JOB_EVENTS], MATCHING_COMMANDS, on_jobs(settings))

    service.hears("matching.matches", [MATCHES], standings)
    service.hears("matching.standings", [JOB_EVENTS], standings)
    service.hears("matching.leads", [LEAD_EVENTS], standings)


def main() -> None:
    run("matching", build, MatchingSettings())


if __name__ == "__main__":
    main()
