"""How often something may happen: moving windows of the library `limits`, counted atomically for all replicas.

What is refused writes nothing, and is refused from memory until its window moves: whoever goes on costs no query. While
nobody can count (database or Redis away) nothing passes: failing open would serve whoever causes the failure.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from math import ceil

from limits import RateLimitItem, parse_many
from limits.aio.storage import MovingWindowSupport, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from shared.clock import Clock
from shared.failures import Transient
from shared.http import Problem
from shared.mongo import Database
from shared.rate_limit_storage import MongoWindows
from shared.security_events import SecurityEvent, SecurityLog
from shared.settings import Settings

REMEMBERED = 10_000
"""Refusals kept in memory."""


@dataclass(frozen=True)
class Limit:
    """`name` stands in metrics, in problems and in the setting that changes it; `windows` are in the notation of the
    library `limits`, several separated by semicolons; `sentence` says what there were too many of.
    """

    name: str
    windows: str
    sentence: str

    def items(self) -> tuple[RateLimitItem, ...]:
        """The shortest window first. Raises ValueError for what is no limit."""
        return _parsed(self.windows)


class TooMany(Problem):
    """`which` limit is full, and for how many seconds still."""

    def __init__(self, limit: Limit, seconds: int) -> None:
        detail = f"{limit.sentence} Please try again in {seconds} seconds."
        super().__init__(429, "too_many", detail, retry_after=seconds, limit=limit.name)
        self.which = limit.name
        self.seconds = seconds


class Rates:
    """Raises ValueError for an address of a store that it cannot read."""

    def __init__(self, settings: Settings, database: Database, clock: Clock, security: SecurityLog) -> None:
        self._windows = _storage(settings, database, clock)
        self._limiter = MovingWindowRateLimiter(self._windows)
        self._secret = settings.keys[0].encode()
        self._clock = clock
        self._security = security
        self._full_until: dict[str, float] = {}

    async def prepare(self) -> None:
        if isinstance(self._windows, MongoWindows):
            await self._windows.prepare()

    async def count(self, limit: Limit, who: str) -> None:
        """Raises `TooMany`, or `Transient` when nobody can count."""
        # Who did something is nobody's business: the windows hold keyed hashes.
        key = blake2b(f"{limit.name}/{who}".encode(), key=self._secret[:64], digest_size=16).hexdigest()
        now = self._clock.now().timestamp()
        if (until := self._full_until.get(key, 0.0)) > now:
            raise self._refused(limit, until - now)
        try:
            for item in limit.items():
                if not await self._limiter.hit(item, key):
                    stats = await self._limiter.get_window_stats(item, key)
                    self._remember(key, stats.reset_time)
                    raise self._refused(limit, stats.reset_time - now)
        except StorageError as error:
            raise Transient(f"The limits cannot be counted: {error.storage_error}") from error

    def _refused(self, limit: Limit, seconds: float) -> TooMany:
        self._security.event(SecurityEvent.LIMIT_REACHED, limit=limit.name)
        return TooMany(limit, max(1, ceil(seconds)))

    def _remember(self, key: str, until: float) -> None:
        """A window that is full stays so until its oldest hit has left it. What was refused first makes room."""
        if len(self._full_until) >= REMEMBERED:
            del self._full_until[next(iter(self._full_until))]
        self._full_until[key] = until


@cache
def _parsed(windows: str) -> tuple[RateLimitItem, ...]:
    return tuple(sorted(parse_many(windows), key=lambda limit: limit.get_expiry()))


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
