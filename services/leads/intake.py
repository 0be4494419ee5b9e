"""The other half of leads: how requests come in, from forms and by JSON, and what keeps those out who mean no good."""

from fastapi import APIRouter

from services.leads.apps import Apps
from services.leads.asker import Asker
from services.leads.desk import Desk
from services.leads.directory import Directory
from services.leads.forms import Forms
from services.leads.link_pages import link_pages
from services.leads.pages import pages
from services.leads.rates import RequestRates
from services.leads.recent import Recent
from services.leads.routes import api
from services.leads.stamp import Stamps
from shared.client_ip import Networks
from shared.commands import Commander
from shared.links import Links
from shared.service import Service


def intake(service: Service, commander: Commander) -> APIRouter:
    """Give the routes that take requests and what becomes of them, JSON and HTML."""
    settings, database, clock = service.settings, service.database, service.clock
    directory, networks = Directory(database, clock), Networks(settings.trusted_proxies)
    rates = RequestRates(settings, database, clock, service.security)
    recent = Recent(database["recent_submissions"], clock)
    service.prepares(rates.prepare)
    service.prepares(recent.prepare)
    links = Links(settings)
    asker = Asker(links, settings)
    desk = Desk(commander, directory, links, database, rates=rates, recent=recent)
    forms = Forms(desk, directory, Stamps(settings, clock), networks, asker, settings=settings, metrics=service.metrics)
    router = APIRouter()
    router.include_router(api(desk, Apps(settings, clock), networks, service.metrics))
    router.include_router(pages(forms))
    router.include_router(link_pages(desk, directory, asker))
    return router
