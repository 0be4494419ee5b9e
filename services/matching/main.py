"""The wiring of matching."""

from services.matching.handlers import ANSWERS, next_wave, on_answer, on_request_confirmed, on_request_over
from services.matching.market import Market
from services.matching.match import decide_with, evolve, timer
from services.matching.standings import Standings
from shared.aggregate import Aggregate
from shared.contracts.matching import Match, SelectPartners
from shared.contracts.requests import RequestConfirmed, RequestHelped, RequestWithdrawn
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, LEAD_EVENTS, MATCHES, MATCHING_COMMANDS, PARTNERS, REQUESTS, STANDINGS


def build(service: Service) -> None:
    market = Market(service.metrics)
    # Both are read to their end before the door opens, so that a fresh replica does not select from half a market.
    service.hears("matching.partners", [PARTNERS], market.on_partners, everyone=True)
    service.hears("matching.index", [STANDINGS], market.on_standings, everyone=True)

    match = Aggregate(
        name="match",
        commands=MATCHING_COMMANDS,
        events=MATCHES,
        state=Match,
        creates=(SelectPartners,),
        decide=decide_with(market),
        evolve=evolve,
        timer=timer,
    )
    settings = service.settings
    service.owns(match)
    service.tells_time(match, next_wave(settings))
    service.reacts(
        "matching.requests",
        [REQUESTS],
        MATCHING_COMMANDS,
        {
            RequestConfirmed: on_request_confirmed(settings),
            RequestWithdrawn: on_request_over,
            RequestHelped: on_request_over,
        },
    )
    service.reacts("matching.answers", [JOB_EVENTS], MATCHING_COMMANDS, dict.fromkeys(ANSWERS, on_answer(settings)))

    standings = Standings(service.database, service.publisher)
    service.prepares(standings.prepare)
    service.hears("matching.standings", [JOB_EVENTS], standings)
    service.hears("matching.leads", [LEAD_EVENTS], standings)


def main() -> None:
    run("matching", build, Settings())


if __name__ == "__main__":
    main()
