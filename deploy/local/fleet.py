"""The five services as processes of their own, on this machine."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.parts import HOST, READY_SECONDS, Progress, choose_port, say_nothing
from deploy.local.processes import ManagedProcess

_ROOT = Path(__file__).parents[2]
_RESTART_SECONDS = 1.0

DEFAULT_PORTS = {"gateway": 8000, "leads": 8001}
"""Of those that people and programs speak to."""
OPS_PORTS = {"gateway": 9100, "leads": 9101, "matching": 9102, "jobs": 9103, "notifications": 9104}
"""Health and metrics of each."""
FREE_PORTS, FREE_OPS_PORTS = dict.fromkeys(DEFAULT_PORTS, 0), dict.fromkeys(OPS_PORTS, 0)


@dataclass(frozen=True)
class Urls:
    """Where people and programs reach the two HTTP sides."""

    gateway: str
    leads: str


class Fleet:
    """Starts each service, waits until it is ready, and starts one again that has died: every service promises to
    survive that.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        log_dir: Path,
        *,
        ports: Mapping[str, int] = DEFAULT_PORTS,
        ops_ports: Mapping[str, int] = OPS_PORTS,
        progress: Progress = say_nothing,
    ) -> None:
        """`environ` is what all services get; a port of 0 means any free one."""
        self.ports, self.ops_ports = _chosen("JOBWIRE_PORT", ports), _chosen("JOBWIRE_OPS_PORT", ops_ports)
        self.urls = Urls(*(f"http://{HOST}:{self.ports[name]}" for name in ("gateway", "leads")))
        self._environ = {**environ, "JOBWIRE_PUBLIC_URL": self.urls.gateway, "JOBWIRE_LEADS_URL": self.urls.leads}
        self._log_dir = log_dir
        self._progress = progress
        self.processes: dict[str, ManagedProcess] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """All at once; returns when every service is ready. Raises ProcessFailed when one cannot start."""
        await asyncio.gather(*(self.start_one(name, {}) for name in self.ops_ports))

    async def start_one(self, name: str, extra: Mapping[str, str]) -> None:
        """Start (or start again, with other settings) one service and keep it running."""
        await self.stop_one(name)
        self._progress(name, "starting")
        process = ManagedProcess(
            name,
            [sys.executable, "-m", f"services.{name}.main"],
            log_file=self._log_dir / f"{name}.log",
            cwd=_ROOT,
            env={**self._environ, **self._listening(name), **extra},
        )
        self.processes[name] = process
        began = asyncio.get_running_loop().time()
        await process.start()
        await process.wait_ready(lambda: self._ready(name), within=READY_SECONDS)
        self._progress(name, f"ready in {asyncio.get_running_loop().time() - began:.1f} s")
        self._watchers[name] = asyncio.create_task(self._keep(name, process))

    async def stop_one(self, name: str, grace: float = 45.0) -> None:
        watcher = self._watchers.pop(name, None)
        if watcher:
            watcher.cancel()
        process = self.processes.pop(name, None)
        if process:
            await process.stop(grace)

    async def stop(self) -> None:
        """SIGTERM to all: each finishes what it has in hand."""
        await asyncio.gather(*(self.stop_one(name) for name in list(self.processes)))

    async def lag(self, topic: str) -> float:
        """Records of a topic that some service has yet to handle."""
        total = 0.0
        async with _plain_http() as client:
            for name in self.ops_ports:
                metrics = (await client.get(self.ops_url(name) + "/metrics")).text
                total += _sum(metrics, "jobwire_consumer_lag_records", {"topic": topic})
        return total

    async def metric(self, name: str, metric: str) -> float:
        async with _plain_http() as client:
            return _sum((await client.get(self.ops_url(name) + "/metrics")).text, metric, {})

    async def _ready(self, name: str) -> bool:
        try:
            async with _plain_http() as client:
                answer = await client.get(self.ops_url(name) + "/health/ready", timeout=2)
                return answer.status_code == 200 and answer.json()["service"] == name
        except httpx2.HTTPError:
            return False

    async def _keep(self, name: str, process: ManagedProcess) -> None:
        while True:
            code = await process.wait()
            self._progress(name, f"ended with status {code}; starting it again")
            await asyncio.sleep(_RESTART_SECONDS)
            await process.start()

    def ops_url(self, name: str) -> str:
        """Where a service tells its health and its metrics."""
        return f"http://{HOST}:{self.ops_ports[name]}"

    def _listening(self, name: str) -> dict[str, str]:
        public = {"JOBWIRE_PORT": str(self.ports[name])} if name in self.ports else {}
        return {**public, "JOBWIRE_OPS_PORT": str(self.ops_ports[name])}


def _chosen(setting: str, ports: Mapping[str, int]) -> dict[str, int]:
    return {
        name: choose_port(name, port, f"Stop what is using it, or set {setting}_{name.upper()}.")
        for name, port in ports.items()
    }


def _plain_http() -> httpx2.AsyncClient:
    """Reading the machine's certificates takes 23 ms; the probes of five services would keep a core busy with it."""
    return httpx2.AsyncClient(verify=False, timeout=30)


def _sum(metrics: str, wanted: str, labels: Mapping[str, str]) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == wanted and all(sample.labels.get(name) == value for name, value in labels.items())
    )
