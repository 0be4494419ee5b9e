"""Whose a store is: shown on it, and looked up without reaching anything private."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from services.gateway.stores import looking
from services.gateway.stores.looking import MOST_BYTES, Looking, NotSeen, is_public
from services.gateway.stores.proofs import FILE_PATH, HOLDS, StoreProofs, site_of
from shared.contracts.requests import StoreProof
from shared.settings import Settings
from tests.builders import MERCHANT_ID
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase

STORE = "https://kettle.example/shop"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:0a00:0001::1", "64:ff9b::7f00:1"),
        *("64:ff9b::a9fe:a9fe", "2001:db8::1"),
    ],
)
def test_an_address_of_nobodys_or_of_ones_own_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


class Shop:
    """A store on this machine that answers as a test wants. `never_ends`: it says this, and then nothing for ever."""

    def __init__(self, answer: bytes, *, never_ends: bool = False) -> None:
        self.answer, self.never_ends = answer, never_ends
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        for start in range(0, len(self.answer), 65_536):
            writer.write(self.answer[start : start + 65_536])
            try:
                await writer.drain()
            except ConnectionError:
                return
        if self.never_ends:
            await reader.read()  # until the other side has gone
        writer.close()


@asynccontextmanager
async def open_shop(shop: Shop) -> AsyncIterator[str]:
    server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def page(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


async def unseen(shop: Shop, **settings: Any) -> None:
    async with open_shop(shop) as url:
        with pytest.raises(NotSeen):
            await Looking(private=True, **settings).page(url, FILE_PATH)


async def test_a_store_on_a_private_network_is_not_even_asked() -> None:
    shop = Shop(page(b"secret"))
    async with open_shop(shop) as url:
        for address in (url, url.replace("127.0.0.1", "localhost"), url.replace("http:", "https:")):
            with pytest.raises(NotSeen) as told:
                await Looking().page(address, FILE_PATH)
            assert "secret" not in str(told.value)
    assert shop.asked == []


async def test_a_name_that_leads_to_a_public_and_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the one that was looked at is the one that is connected to: a name may say something else a moment later."""

    async def both(*_args: Any, **_more: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(NotSeen, match="public address"):
        await Looking().page("https://kettle.example", FILE_PATH)


async def test_only_https_on_its_own_port_is_looked_at() -> None:
    for url in ("http://kettle.example", "https://kettle.example:8443", "https://kettle.example:22"):
        with pytest.raises(NotSeen, match="https"):
            await Looking().page(url, FILE_PATH)


async def test_the_host_is_named_and_nothing_of_ours_is_sent() -> None:
    shop = Shop(page(b"token"))
    async with open_shop(shop) as url:
        assert await Looking(private=True).page(url, FILE_PATH) == b"token"
    (asked,) = shop.asked
    assert asked.startswith(f"GET {FILE_PATH} HTTP/1.1\r\n".encode())
    assert b"identity" in asked
    assert b"cookie" not in asked.lower()
    assert b"authorization" not in asked.lower()


async def test_a_redirect_is_not_followed() -> None:
    await unseen(Shop(page(b"", "Location: http://169.254.169.254/latest/meta-data", status="302 Found")))


async def test_what_is_packed_is_not_unpacked() -> None:
    await unseen(Shop(page(b"\x1f\x8b" + bytes(100), "Content-Encoding: gzip")))


async def test_no_more_is_read_than_a_page_needs() -> None:
    async with open_shop(Shop(page(b"x" * 50_000_000))) as url:
        assert len(await Looking(private=True).page(url, FILE_PATH)) == MOST_BYTES


async def test_a_store_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "SECONDS", 0.3)
    await unseen(Shop(page(b"x"), never_ends=True))


async def test_what_is_no_http_is_nothing() -> None:
    await unseen(Shop(b"SSH-2.0-OpenSSH_9.9\r\n"))
    await unseen(Shop(page(b"", *[f"X-{number}: {'x' * 60_000}" for number in range(30)])))


class Street(Looking):
    """Stores and name servers that say what a test wrote there."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, bytes] = {}
        self.texts: list[str] = []

    async def page(self, store_url: str, path: str) -> bytes:
        return self.pages.get(f"{site_of(store_url)}{path}", b"")

    async def records(self, _host: str) -> list[str]:
        return self.texts


@pytest.fixture
def street() -> Street:
    return Street()


@pytest.fixture
def proofs(street: Street) -> StoreProofs:
    clock = ManualClock()
    found = StoreProofs(MemoryDatabase(clock.now), clock, Settings(secret_keys="the-key-of-the-tests"), street)
    found.clock = clock  # type: ignore[attr-defined]  # for the tests
    return found


async def test_a_merchant_shows_a_store_in_any_of_three_ways_for_half_a_year(
    proofs: StoreProofs, street: Street
) -> None:
    token = proofs.token(MERCHANT_ID, STORE)
    places = {
        StoreProof.FILE: lambda: street.pages.update({f"kettle.example{FILE_PATH}": f"{token}\n".encode()}),
        StoreProof.META: lambda: street.pages.update(
            {"kettle.example/": f'<meta name="jobwire-verification" content="{token.partition("=")[2]}">'.encode()}
        ),
        StoreProof.DNS: lambda: street.texts.append(token),
    }
    for way, put in places.items():
        with pytest.raises(NotSeen):
            await proofs.check(MERCHANT_ID, STORE, way)
        put()
        assert (await proofs.check(MERCHANT_ID, STORE, way)).way is way
    shown = await proofs.of(MERCHANT_ID, "https://KETTLE.example")
    assert shown is not None
    proofs.clock.move(HOLDS)  # type: ignore[attr-defined]
    assert await proofs.of(MERCHANT_ID, STORE) is None


async def test_a_token_is_one_persons_for_one_store(proofs: StoreProofs, street: Street) -> None:
    street.pages[f"kettle.example{FILE_PATH}"] = proofs.token(MERCHANT_ID, STORE).encode()
    stranger = uuid4()
    with pytest.raises(NotSeen):
        await proofs.check(stranger, STORE, StoreProof.FILE)
    assert await proofs.of(stranger, STORE) is None
    assert proofs.token(MERCHANT_ID, STORE) != proofs.token(MERCHANT_ID, "https://kettle.example:8443")


async def test_nobody_shows_a_store_by_the_word_app(proofs: StoreProofs) -> None:
    with pytest.raises(NotSeen):
        await proofs.check(MERCHANT_ID, STORE, StoreProof.APP)
