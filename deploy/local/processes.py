"""Child processes that never outlive the program that started them."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

Probe = Callable[[], Awaitable[bool]]

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 15
_TAIL_BYTES = 65_536
_LOG_BYTES = 5_000_000


class ProcessFailed(RuntimeError):  # noqa: N818  # says what happened
    """A child died, or was not ready in time; the message ends with the last lines of its log."""


class ManagedProcess:
    """One child process: started, watched until ready, stopped or killed, started again.

    The child has a process group of its own, so Ctrl-C in a terminal reaches only the program that
    started it, which can then stop its children in order. On Linux it is also sent SIGTERM when the
    *thread* that started it ends (that is how the kernel counts), so start it from a thread that
    lives as long as the program, normally the main one.
    """

    def __init__(  # noqa: PLR0913  # all by name, and all that a process is
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_file: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """`env` replaces the whole environment; None inherits it. Output is appended to `log_file`."""
        self.name = name
        self.log_file = log_file
        self._argv = list(argv)
        self._env = None if env is None else dict(env)
        self._cwd = cwd
        self._pass_fds = tuple(pass_fds)
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the running child, or None."""
        return self._child.pid if self._child and self.running else None

    @property
    def running(self) -> bool:
        """Whether the child has been started and has not ended."""
        return self._child is not None and self._child.returncode is None

    @property
    def returncode(self) -> int | None:
        """How the last child ended (negative: the signal's number), or None if it has not."""
        return self._child.returncode if self._child else None

    async def start(self) -> None:
        """Starts the child; does nothing if it runs. Returning does not mean that it is ready."""
        if self.running:
            return
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log_file)
        with self.log_file.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                pass_fds=self._pass_fds,
                preexec_fn=_before_exec(),
            )

    async def wait_ready(self, probe: Probe, within: float, every: float = 0.02) -> None:
        """Calls `probe` until it says True.

        Raises ProcessFailed as soon as the child has died, or after `within` seconds.
        """
        try:
            async with asyncio.timeout(within):
                while not await probe():
                    await self._pause_or_die(every)
        except TimeoutError:
            raise ProcessFailed(f"{self.name} was not ready after {within:g} s.\n{self.tail()}") from None

    async def stop(self, grace: float = 10.0) -> None:
        """Asks the child to end (SIGTERM) and kills it, with its children, after `grace` seconds."""
        if self._child is None or not self.running:
            return
        self._child.terminate()
        try:
            async with asyncio.timeout(grace):
                await self._child.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL to the child and its process group at once; returns when it is gone."""
        if self._child is None or not self.running:
            return
        with contextlib.suppress(ProcessLookupError):  # It ended by itself in between.
            os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.wait()

    async def restart(self, grace: float = 10.0) -> None:
        """Stops the child if it runs and starts it with the same arguments."""
        await self.stop(grace)
        await self.start()

    async def wait(self) -> int:
        """Waits until the child ends and gives its return code; raises RuntimeError if never started."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started.")
        return await self._child.wait()

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines of the child's log, for an error message."""
        if not self.log_file.exists():
            return f"(no log in {self.log_file})"
        start = max(0, self.log_file.stat().st_size - _TAIL_BYTES)
        with self.log_file.open("rb") as log:
            log.seek(start)
            found = log.read().decode(errors="replace").splitlines()
        whole = found[1:] if start else found
        return "\n".join([f"Last lines of {self.log_file}:", *whole[-lines:]])

    async def _pause_or_die(self, seconds: float) -> None:
        """Waits a little for the next probe, but not one moment longer than the child lives."""
        if self._child is None:
            raise ProcessFailed(f"{self.name} was never started.")
        try:
            code = await asyncio.wait_for(asyncio.shield(self._child.wait()), seconds)
        except TimeoutError:
            return
        raise ProcessFailed(f"{self.name} {_how_it_ended(code)}.\n{self.tail()}")


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _rotate(log_file: Path) -> None:
    """Keeps one older log, so that a folder used for months does not fill the disk."""
    if log_file.exists() and log_file.stat().st_size > _LOG_BYTES:
        log_file.replace(log_file.with_suffix(log_file.suffix + ".1"))


def _before_exec() -> Callable[[], None]:
    """What the child does between fork and exec: leaves our process group, and binds its life to ours."""
    # Looked up before the fork: after it, nothing may take a lock of the dynamic loader.
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        os.setpgid(0, 0)  # Not Popen's `process_group`, which uvloop does not know.
        if prctl is None:
            return
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        # The parent may have died before the line above: then no signal will ever come.
        if os.getppid() != parent:
            os._exit(1)

    return prepare
