"""The whole local stack: what is started, what the environment names, one program per folder."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local.datalock import DataLock
from deploy.local.parts import PartUnavailable, choose_port, listens
from deploy.local.stack import ANY_PORTS, Endpoints, LocalStack, Ports
from tests.patience import patience

ELSEWHERE = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092",
    "MONGODB_URI": "mongodb://mongo.example/",
    "SMTP_URL": "smtp://mail.example",
    "JOBWIRE_PLATFORM_URL": "https://platform.example",
}
PROGRAM = """
import asyncio, sys
from pathlib import Path
from deploy.local.stack import ANY_PORTS, LocalStack

async def main():
    async with LocalStack(Path(sys.argv[1]), ports=ANY_PORTS, environ={}) as endpoints:
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def lives(process: psutil.Process) -> bool:
    """A process that nobody has collected yet, as in a container without an init, is dead all the same."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.live
async def test_everything_starts_and_ends_with_the_block(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    stack = LocalStack(
        tmp_path, ports=ANY_PORTS, environ={}, progress=lambda part, sentence: said.append((part, sentence))
    )
    async with stack as endpoints:
        assert stack.kafka
        assert stack.mongo
        assert stack.mail
        assert stack.platform
        ports = [stack.kafka.port, stack.mongo.port, stack.mail.smtp_port, stack.mail.http_port, stack.platform.port]
        assert all([await listens(port) for port in ports])
        assert endpoints.environ() == {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports[0]}",
            "MONGODB_URI": f"mongodb://127.0.0.1:{ports[1]}/?replicaSet=rs0",
            "SMTP_URL": f"smtp://127.0.0.1:{ports[2]}",
            "MAIL_API_URL": f"http://127.0.0.1:{ports[3]}",
            "JOBWIRE_PLATFORM_URL": f"http://127.0.0.1:{ports[4]}",
            "JOBWIRE_STORE_CHECK_PRIVATE": "true",
        }
    assert not any([await listens(port) for port in ports])
    ready = {part for part, sentence in said if sentence.startswith("ready in")}
    assert ready == {"Kafka", "MongoDB", "Mail catcher", "Platform"}


@pytest.mark.live
async def test_a_killed_program_takes_its_parts_along_and_can_be_started_again_at_once(tmp_path: Path) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout
    assert await program.stdout.readline() == b"up\n"
    parts = psutil.Process(program.pid).children()
    assert len(parts) == 4
    program.kill()
    assert await program.wait() == -signal.SIGKILL

    # The old Kafka and MongoDB are still ending: the new stack waits for them.
    async with LocalStack(tmp_path, ports=ANY_PORTS, environ={}):
        assert not any(lives(part) for part in parts)


async def test_what_the_environment_names_is_not_started(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, environ=ELSEWHERE)
    async with stack as endpoints:
        assert (stack.kafka, stack.mongo, stack.mail, stack.platform) == (None, None, None, None)
        assert endpoints == Endpoints(
            "kafka.example:9092", "mongodb://mongo.example/", "smtp://mail.example", None, "https://platform.example"
        )
        assert endpoints.environ() == ELSEWHERE


async def test_a_folder_belongs_to_one_stack_at_a_time(tmp_path: Path) -> None:
    async with LocalStack(tmp_path, environ=ELSEWHERE):
        with pytest.raises(PartUnavailable, match=r"used by another Jobwire \(process \d+\)\. Stop it"):
            await LocalStack(tmp_path, environ=ELSEWHERE).__aenter__()
    async with LocalStack(tmp_path, environ=ELSEWHERE):
        pass


@pytest.mark.processes
async def test_the_lock_is_waited_for_while_a_dead_owners_children_end(tmp_path: Path) -> None:
    script = "import sys, time; sys.stdin.read()"
    lock = DataLock(tmp_path)
    await lock.acquire()
    heir = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=asyncio.subprocess.PIPE, pass_fds=[lock.fd]
    )
    dead = await asyncio.create_subprocess_exec("true")
    await dead.wait()
    (tmp_path / "lock").write_text(str(dead.pid))
    lock.release()

    waiting = asyncio.create_task(DataLock(tmp_path).acquire())
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    assert heir.stdin
    heir.stdin.close()
    await asyncio.wait_for(waiting, patience(5))
    await heir.wait()


@pytest.mark.parametrize(
    ("ports", "named"),
    [
        ("kafka", "KAFKA_BOOTSTRAP_SERVERS"),
        ("mongodb", "MONGODB_URI"),
        ("smtp", "SMTP_URL"),
        ("mail_api", "SMTP_URL"),
        ("platform", "JOBWIRE_PLATFORM_URL"),
    ],
)
async def test_a_taken_port_is_named_with_the_variable_that_helps(tmp_path: Path, ports: str, named: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        chosen = Ports(**{**vars(ANY_PORTS), ports: taken})
        others = {name: value for name, value in ELSEWHERE.items() if name != named}
        with pytest.raises(PartUnavailable, match=rf"Port {taken} is taken by another program\..*{named}"):
            await LocalStack(tmp_path, ports=chosen, environ=others).__aenter__()
    # Nothing is left behind, not even the lock.
    async with LocalStack(tmp_path, environ=ELSEWHERE):
        pass


def test_a_free_port_lies_where_no_outgoing_connection_gets_its_own() -> None:
    assert choose_port("Kafka", 0, "") < 32_768
