"""Kafka, MongoDB, the mail catcher and the platform together, for `jobwire up`, the live tests and the chaos tests."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from deploy.local.datalock import DataLock
from deploy.local.kafka import EmbeddedKafka
from deploy.local.mongodb import EmbeddedMongo
from deploy.local.parts import HOST, READY_SECONDS, Part, Progress, choose_port, listens, say_nothing
from deploy.local.processes import ManagedProcess

DEFAULT_DATA_DIR = Path(".jobwire")

_ROOT = Path(__file__).parents[2]
_SMTP_TAKEN = "Stop it, or set SMTP_URL (and MAIL_API_URL) to use a mail server that already runs."
_PLATFORM_TAKEN = "Stop it, or set JOBWIRE_PORT_PLATFORM, or JOBWIRE_PLATFORM_URL to use a platform that already runs."


@dataclass(frozen=True)
class Ports:
    """Where the parts listen; 0 means any free port. The defaults are those of `jobwire up`."""

    kafka: int = 9092
    mongodb: int = 27017
    smtp: int = 1025
    mail_api: int = 8025
    platform: int = 8090


ANY_PORTS = Ports(kafka=0, mongodb=0, smtp=0, mail_api=0, platform=0)


@dataclass(frozen=True)
class Endpoints:
    """Where everything can be reached, whoever started it. A part that is not there is None."""

    kafka_bootstrap_servers: str
    mongodb_uri: str
    smtp_url: str | None
    mail_api_url: str | None
    platform_url: str | None = None

    def environ(self) -> dict[str, str]:
        """The variables that tell a child process the same."""
        named = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "MONGODB_URI": self.mongodb_uri,
            "SMTP_URL": self.smtp_url,
            "MAIL_API_URL": self.mail_api_url,
            "JOBWIRE_PLATFORM_URL": self.platform_url,
            # The stand-in plays the merchants' stores, too. Nobody else's platform opens private networks.
            "JOBWIRE_STORE_CHECK_PRIVATE": "true" if (self.platform_url or "").startswith(f"http://{HOST}:") else None,
        }
        return {name: value for name, value in named.items() if value}


class MailCatcher(Part):
    """`deploy.local.mailcatcher` as a child process; its mails live in its memory only."""

    def __init__(self, data_dir: Path, smtp_port: int, http_port: int, *, pass_fds: tuple[int, ...] = ()) -> None:
        self.smtp_port = smtp_port
        self.http_port = http_port
        self._data_dir = data_dir
        self._pass_fds = pass_fds

    async def start(self) -> None:
        """Starts it and waits until both ports answer; returns at once if it runs."""
        if self.process and self.process.running:
            return
        self.smtp_port = choose_port("Mail catcher", self.smtp_port, _SMTP_TAKEN)
        self.http_port = choose_port("Mail catcher", self.http_port, _SMTP_TAKEN)
        ports = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)]
        self.process = ManagedProcess(
            "Mail catcher",
            [sys.executable, "-m", "deploy.local.mailcatcher", *ports],
            log_file=self._data_dir / "mailcatcher.log",
            cwd=_ROOT,
            pass_fds=self._pass_fds,
        )
        await self.process.start()
        await self.process.wait_ready(self._answers, within=READY_SECONDS)

    async def _answers(self) -> bool:
        return await listens(self.smtp_port) and await listens(self.http_port)


class PlatformStandIn(Part):
    """`deploy.local.platform` as a child process; what it granted lives in its memory only."""

    def __init__(self, data_dir: Path, port: int, *, pass_fds: tuple[int, ...] = ()) -> None:
        self.port = port
        self._data_dir = data_dir
        self._pass_fds = pass_fds

    async def start(self) -> None:
        """Starts it and waits until its port answers; returns at once if it runs."""
        if self.process and self.process.running:
            return
        self.port = choose_port("Platform", self.port, _PLATFORM_TAKEN)
        self.process = ManagedProcess(
            "Platform",
            [sys.executable, "-m", "deploy.local.platform", "--port", str(self.port)],
            log_file=self._data_dir / "platform.log",
            cwd=_ROOT,
            pass_fds=self._pass_fds,
        )
        await self.process.start()
        await self.process.wait_ready(lambda: listens(self.port), within=READY_SECONDS)


class LocalStack:
    """`async with LocalStack(data_dir) as endpoints:` – the parts run inside the block.

    A part that the environment names (KAFKA_BOOTSTRAP_SERVERS, MONGODB_URI, SMTP_URL,
    JOBWIRE_PLATFORM_URL) is not started: its attribute is None. Entering raises PartUnavailable
    when a part cannot be had or another stack uses the folder, and ProcessFailed when one dies
    while starting; then nothing is left running. The parts also end when this process dies in any way.
    """

    def __init__(
        self,
        data_dir: Path = DEFAULT_DATA_DIR,
        *,
        ports: Ports = Ports(),
        environ: Mapping[str, str] = os.environ,
        mail: bool = True,
        progress: Progress = say_nothing,
    ) -> None:
        """`mail=False` starts neither mail catcher nor platform: what nobody looks at need not run."""
        self.data_dir = data_dir.absolute()
        self.kafka: EmbeddedKafka | None = None
        self.mongo: EmbeddedMongo | None = None
        self.mail: MailCatcher | None = None
        self.platform: PlatformStandIn | None = None
        self._ports = ports
        self._environ = environ
        self._mail_wanted = mail
        self._progress = progress
        self._lock = DataLock(self.data_dir)

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is; ask only inside the block."""
        named = self._environ.get
        return Endpoints(
            self.kafka.bootstrap_servers if self.kafka else self._environ["KAFKA_BOOTSTRAP_SERVERS"],
            self.mongo.uri if self.mongo else self._environ["MONGODB_URI"],
            f"smtp://{HOST}:{self.mail.smtp_port}" if self.mail else named("SMTP_URL"),
            f"http://{HOST}:{self.mail.http_port}" if self.mail else named("MAIL_API_URL"),
            f"http://{HOST}:{self.platform.port}" if self.platform else named("JOBWIRE_PLATFORM_URL"),
        )

    async def __aenter__(self) -> Endpoints:
        await self._lock.acquire()
        try:
            self._plan()
            await self._start_all()
        except BaseException:
            await self._close()
            raise
        return self.endpoints

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    def _plan(self) -> None:
        # The children hold the lock too: a killed parent's Kafka may need a moment longer than it.
        holds = (self._lock.fd,)
        named, ports, folder, say = self._environ.get, self._ports, self.data_dir, self._progress
        if not named("KAFKA_BOOTSTRAP_SERVERS"):
            self.kafka = EmbeddedKafka(folder / "kafka", ports.kafka, progress=say, pass_fds=holds)
        if not named("MONGODB_URI"):
            self.mongo = EmbeddedMongo(folder / "mongodb", ports.mongodb, progress=say, pass_fds=holds)
        if self._mail_wanted and not named("SMTP_URL"):
            self.mail = MailCatcher(folder / "mail", ports.smtp, ports.mail_api, pass_fds=holds)
        if self._mail_wanted and not named("JOBWIRE_PLATFORM_URL"):
            self.platform = PlatformStandIn(folder / "platform", ports.platform, pass_fds=holds)

    def _parts(self) -> dict[str, Part]:
        all_parts = {
            "Kafka": self.kafka,
            "MongoDB": self.mongo,
            "Mail catcher": self.mail,
            "Platform": self.platform,
        }
        return {name: part for name, part in all_parts.items() if part}

    async def _start_all(self) -> None:
        """All at once; the first failure is raised as itself, after the others have been called off."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, part in self._parts().items():
                    group.create_task(self._start(name, part))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start(self, name: str, part: Part) -> None:
        began = time.monotonic()
        await part.start()
        self._progress(name, f"ready in {time.monotonic() - began:.1f} s")

    async def _close(self) -> None:
        try:
            await asyncio.gather(*(part.stop() for part in self._parts().values()))
        finally:
            self._lock.release()
