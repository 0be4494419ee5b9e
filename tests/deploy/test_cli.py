"""`jobwire`, as somebody types it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local.stack import Endpoints
from shared.settings import Settings
from shared.topics import SERVICES, TOPICS, dead_letters_of
from tests.patience import patience, until
from tests.servers import environ_of

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
FREE_PORTS = {
    f"JOBWIRE_PORT_{part}": "0" for part in ("KAFKA", "MONGODB", "SMTP", "MAIL_API", "PLATFORM", "GATEWAY", "LEADS")
} | {f"JOBWIRE_OPS_PORT_{name.upper()}": "0" for name in SERVICES}
NAMED_SERVERS = ("KAFKA_BOOTSTRAP_SERVERS", "MONGODB_URI", "SMTP_URL", "MAIL_API_URL", "JOBWIRE_PLATFORM_URL")


@asynccontextmanager
async def jobwire(
    *arguments: str, folder: Path, environ: Mapping[str, str] = {}
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command in a folder of its own; it is gone with the block, whatever happens."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JOBWIRE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.cli",
        *arguments,
        cwd=folder,
        env={**ours, **FREE_PORTS, **environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def output(*arguments: str, folder: Path, environ: Mapping[str, str] = {}) -> tuple[int | None, str, str]:
    async with jobwire(*arguments, folder=folder, environ=environ) as process:
        out, error = await asyncio.wait_for(process.communicate(), patience(240))
        return process.returncode, out.decode(), error.decode()


async def test_topics_prints_every_topic_of_the_table(tmp_path: Path) -> None:
    status, table, _ = await output("topics", folder=tmp_path)
    assert status == 0
    for name in [topic.name for topic in TOPICS] + [dead_letters_of(service) for service in SERVICES]:
        assert f" {name} " in table


async def test_up_once_prints_one_json_object_and_nothing_else(
    topics: Settings, servers: Endpoints, tmp_path: Path
) -> None:
    if servers.mail_api_url is None:
        pytest.skip("SMTP_URL is set and MAIL_API_URL is not: nobody can read the mails.")
    environ = environ_of(topics) | servers.environ()
    status, out, error = await output("up", "--once", "--json", folder=tmp_path, environ=environ)
    report = json.loads(out)
    assert (status, report["ok"], report["failure"], error) == (0, True, None, "")
    assert [step["number"] for step in report["steps"]] == list(range(1, len(report["steps"]) + 1))


async def test_a_servers_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    await _says_that_a_port_is_taken("KAFKA", tmp_path, dict.fromkeys(NAMED_SERVERS, ""))


async def test_a_services_port_that_is_taken_is_said_in_a_sentence(
    topics: Settings, servers: Endpoints, tmp_path: Path
) -> None:
    await _says_that_a_port_is_taken("GATEWAY", tmp_path, environ_of(topics) | servers.environ())


async def _says_that_a_port_is_taken(part: str, folder: Path, environ: Mapping[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        status, out, error = await output("up", folder=folder, environ={**environ, f"JOBWIRE_PORT_{part}": str(port)})
    assert status == 1, out
    assert f"Port {port} is taken by another program." in error
    assert "Traceback" not in error


@pytest.mark.live
@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGINT])
async def test_up_leaves_no_process_behind(ends: signal.Signals, tmp_path: Path) -> None:
    async with jobwire("up", folder=tmp_path, environ=dict.fromkeys(NAMED_SERVERS, "")) as up:
        assert up.stdout
        async with asyncio.timeout(patience(120)):
            while b"Jobwire is running" not in (line := await up.stdout.readline()):
                assert line, (await up.communicate())[1].decode()
        children = psutil.Process(up.pid).children(recursive=True)
        assert len(children) == 4 + len(SERVICES)
        up.send_signal(ends)
        status = await asyncio.wait_for(up.wait(), patience(60))
        assert status == (0 if ends is signal.SIGINT else -signal.SIGKILL)
        if ends is signal.SIGKILL:  # they end by themselves, each in its own time
            await until(lambda: _all_gone(children), 60, "the children have ended too")
        assert not [child for child in children if _lives(child)]


async def _all_gone(children: Sequence[psutil.Process]) -> bool:
    return not any(map(_lives, children))


def _lives(process: psutil.Process) -> bool:
    """A process that nobody has collected yet, as in a container without an init, is dead all the same."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
