"""The platform that hosts the merchant's store: it alone lets a collaborator in, and puts one out. A port, and its HTTP
adapter.
"""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import httpx2
from pydantic import BaseModel, SecretStr, ValidationError

from shared.contracts.jobs import Permission
from shared.failures import Transient
from shared.logs import get_logger

log = get_logger(__name__)

CALL_SECONDS = 10.0
"""One call, from first byte to last. Below the drain, so that a stopping service finishes the call it is in."""
NOT_NOW = (401, 404, 408, 429)
"""Refusals that are no answer to this request: our token or address is wrong (ours to mend), too slow, too many."""
GONE = (404, 410)


class PlatformAnswer(StrEnum):
    GRANTED = "granted"
    DENIED = "denied"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a partner wants in a merchant's store, and for how many days; who asks, and who has consented to it. Of a
    request that an earlier release noted the last two are empty.
    """

    store_url: str
    permissions: tuple[Permission, ...]
    days: int
    asked_by: dict[str, str] = field(default_factory=dict)
    """`partner_id`, `member_id` and `name`."""
    consent: dict[str, str] = field(default_factory=dict)
    """`merchant_id`, `at`, and `proof`: how the merchant had shown that the store is theirs."""


class Platform(Protocol):
    """`key` identifies one grant. Both calls may come any number of times: a grant requested twice is one grant, and
    one that was revoked stays revoked, also when its request arrives late.
    """

    async def request(self, key: UUID, access: AccessRequest) -> PlatformAnswer:
        """Ask for access, or ask again what became of it. Raises `Transient` while the platform is away."""

    async def revoke(self, key: UUID) -> None:
        """Take the grant back; one that the platform does not know is taken back already. Raises `Transient` while the
        platform is away.
        """


class HttpPlatform:
    """A `Platform` over HTTP: `PUT {url}/collaborators/{key}` with the request as JSON answers `{"status": …}`, DELETE
    takes it back. `token` is sent as a bearer token when there is one, and never logged.
    """

    def __init__(self, url: str, token: SecretStr) -> None:
        self._url = url.rstrip("/")
        self._token = token.get_secret_value()
        self._connected: httpx2.AsyncClient | None = None

    def client(self) -> httpx2.AsyncClient:
        """Connections are kept: made with the first call, as reading the machine's certificates takes 23 ms."""
        if self._connected is None:
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self._connected = httpx2.AsyncClient(headers=headers, timeout=CALL_SECONDS)
        return self._connected

    async def request(self, key: UUID, access: AccessRequest) -> PlatformAnswer:
        body = {
            "store_url": access.store_url,
            "permissions": list(access.permissions),
            "days": access.days,
            "asked_by": access.asked_by,
            "consent": access.consent,
        }
        response = await self._call("PUT", key, body)
        if response.is_success:
            return _status(response)
        if response.is_client_error and response.status_code not in NOT_NOW:
            log.warning("access_refused", key=str(key), status=response.status_code, answer=response.text[:500])
            return PlatformAnswer.DENIED
        raise _not_now(response)

    async def revoke(self, key: UUID) -> None:
        response = await self._call("DELETE", key)
        if not (response.is_success or response.status_code in GONE):
            # Whatever the reason, somebody still has a key to the store: there is no giving up.
            raise _not_now(response)

    async def _call(self, method: str, key: UUID, body: dict[str, Any] | None = None) -> httpx2.Response:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self.client().request(method, f"{self._url}/collaborators/{key}", json=body)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise Transient(f"The platform cannot be reached ({type(error).__name__}: {error}).") from error


class _Body(BaseModel):
    status: PlatformAnswer


def _status(response: httpx2.Response) -> PlatformAnswer:
    try:
        return _Body.model_validate_json(response.content).status
    except ValidationError:
        raise Transient(f"The platform's answer is none: {response.text[:200]!r}.") from None


def _not_now(response: httpx2.Response) -> Transient:
    return Transient(f"The platform answered {response.status_code}: {response.text[:200]!r}.")
