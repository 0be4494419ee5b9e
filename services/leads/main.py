"""The wiring of leads."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from services.leads.desk import Desk
from services.leads.directory import Directory, on_partner
from services.leads.pages import pages
from services.leads.request import decide, evolve
from services.leads.routes import api
from shared.aggregate import Aggregate
from shared.contracts.requests import Request, SubmitRequest
from shared.http import application
from shared.i18n import PAGES
from shared.links import Links
from shared.process import run
from shared.projection import Projection
from shared.service import Service
from shared.settings import Settings
from shared.topics import PARTNERS, REQUEST_COMMANDS, REQUESTS

REQUEST = Aggregate(
    name="request",
    commands=REQUEST_COMMANDS,
    events=REQUESTS,
    state=Request,
    creates=(SubmitRequest,),
    decide=decide,
    evolve=evolve,
)


class LeadsSettings(Settings):
    port: int = 8001


def build(service: Service) -> FastAPI:
    directory = Directory(service.database, service.clock)
    service.prepares(directory.prepare)
    service.owns(REQUEST)
    service.hears("leads.partners", [PARTNERS], Projection(service.database, on_partner))

    app = application("Jobwire: requests")
    desk = Desk(service.asks(), directory, Links(service.settings), service.database, service.clock)
    service.prepares(desk.prepare)
    app.include_router(api(desk))
    app.include_router(pages(desk, directory))
    app.mount("/static", StaticFiles(directory=PAGES / "static"))
    return app


def main() -> None:
    run("leads", build, LeadsSettings())


if __name__ == "__main__":
    main()
