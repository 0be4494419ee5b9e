"""The wiring of gateway."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from services.gateway import projections
from services.gateway.accounts import Accounts
from services.gateway.live import Hub
from services.gateway.pages import pages
from services.gateway.partner import decide, evolve
from services.gateway.reading import Reading
from services.gateway.routes_events import events_api
from services.gateway.routes_jobs import jobs_api
from services.gateway.routes_merchant import merchant_api
from services.gateway.routes_sessions import sessions_api
from services.gateway.signed_in import SignedIn
from shared.aggregate import Aggregate
from shared.contracts.partners import Partner, RegisterPartner
from shared.http import application
from shared.i18n import PAGES
from shared.links import Links
from shared.process import run
from shared.projection import Projection
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, PARTNER_COMMANDS, PARTNERS, REPLIES, REQUESTS, STANDINGS

PARTNER = Aggregate(
    name="partner",
    commands=PARTNER_COMMANDS,
    events=PARTNERS,
    state=Partner,
    creates=(RegisterPartner,),
    decide=decide,
    evolve=evolve,
)


class GatewaySettings(Settings):
    port: int = 8000


def build(service: Service) -> FastAPI:
    database = service.database
    service.prepares(lambda: projections.prepare(database))
    service.owns(PARTNER)
    service.hears("gateway.partners", [PARTNERS], Projection(database, projections.on_partner))
    service.hears("gateway.requests", [REQUESTS], Projection(database, projections.on_request))
    service.hears("gateway.jobs", [JOB_EVENTS], Projection(database, projections.on_job))
    service.hears("gateway.standings", [STANDINGS], Projection(database, projections.on_standing))
    service.inspects("gateway.unreadable-replies", [REPLIES])
    hub = Hub(service.metrics, service.stopping)
    service.hears("gateway.live", [JOB_EVENTS], hub.on_jobs, everyone=True, from_start=False)

    accounts = Accounts(database, Links(service.settings), service.publisher, service.clock, service.settings)
    service.prepares(accounts.prepare)
    commander, reading, signed_in = service.asks(), Reading(database), SignedIn(accounts)

    app = application("Jobwire: dashboard")
    app.include_router(sessions_api(accounts, signed_in))
    app.include_router(jobs_api(commander, reading, signed_in))
    app.include_router(merchant_api(commander, reading, signed_in))
    app.include_router(events_api(hub, signed_in))
    app.include_router(pages(accounts))
    app.mount("/static", StaticFiles(directory=PAGES / "static"))
    return app


def main() -> None:
    run("gateway", build, GatewaySettings())


if __name__ == "__main__":
    main()
