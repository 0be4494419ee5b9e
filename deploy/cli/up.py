"""`jobwire up`: everything on this machine, from nothing to ready, and cleanly away again."""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from enum import Enum
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

from deploy.cli.progress import Display
from deploy.journey import PATIENCE_SECONDS, Journey, JourneyFailed, Step
from deploy.local.fleet import DEFAULT_PORTS, OPS_PORTS, Fleet
from deploy.local.parts import PartUnavailable
from deploy.local.processes import ProcessFailed
from deploy.local.stack import DEFAULT_DATA_DIR, Endpoints, LocalStack, Ports
from deploy.market import load_partners
from deploy.pace import slowness
from deploy.provision import provision
from deploy.seed import seed
from shared.settings import Settings
from shared.topics import LOCAL_PARTITIONS, PARTNER_COMMANDS, PARTNERS, WrongPartitions

_QUIET_WINDOW_SECONDS = 15


def window_seconds() -> int:
    """The journey's reply window: long enough for everybody in it to do their part on this machine, and no longer."""
    return ceil(_QUIET_WINDOW_SECONDS * slowness())


def short_window(seconds: int) -> dict[str, str]:
    """What the journey changes, and all that it changes: nobody waits 72 hours for a demonstration, and a slow machine
    may answer late instead of putting people off.
    """
    return {
        "JOBWIRE_REPLY_WINDOW_SECONDS": str(seconds),
        "JOBWIRE_REMIND_BEFORE_SECONDS": "[8, 4]",
        "JOBWIRE_REPLY_TIMEOUT_SECONDS": str(PATIENCE_SECONDS),
    }


class Mode(Enum):
    STAY = "stay"
    ONCE = "once"
    DEMO = "demo"


async def up(mode: Mode, *, as_json: bool) -> int:
    """The exit status: 0 when all went well, 1 when a part or a step failed, 130 when somebody pressed Ctrl-C before
    the end.
    """
    display = Display(quiet=as_json)
    stopped = _stop_on_signals()
    work = _Up(mode, display, as_json=as_json)
    running = asyncio.create_task(work.run(stopped))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not work.staying:
        running.cancel()  # in the middle of something; what has been started is stopped in order all the same
    try:
        return await running
    except asyncio.CancelledError:
        return 130
    except PartUnavailable as missing:
        display.failure(f"{missing.part}: {missing.why}", missing.what_to_do)
    except (ProcessFailed, WrongPartitions) as failed:
        display.failure(str(failed), "The logs are in .jobwire/logs.")
    finally:
        stopping.cancel()
        display.close()
    return 1


class _Up:
    def __init__(self, mode: Mode, display: Display, *, as_json: bool) -> None:
        self._mode = mode
        self._display = display
        self._as_json = as_json
        self.staying = False
        """Whether everything is up and only a signal is waited for."""

    async def run(self, stopped: asyncio.Event) -> int:
        async with AsyncExitStack() as stack:
            began = perf_counter()
            local = LocalStack(DEFAULT_DATA_DIR, ports=_ports(), progress=self._display.say)
            endpoints = await stack.enter_async_context(local)
            environ = _environ(endpoints)
            settings = _settings(environ)
            await provision(settings)
            window = window_seconds()
            extra = {} if self._mode is Mode.STAY else short_window(window)
            fleet = Fleet(
                {**environ, **extra},
                DEFAULT_DATA_DIR / "logs",
                ports=_named_ports("JOBWIRE_PORT", DEFAULT_PORTS),
                ops_ports=_named_ports("JOBWIRE_OPS_PORT", OPS_PORTS),
                progress=self._display.say,
            )
            stack.push_async_callback(fleet.stop)
            await fleet.start()
            ready = perf_counter() - began
            self._display.say("Jobwire", f"all ready in {ready:.1f} s")
            await self._seed(settings, fleet)
            if self._mode is not Mode.STAY and not await self._journey(fleet, endpoints, window, ready):
                return 1
            if self._mode is Mode.ONCE:
                return 0
            if self._mode is Mode.DEMO:
                # The journey's short window must not surprise whoever tries it now.
                await fleet.start_one("jobs", {name: _default(name) for name in extra})
            self._display.close()
            self._display.invite(fleet.urls, endpoints, _somebody())
            self.staying = True
            await stopped.wait()
            self._display.line("Stopping …")
        return 0

    async def _seed(self, settings: Settings, fleet: Fleet) -> None:
        count = await seed(settings)
        async with asyncio.timeout(300):
            while await fleet.metric("matching", "jobwire_market_partners") < count or await _lag(fleet) > 0:
                await asyncio.sleep(0.1)
        self._display.say("Market", f"{count} partners")

    async def _journey(self, fleet: Fleet, endpoints: Endpoints, window: int, ready: float) -> bool:
        if endpoints.mail_api_url is None:
            raise PartUnavailable(
                "Mail catcher", "SMTP_URL is set and MAIL_API_URL is not.", "Set MAIL_API_URL to Mailpit's address too."
            )
        self._display.close()
        journey = Journey(
            fleet.urls.gateway,
            fleet.urls.leads,
            endpoints.mail_api_url,
            window,
            platform=endpoints.platform_url,
            on_step=self._display.step,
        )
        failure = None
        try:
            await journey.run()
        except JourneyFailed as failed:
            failure = str(failed)
            self._display.failure(failure, "The logs are in .jobwire/logs.")
        if self._as_json:
            print(json.dumps(_report(journey.steps, ready, failure), ensure_ascii=False))  # noqa: T201 - the answer
        return failure is None


def _report(steps: list[Step], ready: float, failure: str | None) -> dict[str, Any]:
    return {
        "ok": failure is None,
        "failure": failure,
        "ready_seconds": round(ready, 1),
        "steps": [
            {"number": step.number, "what": step.what, "milliseconds": round(step.milliseconds, 1)} for step in steps
        ],
    }


async def _lag(fleet: Fleet) -> float:
    return await fleet.lag(PARTNER_COMMANDS.name) + await fleet.lag(PARTNERS.name)


def _environ(endpoints: Endpoints) -> dict[str, str]:
    """What every service is told. Nothing that is set already is overruled."""
    defaults = {
        "JOBWIRE_PARTITIONS": str(LOCAL_PARTITIONS),
        "JOBWIRE_SECRET_KEYS": _local_key(),
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return {**defaults, **os.environ, **endpoints.environ()}


def _settings(environ: Mapping[str, str]) -> Settings:
    return Settings(
        kafka_bootstrap_servers=environ["KAFKA_BOOTSTRAP_SERVERS"],
        partitions=int(environ["JOBWIRE_PARTITIONS"]),
        namespace=environ.get("JOBWIRE_NAMESPACE", ""),
    )


def _local_key() -> str:
    """A signing key of this machine's own, so that links in mails still work after a second start."""
    path: Path = DEFAULT_DATA_DIR / "secret-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text().strip()


def _ports() -> Ports:
    named = os.environ.get
    return Ports(
        kafka=int(named("JOBWIRE_PORT_KAFKA", "9092")),
        mongodb=int(named("JOBWIRE_PORT_MONGODB", "27017")),
        smtp=int(named("JOBWIRE_PORT_SMTP", "1025")),
        mail_api=int(named("JOBWIRE_PORT_MAIL_API", "8025")),
        platform=int(named("JOBWIRE_PORT_PLATFORM", "8090")),
    )


def _named_ports(setting: str, defaults: Mapping[str, int]) -> dict[str, int]:
    return {name: int(os.environ.get(f"{setting}_{name.upper()}", port)) for name, port in defaults.items()}


def _default(name: str) -> str:
    value = Settings.model_fields[name.removeprefix("JOBWIRE_").lower()].default
    return os.environ.get(name) or json.dumps(value)


def _somebody() -> str:
    """The owner of a partner that work is sent to, to sign in as."""
    partner = next(one for one in load_partners() if one["published"] and one["preferences"]["available"])
    return str(next(member["email"] for member in partner["members"] if member["role"] == "owner"))


def _stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signal_, stopped.set)
    return stopped
