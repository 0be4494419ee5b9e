"""Every read model of the gateway, each with a consumer group of its own. To build one anew: stop the gateway, drop its
collections, set its group back to the start.
"""

from services.gateway.read import projections, search_index
from shared.projection import Projection
from shared.service import Service
from shared.topics import JOB_EVENTS, PARTNERS, REQUESTS, STANDINGS


def read_models(service: Service) -> None:
    database = service.database
    service.prepares(lambda: projections.prepare(database))
    service.prepares(lambda: search_index.prepare(database))
    service.hears("gateway.partners", [PARTNERS], Projection(database, projections.on_partner))
    service.hears("gateway.requests", [REQUESTS], Projection(database, projections.on_request))
    service.hears("gateway.jobs", [JOB_EVENTS], Projection(database, projections.on_job))
    service.hears("gateway.standings", [STANDINGS], Projection(database, projections.on_standing))
    service.hears("gateway.search", [JOB_EVENTS], search_index.Indexing(database))
