"""How often requests may come: for one e-mail address, from one network, and from everybody.

The address's limit protects strangers from mails, the other two protect Jobwire. A network is counted before the whole:
what one bot is refused takes nothing from anybody else.
"""

from hashlib import blake2b
from math import ceil

from limits import RateLimitItem, parse_many
from limits.aio.storage import MovingWindowSupport, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from services.leads.windows import MongoWindows
from shared.clock import Clock
from shared.contracts.base import address_key
from shared.failures import Transient
from shared.http import Problem
from shared.mongo import Database
from shared.settings import Settings

REMEMBERED = 10_000
"""Refusals kept in memory, so that a bot that goes on costs no query."""

ADDRESS, NETWORK, OVERALL = "address", "network", "overall"

_SENTENCES = {
    ADDRESS: "Too many requests for this address.",
    NETWORK: "Too many requests from your network.",
    OVERALL: "Too many requests at once.",
}


class TooMany(Problem):
    """`which` limit is full, and for how many seconds still."""

    def __init__(self, which: str, seconds: int) -> None:
        detail = f"{_SENTENCES[which]} Please try again in {seconds} seconds."
        super().__init__(429, "too_many", detail, retry_after=seconds, limit=which)
        self.which = which
        self.seconds = seconds


class Rates:
    """Raises ValueError for a limit or an address of a store that it cannot read."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._windows = _storage(settings, database, clock)
        self._limiter = MovingWindowRateLimiter(self._windows)
        self._limits = {
            ADDRESS: _longest_last(settings.limit_address),
            NETWORK: _longest_last(settings.limit_network),
            OVERALL: _longest_last(settings.limit_overall),
        }
        self._secret = settings.keys[0].encode()
        self._clock = clock
        self._full_until: dict[str, float] = {}

    async def prepare(self) -> None:
        if isinstance(self._windows, MongoWindows):
            await self._windows.prepare()

    async def of_address(self, email: str) -> None:
        await self._count(ADDRESS, address_key(email))

    async def of_network(self, network: str) -> None:
        await self._count(NETWORK, network)

    async def of_all(self, app: str = "") -> None:
        """Everybody together; a store app by itself, so that a bot on the form keeps none of its merchants out."""
        await self._count(OVERALL, app)

    async def _count(self, which: str, who: str) -> None:
        """Raises `TooMany`, or `Transient` when nobody can count: then nothing is taken, and nothing is lost that
        somebody was told is there.
        """
        # Who sent something is nobody's business: the windows hold keyed hashes.
        key = blake2b(f"{which}/{who}".encode(), key=self._secret[:64], digest_size=16).hexdigest()
        now = self._clock.now().timestamp()
        if (until := self._full_until.get(key, 0.0)) > now:
            raise TooMany(which, ceil(until - now))
        try:
            for limit in self._limits[which]:
                if not await self._limiter.hit(limit, key):
                    stats = await self._limiter.get_window_stats(limit, key)
                    self._remember(key, stats.reset_time, now)
                    raise TooMany(which, max(1, ceil(stats.reset_time - now)))
        except StorageError as error:
            raise Transient(f"The limits cannot be counted: {error.storage_error}") from error

    def _remember(self, key: str, until: float, now: float) -> None:
        """A window that is full stays so until its oldest hit has left it."""
        if len(self._full_until) >= REMEMBERED:
            self._full_until = {key: until for key, until in self._full_until.items() if until > now}
        if len(self._full_until) < REMEMBERED:
            self._full_until[key] = until


def _longest_last(limits: str) -> list[RateLimitItem]:
    return sorted(parse_many(limits), key=lambda limit: limit.get_expiry())


def _storage(settings: Settings, database: Database, clock: Clock) -> Storage:
    url = settings.limits_url.get_secret_value()
    if not url:
        return MongoWindows(database["windows"], clock)
    if not url.startswith(("redis://", "rediss://")):
        raise ValueError("JOBWIRE_LIMITS_URL is empty or begins with redis:// or rediss://.")
    storage = storage_from_string(f"async+{url}", implementation="redispy", wrap_exceptions=True)
    assert isinstance(storage, Storage)
    assert isinstance(storage, MovingWindowSupport)
    return storage
