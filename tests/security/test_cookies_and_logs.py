"""What cookies say of themselves, and what the log of security events looks like."""

import io
import json
import logging
from datetime import datetime

import pytest
import structlog
from starlette.responses import Response

from services.leads.asker import Asker
from shared.contracts.base import derived_id
from shared.links import Links
from shared.logs import configure, get_logger
from shared.metrics import Metrics
from shared.security_events import SecurityEvent, SecurityLog
from shared.settings import Settings
from tests.flow.people import a_team, sign_in
from tests.flow.world import Weather, World


def test_a_forms_cookie_is_for_this_host_alone_and_for_no_script() -> None:
    for url, secure in (("https://leads.example", True), ("http://127.0.0.1:8001", False)):
        settings = Settings(secret_keys="the-key-of-the-tests", leads_url=url)
        response = Response()
        Asker(Links(settings), settings).remember(response, derived_id("a request"))
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-") == secure
        assert ("; Secure" in cookie) == secure
        assert "; HttpOnly" in cookie
        assert "; Path=/" in cookie
        assert "; SameSite=lax" in cookie
        assert "Domain" not in cookie


@pytest.mark.parametrize(("url", "secure"), [("https://gateway.example", True), ("http://gateway", False)])
async def test_the_cookie_of_the_asking_browser_is_for_this_host_alone_and_for_no_script(
    monkeypatch: pytest.MonkeyPatch, url: str, *, secure: bool
) -> None:
    world = World(Weather(), monkeypatch, public_url=url, hosts="gateway")
    sent = await world.client("gateway").post("/en/sign-in/new", data={"email": "mia@kettle.example"})
    cookie = sent.headers["set-cookie"]
    assert cookie.startswith("__Host-") == secure
    assert ("; Secure" in cookie) == secure
    assert "; HttpOnly" in cookie
    assert "; SameSite=lax" in cookie


@pytest.fixture
def lines() -> io.StringIO:
    """What the log writes from now on."""
    stream = io.StringIO()
    configure("tests")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = []


def test_the_log_is_lines_of_json_in_utc_and_nobody_writes_lines_of_their_own(lines: io.StringIO) -> None:
    forged = 'a\n{"event": "signed_in", "person": "admin"}\r\n\x1b[2J\u2028'
    get_logger("jobwire.security").info("sign_in_refused", reason=forged)
    line, end = lines.getvalue().split("\n")
    assert end == ""
    said = json.loads(line)
    assert (said["event"], said["reason"], said["level"]) == ("sign_in_refused", forged, "info")
    assert datetime.fromisoformat(said["timestamp"]).utcoffset().total_seconds() == 0


def test_a_secret_is_blanked_whoever_logs_it(lines: io.StringIO) -> None:
    get_logger("tests").info("something", token="s3cret", url="mongodb://user:s3cret@host/")
    assert "s3cret" not in lines.getvalue()


def test_a_security_event_is_logged_and_counted(lines: io.StringIO) -> None:
    metrics = Metrics("gateway")
    SecurityLog(metrics).event(SecurityEvent.SIGNED_OUT, which="others")
    said = json.loads(lines.getvalue())
    assert (said["logger"], said["event"], said["which"]) == ("jobwire.security", "signed_out", "others")
    assert metrics.security_events.labels("signed_out")._value.get() == 1


async def test_sign_ins_and_refusals_leave_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Weather(), monkeypatch)
    world.register(a_team("Ada"))
    await world.settle()
    counted = world.services["gateway"].metrics.security_events
    owner = await sign_in(world, "owner@ada.example")
    assert counted.labels("signed_in")._value.get() == 1
    bad = await world.client("gateway").post("/api/v1/sessions", json={"token": "guessed", "email": "x@y.com"})
    assert (bad.status_code, counted.labels("sign_in_refused")._value.get()) == (401, 1)
    await owner.get("/merchant/jobs", expect=403)
    assert counted.labels("access_refused")._value.get() == 1
    await owner.delete("/sessions/current", expect=204)
    assert counted.labels("signed_out")._value.get() == 1
