"""One fleet for all live tests that do not break it: the five services as processes, with the invented market."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from deploy.cli.up import short_window, window_seconds
from deploy.local.fleet import FREE_OPS_PORTS, FREE_PORTS, Fleet
from deploy.local.stack import Endpoints
from deploy.provision import provision
from deploy.seed import seed
from shared.mongo import Database, Mongo
from shared.settings import Settings
from shared.topics import PARTNER_COMMANDS, PARTNERS
from tests.live.log import Log, log_of, until
from tests.live.process import plain_http
from tests.servers import environ_of, new_namespace, remove, settings_for


@dataclass
class Jobwire:
    """A running Jobwire: its processes, its topics and its databases."""

    fleet: Fleet
    log: Log
    mongo: Mongo
    settings: Settings
    window_seconds: int

    def database(self, service: str) -> Database:
        return self.mongo.database(self.settings.database(service))

    async def live(self) -> dict[str, Any]:
        """What each service says of itself at /health/live, by service."""
        async with plain_http() as client:
            return {
                name: (await client.get(f"{self.fleet.ops_url(name)}/health/live")).json()
                for name in self.fleet.ops_ports
            }

    async def metric(self, service: str, name: str, **labels: str) -> float:
        async with plain_http() as client:
            text = (await client.get(f"{self.fleet.ops_url(service)}/metrics")).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest_asyncio.fixture(scope="session")
async def jobwire(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Jobwire]:
    """Ready, with the whole market known everywhere; the reply window is that of `jobwire up --once`."""
    settings = settings_for(servers, new_namespace())
    logs: Path = tmp_path_factory.mktemp("fleet")
    await provision(settings)
    window = window_seconds()
    fleet = Fleet(environ_of(settings, **short_window(window)), logs, ports=FREE_PORTS, ops_ports=FREE_OPS_PORTS)
    mongo = Mongo.connect(servers.mongodb_uri)
    async with log_of(settings) as log:
        try:
            await fleet.start()
            running = Jobwire(fleet, log, mongo, settings, window)
            partners = await seed(settings)
            await until(lambda: _known(running, partners), 60, "the market is known everywhere")
            yield running
        finally:
            processes = list(fleet.processes.values())
            await fleet.stop()
            await mongo.close()
            await remove(settings)
    ends = {process.name: process.returncode for process in processes}
    assert set(ends.values()) == {0}, f"Asked to stop, they ended with {ends}."


async def _known(jobwire: Jobwire, partners: int) -> bool:
    known = await jobwire.metric("matching", "jobwire_market_partners") == partners
    groups = [group for group in PARTNERS.heard_by if not group.endswith("*")]
    return (
        known
        and await jobwire.log.done("gateway", PARTNER_COMMANDS.name)
        and all([await jobwire.log.done(group, PARTNERS.name) for group in groups])
    )
