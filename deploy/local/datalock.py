"""One program at a time on a data folder."""

import asyncio
import fcntl
import os
from pathlib import Path

from deploy.local.parts import PartUnavailable

_FINISHING_SECONDS = 15.0


class DataLock:
    """A lock on a folder that the kernel releases when its holder, and its heirs, have died.

    Whoever inherits `fd` holds the lock too, so a killed parent's databases are waited for.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "lock"
        self.fd = -1

    async def acquire(self) -> None:
        """Takes the lock; raises PartUnavailable at once if a living program has it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            async with asyncio.timeout(_FINISHING_SECONDS):
                while not self._taken():
                    self._raise_if_alive()
                    await asyncio.sleep(0.05)
        except BaseException as error:
            os.close(self.fd)
            if isinstance(error, TimeoutError):
                raise self._in_use("the parts of a program that has died") from None
            raise
        os.truncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Gives the lock back; the file stays."""
        os.close(self.fd)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _raise_if_alive(self) -> None:
        """Not held by its owner any more, but by the owner's dying children: worth waiting for."""
        owner = os.pread(self.fd, 20, 0).decode()
        if not owner.isdigit():
            return  # The owner is just about to write its name.
        try:
            os.kill(int(owner), 0)
        except ProcessLookupError:
            return
        except PermissionError:
            pass  # It lives and is somebody else's.
        raise self._in_use(f"another Jobwire (process {owner})")

    def _in_use(self, who: str) -> PartUnavailable:
        why = f"The folder {self._file.parent} is used by {who}."
        return PartUnavailable("Local stack", why, "Stop it, or use another data folder.")
