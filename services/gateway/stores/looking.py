"""Looks at a store from outside: one page or one DNS record, within bounds, and never at a private network.

The address is somebody's text. So the name is resolved once, every address that it has must be a public one, and the
connection goes to the address that was looked at, whatever the name says a moment later. No redirect is followed.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import dns.asyncresolver
import httpx2
from dns.exception import DNSException

SECONDS = 6.0
MOST_BYTES = 64 * 1024
_NAT64 = IPv6Network("64:ff9b::/96")


class NotSeen(Exception):  # noqa: N818 - what is the case
    """The store cannot be looked at, and what its owner can do. Nothing of what it answered is in here."""


class Looking:
    """`private`: networks of one's own may be looked at, by http and on any port. For trying it on one machine."""

    def __init__(self, *, private: bool = False) -> None:
        self._private = private

    async def page(self, store_url: str, path: str) -> bytes:
        """The beginning of a page of the store. Raises `NotSeen`."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._page(store_url, path)
        except TimeoutError:
            raise NotSeen("The store did not answer in time.") from None

    async def records(self, host: str) -> list[str]:
        """The TXT records of a name. Raises `NotSeen`."""
        try:
            async with asyncio.timeout(SECONDS):
                found = await dns.asyncresolver.resolve(host, "TXT", lifetime=SECONDS, search=False)
        except (DNSException, TimeoutError, OSError):
            raise NotSeen("The name has no such record yet, or its name server does not answer.") from None
        return [b"".join(record.strings).decode("utf-8", "replace") for record in found]

    async def _page(self, store_url: str, path: str) -> bytes:
        url = urlsplit(store_url)
        host, port = url.hostname or "", url.port or (80 if url.scheme == "http" else 443)
        if not self._private and (url.scheme != "https" or port != 443):
            raise NotSeen("The store is looked at by https, on its usual port.")
        address = await self._address(host, port)
        target = f"{url.scheme}://{f'[{address}]' if ':' in address else address}:{port}{path}"
        headers = {"Host": host if url.port is None else f"{host}:{port}", "Accept-Encoding": "identity"}
        try:
            async with (
                httpx2.AsyncClient(follow_redirects=False, timeout=SECONDS, trust_env=False) as client,
                client.stream("GET", target, headers=headers, extensions={"sni_hostname": host}) as answer,
            ):
                if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                    raise NotSeen("The store does not show this page as it is, without forwarding to another.")
                content = b""
                async for piece in answer.aiter_raw():
                    content += piece
                    if len(content) >= MOST_BYTES:
                        break
                return content[:MOST_BYTES]
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            raise NotSeen("The store cannot be reached, or its certificate is not good.") from None

    async def _address(self, host: str, port: int) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NotSeen("The store's name is not known.") from None
        addresses = [str(one[4][0]).partition("%")[0] for one in found]
        if not addresses or not (self._private or all(map(is_public, addresses))):
            raise NotSeen("The store's name does not lead to a public address.")
        return addresses[0]


def is_public(address: str) -> bool:
    """Whether this address is somebody's on the internet, also if it is one within another."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        inner: IPv4Address | None = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast
