"""The wiring of leads."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from services.leads import lead
from services.leads.handlers import on_match_closed, on_request_matched, told
from services.leads.intake import intake
from services.leads.market import market
from services.leads.request import decide, evolve, timer
from services.leads.suspended import SuspensionWatch, indexed
from shared.aggregate import Aggregate
from shared.commands import Reaction
from shared.contracts.base import Message
from shared.contracts.leads import CreateLead, Lead
from shared.contracts.matching import MatchClosed, RequestMatched
from shared.contracts.requests import Request, SubmitRequest
from shared.http import application
from shared.i18n import PAGES
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import LEAD_COMMANDS, LEAD_EVENTS, MATCHES, REQUEST_COMMANDS, REQUESTS, SUSPENSIONS

REQUEST = Aggregate(
    name="request",
    commands=REQUEST_COMMANDS,
    events=REQUESTS,
    state=Request,
    creates=(SubmitRequest,),
    decide=decide,
    evolve=evolve,
    indexed=indexed,
    timer=timer,
)
LEAD = Aggregate(
    name="lead",
    commands=LEAD_COMMANDS,
    events=LEAD_EVENTS,
    state=Lead,
    creates=(CreateLead,),
    decide=lead.decide,
    evolve=lead.evolve,
)


class LeadsSettings(Settings):
    port: int = 8001
    ops_port: int = 9101


def build(service: Service) -> FastAPI:
    service.owns(REQUEST)
    service.tells_time(REQUEST, told)
    service.owns(LEAD)
    reactions: dict[type[Message], Reaction] = {RequestMatched: on_request_matched, MatchClosed: on_match_closed}
    service.reacts("leads.matches", [MATCHES], LEAD_COMMANDS, reactions)
    watch = SuspensionWatch(service.database, service.publisher)
    service.prepares(watch.prepare)
    service.hears("leads.suspensions", [SUSPENSIONS, REQUESTS], watch)

    app = application("Jobwire: requests", settings=service.settings, url=service.settings.leads_url)
    app.include_router(intake(service, service.asks()))
    app.include_router(market(service))
    app.mount("/static", StaticFiles(directory=PAGES / "static"))
    return app


def main() -> None:
    run("leads", build, LeadsSettings())


if __name__ == "__main__":
    main()
