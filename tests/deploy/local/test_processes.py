"""Children are watched, stopped, and never outlive the program that started them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from deploy.local.processes import ManagedProcess, ProcessFailed
from tests.patience import patience

pytestmark = pytest.mark.processes

SLEEPER = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
PARENT = """
import asyncio, sys, uvloop
from pathlib import Path
from deploy.local.processes import ManagedProcess

async def main():
    child = ManagedProcess("child", [sys.executable, "-c", "import time; time.sleep(600)"], log_file=Path(sys.argv[1]))
    await child.start()
    print(child.pid, flush=True)
    await child.wait()

{"asyncio": asyncio.run, "uvloop": uvloop.run}[sys.argv[2]](main())
"""


def process(argv: list[str], folder: Path) -> ManagedProcess:
    return ManagedProcess("sleeper", argv, log_file=folder / "log")


async def has_said_up(child: ManagedProcess) -> bool:
    return "up" in child.tail().splitlines()


async def gone(pid: int) -> None:
    """Returns when the process, anybody's child, has ended."""
    ended = asyncio.Event()
    fd = os.pidfd_open(pid)
    asyncio.get_running_loop().add_reader(fd, ended.set)
    try:
        async with asyncio.timeout(patience(10)):
            await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path, loop: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "log"), loop, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    child = int(await parent.stdout.readline())
    watching = asyncio.create_task(gone(child))
    parent.kill()
    await watching
    assert await parent.wait() == -signal.SIGKILL


async def test_ctrl_c_in_the_terminal_reaches_only_the_parent(tmp_path: Path) -> None:
    child = process(SLEEPER, tmp_path)
    await child.start()
    assert child.pid
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    await child.kill()


async def test_a_child_that_ends_at_sigterm_is_stopped_politely(tmp_path: Path) -> None:
    child = process(SLEEPER, tmp_path)
    await child.start()
    await child.stop()
    assert (child.running, child.returncode, child.pid) == (False, -signal.SIGTERM, None)


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = process(STUBBORN, tmp_path)
    await child.start()
    await child.wait_ready(lambda: has_said_up(child), within=patience(10))
    await child.stop(grace=0.05)
    assert child.returncode == -signal.SIGKILL


async def test_a_restarted_child_is_another_process(tmp_path: Path) -> None:
    child = process(SLEEPER, tmp_path)
    await child.start()
    first = child.pid
    await child.restart()
    assert child.running
    assert child.pid != first
    await child.kill()


async def test_waiting_for_a_child_that_dies_says_why(tmp_path: Path) -> None:
    child = process([sys.executable, "-c", "raise SystemExit('no such database')"], tmp_path)
    await child.start()
    with pytest.raises(ProcessFailed, match=r"ended with exit code 1(.|\n)*no such database"):
        await child.wait_ready(lambda: asyncio.sleep(0, result=False), within=patience(10))


async def test_waiting_for_a_child_that_is_never_ready_has_an_end(tmp_path: Path) -> None:
    child = process(SLEEPER, tmp_path)
    await child.start()
    with pytest.raises(ProcessFailed, match=r"sleeper was not ready after 0\.1 s"):
        await child.wait_ready(lambda: asyncio.sleep(0, result=False), within=0.1)
    await child.kill()
