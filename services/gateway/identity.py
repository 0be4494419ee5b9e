"""Who is let in, from where, and how often they may act: the parts of it, wired."""

from dataclasses import dataclass

from services.gateway.accounts import Accounts
from services.gateway.limits import ActLimits
from services.gateway.live.hub import SESSIONS_SECONDS, Hub
from shared.client_ip import Networks
from shared.links import Links
from shared.rates import Rates
from shared.service import Service


@dataclass(frozen=True)
class Identity:
    """What routes ask about whoever is asking."""

    accounts: Accounts
    limits: ActLimits
    links: Links
    networks: Networks


def identity(service: Service, hub: Hub) -> Identity:
    """Raises ValueError for settings that cannot be read."""
    settings, database, clock, security = service.settings, service.database, service.clock, service.security
    rates, links = Rates(settings, database, clock, security), Links(settings)
    limits = ActLimits(rates, settings.limits)
    accounts = Accounts(database, links, service.publisher, clock, settings, limits=limits, security=security)
    service.prepares(rates.prepare)
    service.prepares(accounts.prepare)
    service.repeats("sessions", lambda: hub.end_sessions(accounts.sessions.alive), every=SESSIONS_SECONDS)
    return Identity(accounts, limits, links, Networks(settings.trusted_proxies))
