"""One service as a process of its own, for tests that stop, restart and starve it."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from deploy.local.parts import HOST, choose_port
from deploy.local.processes import ManagedProcess
from tests.patience import patience

_ROOT = Path(__file__).parents[2]


def plain_http() -> httpx2.AsyncClient:
    """A client for our own ports: reading the machine's certificates would take longer than most calls."""
    return httpx2.AsyncClient(verify=False, timeout=patience(10))


class ServiceProcess:
    """Started without waiting for anything; `grace` is what an orchestrator would give it to end. `module` is run
    instead of the service's own `main`."""

    def __init__(
        self, service: str, environ: Mapping[str, str], folder: Path, *, name: str = "", module: str = ""
    ) -> None:
        self.port, self.ops_port = choose_port(service, 0, ""), choose_port(service, 0, "")
        self.process = ManagedProcess(
            name or service,
            [sys.executable, "-m", module or f"services.{service}.main"],
            log_file=folder / f"{name or service}.log",
            cwd=_ROOT,
            env={**environ, "JOBWIRE_PORT": str(self.port), "JOBWIRE_OPS_PORT": str(self.ops_port)},
        )

    async def start(self) -> None:
        await self.process.start()

    async def start_and_be_ready(self) -> None:
        await self.start()
        await self.process.wait_ready(self.ready, within=patience(90))

    async def stop(self, grace: float = patience(30)) -> int | None:
        """SIGTERM; the status it ended with, negative when it had to be killed."""
        await self.process.stop(grace)
        return self.process.returncode

    async def health(self, which: str) -> tuple[int, dict[str, Any]] | None:
        """Status and body of /health/live or /health/ready; None while nobody listens."""
        try:
            async with plain_http() as client:
                response = await client.get(f"http://{HOST}:{self.ops_port}/health/{which}")
        except httpx2.HTTPError:
            return None
        return response.status_code, response.json()

    async def ready(self) -> bool:
        answer = await self.health("ready")
        return answer is not None and answer[0] == 200
