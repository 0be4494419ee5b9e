"""The dashboard's application: every route, and the parts that routes are made of."""

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from services.gateway.addresses import Addresses
from services.gateway.api.acts import acts_api
from services.gateway.api.attachments import LARGER_BODIES, attachments_api
from services.gateway.api.desks import MerchantDesk, PartnerDesk, TeamDesk
from services.gateway.api.events import events_api
from services.gateway.api.explanations import explanations_api
from services.gateway.api.jobs import jobs_api
from services.gateway.api.leads import leads_api
from services.gateway.api.merchant import merchant_api
from services.gateway.api.merchant_acts import merchant_acts_api
from services.gateway.api.operators import OperatorsDesk, operators_api
from services.gateway.api.operators_partners import operators_partners_api
from services.gateway.api.operators_people import operators_people_api
from services.gateway.api.operators_queue import operators_queue_api
from services.gateway.api.partner import partner_api
from services.gateway.api.preferences import preferences_api
from services.gateway.api.reports import Filing, reports_api
from services.gateway.api.sessions import sessions_api
from services.gateway.api.store_access import store_access_api
from services.gateway.api.stores import stores_api
from services.gateway.api.team import team_api
from services.gateway.attachments import Attachments
from services.gateway.choices import Choices
from services.gateway.founding import Founding
from services.gateway.identity import Identity
from services.gateway.joining import Joining
from services.gateway.live.hub import Hub
from services.gateway.marks import ReadMarks
from services.gateway.operators import Operators
from services.gateway.oversight.wiring import Oversight
from services.gateway.pages import pages
from services.gateway.read.inbox import Inbox
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from services.gateway.slugs import Slugs
from services.gateway.stores.proofs import StoreProofs
from services.gateway.unsubscribe import unsubscribe_pages
from shared.clock import Clock
from shared.commands import Commander
from shared.http import application
from shared.i18n import PAGES
from shared.security_events import SecurityLog
from shared.settings import Settings


@dataclass(frozen=True)
class Parts:
    """What the routes need, made by `main.py`."""

    commander: Commander
    identity: Identity
    reading: Reading
    inbox: Inbox
    marks: ReadMarks
    attachments: Attachments
    proofs: StoreProofs
    slugs: Slugs
    founding: Founding
    security: SecurityLog
    choices: Choices
    oversight: Oversight
    hub: Hub
    clock: Clock
    settings: Settings


def dashboard(parts: Parts) -> FastAPI:
    commander, reading, clock = parts.commander, parts.reading, parts.clock
    who = parts.identity
    accounts, limits = who.accounts, who.limits
    signed_in = SignedIn(accounts, Operators(parts.settings), who.networks, parts.security)
    joining = Joining(accounts, commander)
    partner_desk = PartnerDesk(commander, reading, parts.marks, limits)
    merchant_desk, team_desk = MerchantDesk(commander, reading, limits), TeamDesk(commander, limits)
    operators_desk, queue = OperatorsDesk(commander, parts.oversight.acts), parts.oversight.queue

    app = application("Jobwire: dashboard", LARGER_BODIES, settings=parts.settings, url=parts.settings.public_url)
    for router in (
        sessions_api(accounts, joining, signed_in, limits, parts.security),
        partner_api(team_desk, reading, parts.slugs, parts.founding, limits, signed_in, clock),
        preferences_api(team_desk, limits, signed_in, clock),
        team_api(team_desk, reading, parts.choices, signed_in),
        jobs_api(reading, parts.inbox, parts.marks, signed_in),
        acts_api(partner_desk, parts.attachments, signed_in, parts.settings.undo_seconds),
        store_access_api(partner_desk, parts.proofs, signed_in),
        leads_api(commander, reading, partner_desk, limits, signed_in),
        explanations_api(reading, signed_in),
        attachments_api(parts.attachments, reading, signed_in),
        merchant_api(commander, reading, parts.inbox, merchant_desk, limits, signed_in),
        merchant_acts_api(merchant_desk, reading, parts.attachments, parts.proofs, signed_in),
        stores_api(parts.proofs, limits, signed_in),
        reports_api(Filing(commander, limits, parts.security), partner_desk, merchant_desk, signed_in),
        operators_api(operators_desk, queue, reading, signed_in),
        operators_queue_api(operators_desk, queue, reading, signed_in),
        operators_partners_api(operators_desk, reading, signed_in),
        operators_people_api(operators_desk, reading, accounts, signed_in),
        events_api(parts.hub, signed_in),
        pages(accounts, joining, Addresses(who.links, commander), signed_in, limits, parts.settings),
        unsubscribe_pages(parts.choices),
    ):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=PAGES / "static"))
    return app
