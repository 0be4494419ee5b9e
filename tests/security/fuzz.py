"""A fuzzer over every query, form field, body and header of the public side, with all five services in memory.

    nice python -m tests.security.fuzz --minutes 60 --seed 1

Routes, parameters and the fields of forms are found in the applications and their pages, so what is new is fuzzed, too.
Each answer must be below 500 (or a documented 503), must parse, must have safe headers, must hold no raw markup of the
request, and must not take much longer than a plain request. A finding is shrunk, told once, and gone on from.
"""

import argparse
import asyncio
import json
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import cycle, islice
from random import Random
from time import monotonic, process_time
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx2
import pytest
import typer
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure, HypothesisWarning

from shared.logs import configure
from tests.api.populated import populate
from tests.api.routes import REQUEST
from tests.flow.world import Weather, World
from tests.leads.public import FORM
from tests.security.nasties import (
    CANARY,
    DAYS,
    INJECTED,
    NUMBERS,
    RAW,
    TEXTS,
    json_values,
    names,
    numbers,
    texts,
    values,
)

OPEN_API = {"/api/v1/sign-in", "/api/v1/registrations", "/api/v1/sessions", "/api/v1/services"}
"""What gateway's API has for everybody; of leads, all is public, and of gateway's pages."""
EXAMPLES = 200
"""Requests in one go of hypothesis."""
ROUNDS = 10
"""So many goes in one world: what is sent is remembered there."""
SLOWER = 60
"""An answer may take so many times the processor time of a plain page, and at least `ALLOWED_SECONDS`."""
ALLOWED_SECONDS = 0.75
UNLIMITED = "1000000/second"
LANGUAGES = ("en", "fr", "ja")


@dataclass(frozen=True)
class Target:
    service: str
    method: str
    path: str
    query: tuple[str, ...]
    fields: tuple[str, ...]

    body: tuple[str, ...]
    """The fields of its JSON, if it takes that."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.service}{self.path}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(re.findall(r"{(\w+)}", self.path))


@dataclass(frozen=True)
class Sent:
    """One request, as `httpx2` takes it; `path` is what goes over the wire, with its query."""

    target: Target
    path: str
    headers: list[tuple[bytes, bytes]]
    content: bytes


class Finding(AssertionError):  # noqa: N818 - it is one
    def __init__(self, kind: str, sent: Sent, what: str) -> None:
        super().__init__(
            f"{kind} at {sent.target.name}: {what}\n  {sent.path[:500]}\n  {sent.headers}\n  {sent.content[:800]!r}"
        )
        self.key = (kind, sent.target.name, what.splitlines()[-1][:120] if kind == "exception" else "")


@dataclass
class Report:
    requests: int = 0
    swept: int = 0
    """Of these, good ones with one odd part."""
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    findings: dict[tuple[str, str, str], str] = field(default_factory=dict)


class Site:
    """The five services with a market in which there is something to find, driven from outside."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patch: pytest.MonkeyPatch, report: Report) -> None:
        self._loop = loop
        self._report = report
        self._world = World(
            Weather(),
            patch,
            limit_address=UNLIMITED,
            limit_network=UNLIMITED,
            limit_overall=UNLIMITED,
            form_seconds=(0.0, 10**9),
            reply_timeout_seconds=2.0,
        )
        people = loop.run_until_complete(populate(self._world))
        mailed = re.findall(r"token=([\w.~-]+)", "\n".join(mail.text for mail in self._world.mailbox.mails))
        self.good = {
            "token": mailed[-30:] or ["x"],
            "slug": ["ada"],
            "partner": ["ada"],
            "locale": list(LANGUAGES),
            **{name: ids for name, ids in people.ids.items() if ids},
            "lead_id": people.ids["job_id"],
            **{name: [value] for name, value in FORM.items()},
            "service": ["seo", "nothing"],
            "currency": ["USD", "EUR", "JPY", "XXX"],
            "per": ["hour", "project"],
        }
        self._clients = {name: self._world.client(name) for name in ("leads", "gateway")}
        self.targets = list(self._found())
        self._plain = self._seconds_of_a_plain_page()

    def _found(self) -> Iterator[Target]:
        for service in ("leads", "gateway"):
            for route in routes_of(self._world.apps[service]):
                if service == "gateway" and route.path.startswith("/api/") and route.path not in OPEN_API:
                    continue
                query = tuple(parameter.alias for parameter in route.dependant.query_params)
                if route.path.endswith("/partners"):  # a page reads what the API declares
                    query += (
                        "q",
                        "service",
                        "language",
                        "country",
                        "price",
                        "currency",
                        "per",
                        "rating",
                        "within",
                        "page",
                    )
                for method in sorted(route.methods):
                    fields = self._fields_of(service, route.path)
                    yield Target(service, method, route.path, query, fields, fields_of_body(route))

    def _fields_of(self, service: str, path: str) -> tuple[str, ...]:
        """The names in the forms of the page at this path, and those of all requests."""
        url = "/" + "/".join(
            self.good.get(part.strip("{}"), [part])[0] if part.startswith("{") else part
            for part in path.split("/")
            if part
        )
        answer = self._loop.run_until_complete(self._clients[service].get(url, params={"partner": "ada"}))
        found = (
            re.findall(r'<(?:input|select|textarea|button)[^>]*\bname="([^"]+)"', answer.text)
            if answer.is_success
            else []
        )
        for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text):
            if value:
                self.good.setdefault(name, []).append(value)
        return tuple(sorted({*found, "token", "attempt", "email", "rating", "text"}))

    def _seconds_of_a_plain_page(self) -> float:
        began = process_time()
        for _ in range(10):
            self._loop.run_until_complete(self._clients["leads"].get("/en/partners"))
        return (process_time() - began) / 10

    def one(self, name: str) -> str:
        """A good value."""
        return self.good.get(name, ["1"])[-1]

    def part(self, part: str, name: str, nasty: str) -> str:
        """What stands in an address for a part of the path, where the value of this name is odd."""
        if not part.startswith("{"):
            return part
        return nasty if part.strip("{}") == name else self.one(part.strip("{}"))

    def send(self, sent: Sent) -> None:
        """Raises `Finding`."""
        took = self._sent(sent)
        allowed = max(SLOWER * self._plain, ALLOWED_SECONDS)
        # What is slow is slow again; a collection of garbage, or the log that moves meanwhile, is not.
        if took > allowed and (took := min(self._sent(sent) for _ in range(3))) > allowed:
            raise Finding("slow", sent, f"{took:.2f} s of processor time")
        self._report.slowest = max(self._report.slowest, (took, sent.target.name))

    def _sent(self, sent: Sent) -> float:
        """Seconds of the processor's time that it took."""
        began = process_time()
        try:
            answer = self._loop.run_until_complete(self._moving(exchange(self._world.apps[sent.target.service], sent)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is found
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = "".join(traceback.format_exception(error)[-6:])
            raise Finding("exception", sent, f"{text}\n{type(error).__name__} in {place.name}:{place.lineno}") from None
        took = process_time() - began
        self._report.requests += 1
        self._report.statuses[answer.status_code] += 1
        if wrong := objection(answer, sent):
            raise Finding(wrong[0], sent, wrong[1])
        return took

    async def _moving(self, asking: Any) -> httpx2.Response:
        """The answer; while it waits for the log, the log moves on."""
        answer = asyncio.ensure_future(asking)
        for _ in range(20):
            await asyncio.sleep(0)
            if answer.done():
                break
        while not answer.done():
            if not await self._world._round():  # it waits for a thread: a file is read
                await asyncio.wait({answer}, timeout=0.001)
        return await answer

    def settle(self) -> list[str]:
        """What has come in is worked off; what of it no service could use."""
        self._loop.run_until_complete(self._world.settle())
        return self._world.dead_letters()


async def exchange(app: Any, sent: Sent) -> httpx2.Response:
    """As uvicorn hands it over: httpx would refuse, or mend, much of what others send."""
    path, _, query = sent.path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": sent.target.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": sent.headers,
        "client": ("192.0.2.7", 40_000),
        "server": ("127.0.0.1", 80),
    }
    parts = [sent.content[start : start + 16_384] for start in range(0, len(sent.content), 16_384)] or [b""]
    body, done, head = bytearray(), asyncio.Event(), dict[str, Any]()

    async def receive() -> Any:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                done.set()

    await app(scope, receive, send)
    return httpx2.Response(head["status"], headers=head["headers"], content=bytes(body))


def routes_of(app: Any) -> Iterator[APIRoute]:
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner)
        elif isinstance(route, APIRoute) and not route.path.startswith("/docs"):
            yield route


def fields_of_body(route: APIRoute) -> tuple[str, ...]:
    annotation = route.body_field.field_info.annotation if route.body_field else None
    return tuple(getattr(annotation, "model_fields", ()))


def objection(answer: httpx2.Response, sent: Sent) -> tuple[str, str] | None:  # noqa: PLR0911 - a list of rules
    """Kind and words of what is wrong with the answer."""
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 500 and answer.status_code != 503:
        return "status", f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code == 503 and "retry-after" not in answer.headers:
        return "status", "503 without Retry-After"
    if missing := [name for name in SAFE if name not in answer.headers]:
        return "headers", f"without {missing}"
    if INJECTED in answer.headers or any(not value.isprintable() for value in answer.headers.values()):
        return "injection", str(answer.headers)
    location = answer.headers.get("location", "/")
    if not re.match(r"/(?![/\\])", location + "x" if location == "/" else location):
        return "redirect", location
    try:
        if "json" in kind:
            json.loads(answer.content)
        elif "html" in kind:
            HTMLParser().feed(answer.content.decode("utf-8"))
    except ValueError as error:
        return "unparsable", repr(error)
    if "html" in kind and CANARY in answer.text:
        return "reflected", "raw markup of the request"
    return None


SAFE = (
    "x-content-type-options",
    "referrer-policy",
    "content-security-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cache-control",
)


def one_thing_odd(site: Site, seed_: int, start: int) -> Iterator[Sent]:
    """Good requests of which one part is odd: each part of each target with each thing of the dictionary, from the
    one with this number on, and then from the first again.
    """
    every = [
        (target, name, nasty)
        for target in site.targets
        for name in sorted(
            {*target.query, *(target.fields if target.method == "POST" else ()), *target.parts, *target.body}
        )
        for nasty in (*NUMBERS, *DAYS, *TEXTS)
    ]
    Random(seed_).shuffle(every)
    for target, name, nasty in islice(cycle(every), start % len(every), None):
        path = "".join("/" + quote(site.part(part, name, nasty), safe="") for part in target.path.split("/")[1:])
        query = urlencode({one: site.one(one) for one in target.query if one in site.good} | {name: nasty})
        headers, content = [(b"host", target.service.encode())], b""
        if target.method == "POST" and target.body:
            headers += [(b"content-type", b"application/json")]
            content = json.dumps(
                {one: REQUEST.get(one) or site.one(one) for one in target.body} | {name: nasty}
            ).encode()
        elif target.method == "POST":
            headers += [(b"content-type", b"application/x-www-form-urlencoded")]
            filled = {one: site.one(one) for one in target.fields if one in site.good}
            content = urlencode(filled | {name: nasty}).encode()
        wanted = f"{path}?{query}" if name in target.query else path
        yield Sent(target, wanted, headers, content)


def requests(site: Site) -> st.SearchStrategy[Sent]:
    """Requests of which most of the parts are good, and some are not."""

    def value(name: str, *, odd: int = 3) -> st.SearchStrategy[str]:
        """A good one but for one in so many."""
        good = st.sampled_from(site.good[name]) if name in site.good else numbers
        return st.integers(1, odd).flatmap(lambda chance: values if chance == 1 else good)

    def pairs(known: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, str]]]:
        own = (
            st.sampled_from(known).flatmap(lambda name: st.tuples(st.just(name), value(name)))
            if known
            else st.nothing()
        )
        return st.lists(own | own | st.tuples(names, values), max_size=8)

    def form(known: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, str]]]:
        """All fields as a person fills them in, some of them otherwise, some twice."""
        filled = [(name, site.good[name][-1]) for name in known if name in site.good]
        return pairs(known).map(lambda others: [*((n, v) for n, v in filled if n not in dict(others)), *others])

    def wire(given: list[tuple[str, str]], raw: list[str]) -> str:
        return urlencode(given, errors="surrogatepass") + "".join(raw)

    @st.composite
    def one(draw: Any) -> Sent:
        target = draw(st.sampled_from(site.targets))
        path = "".join(
            "/"
            + quote(
                draw(value(part.strip("{}"), odd=12)) if part.startswith("{") else part, errors="surrogatepass", safe=""
            )
            for part in target.path.split("/")[1:]
        )
        raw = st.lists(st.sampled_from(RAW), max_size=2)
        query = draw(st.just("") | st.builds(wire, pairs(target.query), raw))
        headers, content = (
            draw(bodies(form(target.fields), wire, raw)) if target.method not in {"GET", "HEAD"} else ([], b"")
        )
        headers = [(b"host", target.service.encode()), *headers, *draw(st.lists(odd_headers, max_size=2))]
        return Sent(target, path + (f"?{query}" if query else ""), headers, content)

    return one()


odd_headers = st.tuples(
    st.sampled_from(
        [
            "accept-language",
            "cookie",
            "idempotency-key",
            "traceparent",
            "jobwire-app",
            "jobwire-timestamp",
            "jobwire-signature",
            "authorization",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "content-type",
            "accept",
            "if-match",
            "range",
            "referer",
            "origin",
        ]
    ).map(str.encode),
    values.map(lambda text: re.sub(r"[\r\n\x00]", "", text).encode("utf-8", "surrogatepass")[:4_000]),
)


def bodies(
    form: st.SearchStrategy[list[tuple[str, str]]], wire: Callable[..., str], raw: st.SearchStrategy[list[str]]
) -> st.SearchStrategy[tuple[list[tuple[bytes, bytes]], bytes]]:
    def typed(kind: str) -> list[tuple[bytes, bytes]]:
        return [(b"content-type", kind.encode())]

    def parts(fields: list[tuple[str, str]], file: str) -> bytes:
        lines = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{text}\r\n' for name, text in fields
        ]
        return ("".join(lines) + "--x--\r\n").encode("utf-8", "surrogatepass")

    urlencoded = st.builds(wire, form, raw).map(
        lambda text: (typed("application/x-www-form-urlencoded"), text.encode("latin-1", "replace"))
    )
    multipart = st.builds(
        parts, form, st.sampled_from(["", '; filename="a.txt"', '; filename="\x00"', "; filename*=x''%ff"])
    ).map(lambda body: (typed("multipart/form-data; boundary=x"), body))
    changed = st.dictionaries(
        st.sampled_from([*REQUEST, "token", "email", "locale", "partner_id"]) | names, json_values, max_size=4
    )
    as_json = (changed.map(lambda changes: {**REQUEST, **changes}) | changed | json_values).map(
        lambda body: (typed("application/json"), json.dumps(body).encode())
    )
    junk = st.tuples(
        texts.map(lambda kind: [(b"content-type", re.sub(r"[^ -~]", "", kind).encode()[:200])]), st.binary(max_size=60)
    )
    return urlencoded | urlencoded | as_json | multipart | junk


def fuzz(seconds: float, number: int, said: Callable[[str], None] = typer.echo) -> Report:
    """Sends for so many seconds. The same seed sends the same, as long as the code is the same."""
    report, until, first = Report(), monotonic() + seconds, number
    loop = asyncio.new_event_loop()
    while monotonic() < until:
        with pytest.MonkeyPatch.context() as patch:
            site = Site(loop, patch, report)
            odd = one_thing_odd(site, first, report.swept)
            for _ in range(ROUNDS):
                _sweep(site, report, islice(odd, EXAMPLES * 2), said, until)
                if monotonic() < until:
                    _go(site, report, number, said, until)
                    number += 1
            for letter in site.settle():
                _told(report, ("dead letter", "", letter[:200]), letter, said)
    loop.close()
    return report


def _sweep(site: Site, report: Report, every: Iterator[Sent], said: Callable[[str], None], until: float) -> None:
    for sent in every:
        if monotonic() > until:
            return
        report.swept += 1
        try:
            site.send(sent)
        except Finding as finding:
            _told(report, finding.key, str(finding), said)


def _go(site: Site, report: Report, number: int, said: Callable[[str], None], until: float) -> None:
    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(requests(site))
    def sends(sent: Sent) -> None:
        if monotonic() > until:
            return
        try:
            site.send(sent)
        except Finding as finding:
            if finding.key not in report.findings:
                raise

    try:
        sends()
    except Finding as finding:
        _told(report, finding.key, str(finding), said)
    except FlakyFailure as flaky:  # it depends on what was sent before: told as it was seen
        for finding in flaky.exceptions:
            if isinstance(finding, Finding):
                _told(report, finding.key, str(finding), said)


def _told(report: Report, key: tuple[str, str, str], words: str, said: Callable[[str], None]) -> None:
    if key not in report.findings:
        report.findings[key] = words
        said(f"\n*** {words}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    configure("fuzz", "CRITICAL", "console")
    warnings.simplefilter("ignore", HypothesisWarning)
    report = fuzz(chosen.minutes * 60, chosen.seed)
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(report.statuses.items()))
    typer.echo(f"\n{report.requests:,} requests, {report.swept:,} of them with one odd part: {statuses}")
    typer.echo(f"slowest: {report.slowest[0]:.2f} s at {report.slowest[1]}")
    typer.echo(f"{len(report.findings)} findings")
    sys.exit(bool(report.findings))


if __name__ == "__main__":
    main()
