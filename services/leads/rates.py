"""How often requests may come: for one e-mail address, from one network, and from everybody.

The address's limit protects strangers from mails, the other two protect Jobwire. A network is counted before the whole:
what one bot is refused takes nothing from anybody else.
"""

from shared.clock import Clock
from shared.contracts.base import mailbox_key
from shared.mongo import Database
from shared.rates import Limit, Rates
from shared.security_events import SecurityLog
from shared.settings import Settings

ADDRESS, NETWORK, OVERALL = "address", "network", "overall"


class RequestRates:
    """Raises ValueError for a limit or an address of a store that it cannot read."""

    def __init__(self, settings: Settings, database: Database, clock: Clock, security: SecurityLog) -> None:
        self._rates = Rates(settings, database, clock, security)
        self.prepare = self._rates.prepare
        self._address = Limit(ADDRESS, settings.limit_address, "Too many requests for this address.")
        self._network = Limit(NETWORK, settings.limit_network, "Too many requests from your network.")
        self._overall = Limit(OVERALL, settings.limit_overall, "Too many requests at once.")
        for limit in (self._address, self._network, self._overall):
            limit.items()

    async def of_address(self, email: str) -> None:
        await self._rates.count(self._address, mailbox_key(email))

    async def of_network(self, network: str) -> None:
        await self._rates.count(self._network, network)

    async def of_all(self, app: str = "") -> None:
        """Everybody together; a store app by itself, so that a bot on the form keeps none of its merchants out."""
        await self._rates.count(self._overall, app)
