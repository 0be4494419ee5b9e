"""The wiring of gateway."""

from fastapi import FastAPI

from services.gateway.api.app import Parts, dashboard
from services.gateway.attaching import attachments_of
from services.gateway.choices import Choices
from services.gateway.founding import Founding
from services.gateway.identity import identity
from services.gateway.live.hub import Hub
from services.gateway.marks import ReadMarks
from services.gateway.oversight.wiring import oversees
from services.gateway.partner import decide, evolve
from services.gateway.partners_log import PartnersLog
from services.gateway.read.inbox import Inbox
from services.gateway.read.models import read_models
from services.gateway.read.reading import Reading
from services.gateway.read.search import Search
from services.gateway.slugs import Slugs
from services.gateway.stores.proofs import StoreProofs
from shared.aggregate import Aggregate
from shared.contracts.partners import Partner, RegisterPartner
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, PARTNER_COMMANDS, PARTNERS, REPLIES, SUSPENSIONS

PARTNER = Aggregate(
    "partner", PARTNER_COMMANDS, PARTNERS, Partner, creates=(RegisterPartner,), decide=decide, evolve=evolve
)


class GatewaySettings(Settings):
    port: int = 8000
    ops_port: int = 9100


def build(service: Service) -> FastAPI:
    database, clock, settings = service.database, service.clock, service.settings
    service.owns(PARTNER)
    oversight = oversees(service)
    read_models(service)
    service.hears("gateway.partners-log", [PARTNERS], PartnersLog(database, service.publisher, clock, service.security))
    service.inspects("gateway.unreadable-replies", [REPLIES])
    hub = Hub(service.metrics, service.stopping, settings)
    service.follows("gateway.live", [JOB_EVENTS, PARTNERS, SUSPENSIONS], hub.on_news, hub.begin)

    who = identity(service, hub)
    reading, slugs, proofs = Reading(database), Slugs(database, clock), StoreProofs(database, clock, settings)
    for part in (slugs, proofs):
        service.prepares(part.prepare)
    return dashboard(
        Parts(
            commander=service.asks(),
            identity=who,
            reading=reading,
            inbox=Inbox(database, Search(database), clock),
            marks=ReadMarks(database),
            attachments=attachments_of(service),
            slugs=slugs,
            proofs=proofs,
            founding=Founding(database, clock, settings),
            security=service.security,
            oversight=oversight,
            choices=Choices(who.links, service.publisher, clock),
            hub=hub,
            clock=clock,
            settings=settings,
        )
    )


def main() -> None:
    run("gateway", build, GatewaySettings())


if __name__ == "__main__":
    main()
