"""Servers and settings for tests that need real ones. A test that asks for `servers` is a live test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.parts import PartUnavailable
from deploy.local.stack import Endpoints
from deploy.provision import provision
from shared.mongo import Database, Mongo
from shared.settings import Settings
from tests.servers import new_namespace, remove, servers_in, settings_for


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker("live")


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
