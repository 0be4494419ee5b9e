"""Jobwire as `jobwire up` starts it, in a folder and on ports of its own: how soon it is ready, and how large it is."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

import psutil

from deploy.local.fleet import DEFAULT_PORTS, OPS_PORTS
from deploy.local.parts import HOST, choose_port
from deploy.local.processes import ManagedProcess
from shared.topics import SERVICES

IDLE_SECONDS = 10.0
_NO_LIMITS = {f"send_message.{of}": "1000000/minute" for of in ("person", "subject")}
"""One person sends all of a bench's messages. They are counted as in production, and none is refused."""
_ROOT = Path(__file__).parents[2]
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Addresses:
    gateway: str
    mail_api: str
    kafka: str
    mongodb: str


class Running:
    """`async with Running(folder) as running:` – ready and seeded inside the block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ready_seconds = 0.0
        """From the command to its line "all ready", with everything downloaded before."""

    async def __aenter__(self) -> Self:
        names = ("kafka", "mongodb", "smtp", "mail_api", "platform", *DEFAULT_PORTS)
        ports = {name: choose_port(name, 0, "") for name in names}
        self.addresses = Addresses(
            gateway=f"http://{HOST}:{ports['gateway']}",
            mail_api=f"http://{HOST}:{ports['mail_api']}",
            kafka=f"{HOST}:{ports['kafka']}",
            mongodb=f"mongodb://{HOST}:{ports['mongodb']}/?directConnection=true",
        )
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("JOBWIRE_", "KAFKA_"))}
        ours = {name: value for name, value in ours.items() if name not in ("MONGODB_URI", "SMTP_URL", "MAIL_API_URL")}
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = ManagedProcess(
            "jobwire up",
            [sys.executable, "-m", "deploy.cli", "up"],
            log_file=self._folder / "up.log",
            cwd=self._folder,
            env={
                **ours,
                **{f"JOBWIRE_PORT_{name.upper()}": str(port) for name, port in ports.items()},
                **{f"JOBWIRE_OPS_PORT_{name.upper()}": "0" for name in OPS_PORTS},
                "JOBWIRE_LIMITS": json.dumps(_NO_LIMITS),
                "PYTHONPATH": str(_ROOT),
                "PYTHONUNBUFFERED": "1",
            },
        )
        began = perf_counter()
        await self._process.start()
        try:
            await self._process.wait_ready(lambda: self._said("all ready"), within=120, every=0.02)
            self.ready_seconds = perf_counter() - began
            await self._process.wait_ready(lambda: self._said("Jobwire is running"), within=120)
        except BaseException:
            await self._process.stop(grace=30)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.stop(grace=30)

    async def memory(self) -> dict[str, float]:
        """Resident MiB of each service after it has had nothing to do for a while."""
        await asyncio.sleep(IDLE_SECONDS)
        assert self._process.pid is not None
        sizes = {}
        for child in psutil.Process(self._process.pid).children(recursive=True):
            words = child.cmdline()
            for name in SERVICES:
                if f"services.{name}.main" in words:
                    sizes[name] = round(child.memory_info().rss / _MIB, 1)
        return sizes

    async def _said(self, words: str) -> bool:
        return words in (self._folder / "up.log").read_text()
