"""The directory's half of leads: what it hears of partners, and how it shows them."""

from fastapi import APIRouter

from services.leads.directory_api import directory_api
from services.leads.directory_pages import directory_pages
from services.leads.projections import listen
from services.leads.search import Search
from shared.service import Service


def market(service: Service) -> APIRouter:
    """Hear of partners, and give the routes that show them, JSON and HTML."""
    listen(service)
    search = Search(service.database, service.clock, service.metrics)
    router = APIRouter()
    router.include_router(directory_api(search))
    router.include_router(directory_pages(search, service.settings.leads_url))
    return router
