"""What merchants have shown of their stores. Not a read model: no topic carries it. It holds for half a year."""

import hmac
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import urlsplit
from uuid import UUID

from services.gateway.stores.looking import Looking, NotSeen
from shared.clock import Clock
from shared.contracts.base import derived_id
from shared.contracts.requests import StoreProof
from shared.mongo import Database
from shared.settings import Settings

COLLECTION = "store_proofs"
HOLDS = timedelta(days=180)
FILE_PATH = "/.well-known/jobwire-verification.txt"
NAME = "jobwire-verification"


@dataclass(frozen=True)
class Shown:
    way: StoreProof
    at: datetime
    until: datetime


class StoreProofs:
    def __init__(self, database: Database, clock: Clock, settings: Settings, looking: Looking | None = None) -> None:
        self._proofs = database[COLLECTION]
        self._clock = clock
        self._secret = settings.keys[0].encode()
        self._looking = looking or Looking(private=settings.store_check_private)

    async def prepare(self) -> None:
        await self._proofs.create_index("until", expireAfterSeconds=0)

    def token(self, merchant_id: UUID, store_url: str) -> str:
        """What this merchant puts on this store. It follows from both, so it is the same each time."""
        made = hmac.new(self._secret, f"jobwire.store/{merchant_id}/{site_of(store_url)}".encode(), sha256).digest()
        return f"{NAME}={b32encode(made[:20]).decode().lower()}"

    async def of(self, merchant_id: UUID, store_url: str | None) -> Shown | None:
        """What this merchant has shown of this store, if it still holds."""
        if store_url is None:
            return None
        alive = {"_id": _key(merchant_id, store_url), "until": {"$gt": self._clock.now()}}
        found = await self._proofs.find_one(alive)
        return Shown(StoreProof(found["way"]), found["at"], found["until"]) if found else None

    async def check(self, merchant_id: UUID, store_url: str, way: StoreProof) -> Shown:
        """Look whether the token is there, and remember it. Raises `NotSeen`."""
        if not await self._is_there(self.token(merchant_id, store_url), store_url, way):
            raise NotSeen("It was not found there. A change may take some minutes to show.")
        now = self._clock.now()
        shown = Shown(way, now, now + HOLDS)
        fields = {"way": way.value, "at": shown.at, "until": shown.until}
        await self._proofs.update_one({"_id": _key(merchant_id, store_url)}, {"$set": fields}, upsert=True)
        return shown

    async def _is_there(self, token: str, store_url: str, way: StoreProof) -> bool:
        match way:
            case StoreProof.FILE:
                content = await self._looking.page(store_url, FILE_PATH)
                return hmac.compare_digest(content.strip(), token.encode())
            case StoreProof.META:
                finding = _Tags()
                finding.feed((await self._looking.page(store_url, "/")).decode("utf-8", "replace"))
                return token.partition("=")[2] in finding.found
            case StoreProof.DNS:
                return token in await self._looking.records(urlsplit(store_url).hostname or "")
            case StoreProof.APP:
                raise NotSeen("An app vouches with the request itself.")


def site_of(store_url: str) -> str:
    """The part of an address that one owner has."""
    parts = urlsplit(store_url)
    return (parts.hostname or "").lower() + (f":{parts.port}" if parts.port else "")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "meta" and said.get("name") == NAME and said.get("content"):
            self.found.add(str(said["content"]))


def _key(merchant_id: UUID, store_url: str) -> UUID:
    return derived_id("store", merchant_id, site_of(store_url))
