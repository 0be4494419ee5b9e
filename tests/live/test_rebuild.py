"""The read models come from the topics alone: dropped and built anew, they are what they were, field by field."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.cli.up import short_window, window_seconds
from deploy.groups import Groups
from deploy.local.fleet import FREE_OPS_PORTS, FREE_PORTS, Fleet
from deploy.local.stack import Endpoints
from deploy.provision import provision
from deploy.rebuild import GatewayRuns, rebuild
from deploy.seed import seed
from services.gateway.read.models import READ_MODELS
from shared.mongo import Database, Mongo
from shared.settings import Settings
from shared.topics import TOPICS
from tests.live.busy import BusyDays
from tests.live.log import until
from tests.servers import environ_of, new_namespace, remove, settings_for

OPERATOR = "the-token-of-an-operator"
ONE_WAVE = {"JOBWIRE_WAVES": "1", "JOBWIRE_OPS_TOKENS": f"otto:{OPERATOR}"}
"""Else whoever does not answer is followed by somebody else who does not, and the days never end."""
READ = [name for model in READ_MODELS for name in model.collections]
KEPT = {
    "partners",  # the aggregates behind the gateway's own doors
    "reports",
    "suspensions",
    "merchant_view",  # else no merchant could sign in meanwhile
    "sessions",
    "sign_in_links",
    "store_proofs",
    "used_links",
    "slug_claims",
    "read_marks",
    "attachments.files",
    "attachments.chunks",
}
"""What no topic carries, or is the source itself. A new collection belongs here or in `READ_MODELS`."""

OF_THE_MOMENT = {"catching_up", "parked", "proofs", "windows", "founders"}
"""What changes while nobody does anything."""

Documents = dict[str, dict[Any, dict[str, Any]]]


@dataclass
class Desk:
    """A Jobwire of this module's own, because its gateway is stopped."""

    fleet: Fleet
    settings: Settings
    environ: Mapping[str, str]
    database: Database
    groups: Groups
    window_seconds: int

    async def caught_up(self) -> bool:
        """Whether the gateway has committed everything that its read models come from."""
        return not any([await self.groups.lag(model.group, [model.topic.name]) for model in READ_MODELS])

    async def all_caught_up(self) -> bool:
        """Whether nobody has anything left to do about anything, as far as the topics say."""
        hearing = [(group, topic.name) for topic in TOPICS for group in topic.heard_by if not group.endswith("*")]
        return not any([await self.groups.lag(group, [topic]) for group, topic in hearing])

    async def at_rest(self) -> bool:
        """Whether no clock will change a job any more, and all of it has been read everywhere, twice in a row."""
        moving = {"$or": [{"status": {"$in": ["new", "opened"]}}, {"job.pending": {"$ne": None}}]}
        return (
            await self.database["job_view"].find_one(moving) is None
            and await self.all_caught_up()
            and await self.all_caught_up()
        )

    async def dumped(self, names: Iterable[str]) -> Documents:
        return {name: {one["_id"]: _comparable(one) async for one in self.database[name].find()} for name in names}

    async def rebuilt(self, *arguments: str) -> tuple[int, str]:
        """`jobwire rebuild`: its status and what it says."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.cli", "rebuild", *arguments),
            env={**os.environ, **self.environ},
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()


@pytest_asyncio.fixture(scope="module")
async def desk(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    settings = settings_for(servers, new_namespace())
    window = window_seconds()
    environ = environ_of(settings, **short_window(window), **ONE_WAVE)
    await provision(settings)
    fleet = Fleet(environ, tmp_path_factory.mktemp("fleet"), ports=FREE_PORTS, ops_ports=FREE_OPS_PORTS)
    mongo = Mongo.connect(servers.mongodb_uri)
    try:
        async with Groups(settings) as groups:
            await fleet.start()
            desk = Desk(fleet, settings, environ, mongo.database(settings.database("gateway")), groups, window)
            await seed(settings)
            await until(desk.all_caught_up, 60, "the market is known everywhere")
            yield desk
    finally:
        await fleet.stop()
        await mongo.close()
        await remove(settings)


async def test_the_read_models_built_anew_equal_those_before_and_the_rest_is_untouched(
    desk: Desk, servers: Endpoints
) -> None:
    if servers.mail_api_url is None:
        pytest.skip("SMTP_URL is set and MAIL_API_URL is not: nobody can read the mails.")
    urls, fleet = desk.fleet.urls, desk.fleet
    days = BusyDays(
        urls.gateway,
        urls.leads,
        servers.mail_api_url,
        desk.window_seconds,
        platform=servers.platform_url,
        typing_seconds=0.0,
    )
    await days.run()
    await days.operators(OPERATOR)
    await until(desk.at_rest, 90, "everything has come to rest")
    before, kept, seen = await desk.dumped(READ), await desk.dumped(KEPT), await _seen(days)
    assert set(await desk.database.list_collection_names()) <= {*READ, *KEPT, *OF_THE_MOMENT}
    assert not [
        name
        for name in (*READ, "sessions", "read_marks", "used_links", "attachments.files")
        if not {**before, **kept}[name]
    ]
    assert {job["status"] for job in before["job_view"].values()} >= {"completed", "declined", "expired"}

    with pytest.raises(GatewayRuns, match=r"gateway\.jobs"):
        await rebuild(desk.settings)
    status, said = await desk.rebuilt("--yes")
    assert status == 1
    assert "A gateway is running" in said
    assert await desk.dumped(READ) == before

    await fleet.stop_one("gateway")
    status, said = await desk.rebuilt()
    assert status == 2
    assert "--yes" in said
    assert await desk.dumped(READ) == before
    status, said = await desk.rebuilt("--yes")
    assert status == 0, said
    assert await desk.dumped(READ) == {name: {} for name in READ}
    await fleet.start_one("gateway", {})
    await until(desk.caught_up, 60, "the gateway has read everything again")

    assert differences(before, await desk.dumped(READ)) == []
    assert differences(kept, await desk.dumped(KEPT)) == []
    assert await _seen(days) == seen


def differences(before: Documents, after: Documents) -> list[str]:
    """In words, each field that is not what it was."""
    return [
        f"{name} {document_id}: {field} was {old.get(field)!r} and is {new.get(field)!r}"
        for name in before
        for document_id in before[name].keys() | after[name].keys()
        for old, new in [(before[name].get(document_id, {}), after[name].get(document_id, {}))]
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    ]


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    """The order of tokens is that of arrival, and means nothing; that each stands there once does. When a session was
    used last depends on who looks.
    """
    document.pop("last_used_at", None)
    if "tokens" in document:
        assert len(set(document["tokens"])) == len(document["tokens"])
        return {**document, "tokens": set(document["tokens"])}
    return document


async def _seen(days: BusyDays) -> list[Any]:
    """What somebody who was signed in before sees."""
    person = days.signed_in
    pages = [f"/api/v1/jobs/{days.job_id}", "/api/v1/jobs", "/api/v1/jobs/counts", "/api/v1/team", "/api/v1/standing"]
    return [*[await person.get(page) for page in pages], await person.get("/api/v1/jobs", q="margin "), days.job_id]
