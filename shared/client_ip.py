"""Where a request comes from, as far as one can know."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Ip = IPv4Address | IPv6Address


class Networks:
    """Believes `X-Forwarded-For` from the proxies of the settings, and from nobody else."""

    def __init__(self, trusted: str) -> None:
        """Raises ValueError for what is no list of networks."""
        self._trusted = [ip_network(one.strip()) for one in trusted.split(",") if one.strip()]

    def of(self, request: Request) -> str:
        """The network that counts as one sender: an IPv4 address, or the /64 that a household has of IPv6."""
        return self.sender(request.client.host if request.client else "", request.headers.getlist("x-forwarded-for"))

    def of_peer(self, peer: str) -> str | None:
        """The network that a connection comes from; None for a proxy of ours, which speaks for many, and for who has no
        address.
        """
        ip = _ip(peer)
        if ip is None or any(ip in proxy for proxy in self._trusted):
            return None
        return self.sender(peer, [])

    def sender(self, peer: str, forwarded: list[str]) -> str:
        # The rightmost that is no proxy of ours: what stands left of it, anybody can have written.
        hops = [hop for line in forwarded for hop in line.split(",")]
        last = _ip(peer)
        while last and hops and any(last in proxy for proxy in self._trusted):
            hop = _ip(hops.pop())
            if hop is None:
                break
            last = hop
        if isinstance(last, IPv6Address):
            return str(IPv6Network((last, 64), strict=False))
        return str(last or "unknown")


def _ip(address: str) -> Ip | None:
    try:
        ip = ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
