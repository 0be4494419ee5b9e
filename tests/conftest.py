"""Which tests are which, and servers and settings for those that need real ones.

Nobody has to remember a marker: a test that asks for `servers` is a live test, one that asks for `eyes` a browser test,
and one that starts a process without being marked for it fails with a sentence that says so (`tests/quick.py`).
"""

import gc
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from deploy.local.parts import PartUnavailable
from deploy.local.stack import Endpoints
from deploy.provision import provision
from shared.mongo import Database, Mongo
from shared.settings import Settings
from tests.quick import Quick
from tests.servers import new_namespace, remove, servers_in, settings_for

# How long an example takes says something about the machine, and nothing about the code.
hypothesis_settings.register_profile("jobwire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("jobwire")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="rules and units only: no server, no browser, no process")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Quick(only=config.getoption("--quick")), "jobwire-quick")


def pytest_collection_finish() -> None:
    """What has been imported stays for good; looking through it again took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest_asyncio.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoints]:
    """Kafka, MongoDB and a mail catcher, started once for all tests and only if one needs them."""
    running = servers_in(tmp_path_factory.mktemp("servers"))
    try:
        endpoints = await running.__aenter__()
    except PartUnavailable as missing:
        pytest.skip(str(missing))
    yield endpoints
    await running.__aexit__(None, None, None)


@pytest.fixture
def namespace() -> str:
    """A Jobwire of the test's own: put before each topic, group and database, so that tests share one broker."""
    return new_namespace()


@pytest.fixture
def settings(servers: Endpoints, namespace: str) -> Settings:
    return settings_for(servers, namespace)


@pytest_asyncio.fixture
async def topics(settings: Settings) -> AsyncIterator[Settings]:
    """The settings, with all topics of the table in place; topics and databases are gone afterwards."""
    await provision(settings)
    yield settings
    await remove(settings)


@pytest_asyncio.fixture(params=["pymongo", "motor"])
async def mongo_database(request: pytest.FixtureRequest, servers: Endpoints, namespace: str) -> AsyncIterator[Database]:
    """An empty database, gone afterwards; each test runs once per driver.

    One driver alone: `@pytest.mark.parametrize("mongo_database", ["pymongo"], indirect=True)`.
    """
    if request.param == "motor":
        pytest.importorskip("motor", reason="Motor is an optional extra: install jobwire[motor].")
    mongo = Mongo.connect(servers.mongodb_uri, driver=request.param)
    yield mongo.database(f"{namespace}_test")
    await mongo.client.drop_database(f"{namespace}_test")
    await mongo.close()
