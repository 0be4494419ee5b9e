"""The edges of HTTP that no route knows of: whose name a request is for, where a redirect leads, what every answer
says of itself, and what works with HEAD.
"""

import asyncio
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request

from services.leads.main import build
from services.leads.projections import on_partner
from shared import edges
from shared.edges import host_name
from shared.http import application
from shared.projection import Projection
from shared.service import Service
from shared.settings import Settings
from tests.builders import a_partner
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.leads.markets import changed
from tests.memory_mongo import MemoryDatabase

KEY = "the-key-of-the-tests"
EVIL = "evil.example"


async def leads(**settings: Any) -> FastAPI:
    """All of leads, with one partner in its directory."""
    clock = ManualClock()
    database = MemoryDatabase(clock.now)
    given = Settings(**{"secret_keys": KEY, "leads_url": "http://leads", **settings})
    service = Service("leads", given, publisher=MemoryPublisher(MemoryLog(clock)), database=database, clock=clock)
    app = build(service)
    await Projection(database, on_partner)([changed(a_partner())])
    return app


def client(app: FastAPI, **headers: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://leads", headers=headers)


async def test_a_redirect_does_not_lead_where_the_host_says() -> None:
    """(L) `GET /en/partners/` answered with a redirect to whatever `Host` named."""
    app = await leads(hosts="*")
    for path in ("/en/partners/", "/en/partners/studio-hoshi/", "/en/requests/new//?partner=x", "/api/v1/partners/"):
        answer = await client(app, host=EVIL).get(path)
        assert answer.status_code == 308
        assert EVIL not in str(answer.headers)
        assert answer.headers["location"].startswith(f"/{path.split('/')[1]}/")
        assert not answer.headers["location"].partition("?")[0].endswith("/")


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "///evil.example//",
        "/%2F%2Fevil.example/",
        "//evil.example/partners/",
        "/\\evil.example/",
        "/en/partners/%0d%0aSet-Cookie:a=b/",
        "/en/partners/..%2f..%2f/",
        "/static/",
        "/",
    ],
)
async def test_no_path_makes_a_redirect_leave_the_site(path: str) -> None:
    answer = await client(await leads(hosts="*"), host=EVIL).get(f"http://leads{path}")
    location = answer.headers.get("location", "/en")
    assert location.startswith("/")
    assert location[1] not in "/\\"
    assert location.isprintable()
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", [EVIL, f"leads.{EVIL}", f"{EVIL}:80", "", "leads@evil.example", "leads, evil.example"])
async def test_a_request_for_another_name_is_refused(host: str) -> None:
    app = await leads()
    answer = await client(app, host=host).get("/en/partners")
    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_host")


async def test_a_request_for_two_names_or_none_is_refused() -> None:
    app = await leads()
    for headers in ([(b"host", b"leads"), (b"host", b"evil.example")], []):
        status, _ = await raw(app, headers=headers)
        assert status == 400


@pytest.mark.parametrize(
    "host", ["leads", "LEADS:8001", "leads.", "localhost", "127.0.0.1:9", "[::1]:8001", "a.shop.example"]
)
async def test_a_request_for_a_name_of_ours_is_served(host: str) -> None:
    app = await leads(hosts=" *.shop.example, other.example")
    assert (await client(app, host=host).get("/en/partners")).status_code == 200


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.b:80", "a.b"), ("[::1]:8", "::1"), ("[::1]", "::1"), ("a:b", ""), ("a:1:2", ""), ("", ""), ("x.", "x")],
)
def test_a_name_is_read_without_its_port(host: str, name: str) -> None:
    assert host_name(host) == name


async def raw(
    app: FastAPI, method: str = "GET", path: str = "/en/partners", query: bytes = b"", headers: Any = ()
) -> tuple[int, Any]:
    """What a client that sends no `Host` of its own gets."""
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": list(headers),
        "http_version": "1.1",
        "scheme": "http",
        "client": ("192.0.2.1", 1),
        "server": ("leads", 80),
        "root_path": "",
    }
    await app(scope, receive, send)
    return said[0]["status"], said


SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/en/partners", {}, 200),
        ("GET", "/nothing", {}, 404),
        ("GET", "/static/nothing.css", {}, 404),
        ("DELETE", "/api/v1/partners", {}, 405),
        ("POST", "/api/v1/requests", {"content": b"{", "headers": {"content-type": "application/json"}}, 422),
        ("POST", "/api/v1/requests", {"content": b"x" * 300_000}, 413),
        ("POST", "/en/requests/new", {"content": b"a=b", "headers": {"content-type": "text/x; charset=utf-7"}}, 415),
        ("GET", "/en/partners", {"headers": {"host": EVIL}}, 400),
        ("GET", "/broken", {}, 500),
    ],
)
async def test_every_answer_has_safe_headers(method: str, path: str, sent: Any, status: int) -> None:
    """(L) Answers to errors of our own had none: the framework makes them outside of all middleware."""
    app = await leads()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("Nobody foresaw this.")

    answer = await client(app).request(method, path, **sent)
    assert answer.status_code == status
    assert SAFE.items() <= dict(answer.headers).items()
    assert {"default-src 'none'", "object-src 'none'", "base-uri 'none'"} <= set(
        answer.headers["content-security-policy"].split("; ")
    )
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "strict-transport-security" not in answer.headers
    assert answer.headers["cache-control"] == ("no-cache" if status == 200 else "no-store")


async def test_who_is_reached_by_https_says_to_stay_there() -> None:
    app = await leads(leads_url="https://leads")
    for path in ("/en/partners", "/nothing"):
        answer = await client(app).get(path)
        assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"


async def test_what_is_personal_is_not_stored_and_what_is_static_is() -> None:
    app = await leads()
    assert (await client(app).get("/static/jobwire.css")).headers["cache-control"] == "public, max-age=3600"
    assert (await client(app).get("/api/v1/partners")).headers["cache-control"] == "no-store"
    assert (await client(app).get("/en/requests/new")).headers["cache-control"] == "no-store"


async def test_the_script_for_other_sites_may_be_loaded_by_them() -> None:
    app = await leads()
    for path in ("/embed.js", "/en/embed/match"):
        answer = await client(app).get(path)
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin", path


@pytest.mark.parametrize(
    "path",
    ["/", "/en/partners", "/fr/partners/studio-hoshi", "/api/v1/partners", "/embed.js", "/docs", "/openapi.json"],
)
async def test_head_works_where_get_does(path: str) -> None:
    app = await leads()
    got, head = await client(app).get(path), await client(app).head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers.get("content-length") == got.headers.get("content-length")
    assert head.headers.get("content-type") == got.headers.get("content-type")


async def test_head_where_nothing_is_read_says_what_works_there() -> None:
    app = await leads()
    answer = await client(app).head("/api/v1/requests")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await client(app).delete("/api/v1/partners")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_query_with_bytes_that_no_address_has_is_refused() -> None:
    """Found by `tests.security.fuzz`: it answered 500 wherever a route looked at its own address."""
    app = await leads()
    for path in ("/embed.js", "/en/partners", "/api/v1/partners"):
        status, _ = await raw(app, path=path, query=b"q=\xe9", headers=[(b"host", b"leads")])
        assert status == 400


async def test_the_documentation_can_be_turned_off() -> None:
    app = await leads(docs=False)
    for path in ("/docs", "/openapi.json", "/docs/oauth2-redirect", "/static-offline-docs/swagger-ui.css"):
        assert (await client(app).get(path)).status_code == 404
    assert (await client(app).get("/en/partners")).status_code == 200


async def test_health_and_metrics_are_not_for_the_public() -> None:
    app = await leads()
    for path in ("/metrics", "/health/live", "/health/ready"):
        assert (await client(app).get(path)).status_code == 404


async def test_a_handler_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    app = application("tests")
    given_up = asyncio.Event()

    @app.get("/slow")
    async def slow(_request: Request) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    monkeypatch.setattr(edges.Punctual.__init__, "__defaults__", (0.02,))
    answer = await client(app).get("/slow")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "try_again", "5")
    assert given_up.is_set()
