"""Files that wait for a virus scanner: until it has said that they are clean, nobody can have them.

Off unless `JOBWIRE_SCANNER_URL` names one: `clamd://host:3310` is ClamAV's daemon.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

from shared.clock import Clock
from shared.failures import Transient
from shared.files import Files
from shared.security_events import SecurityEvent, SecurityLog

AT_ONCE = 20
LEASE = timedelta(minutes=5)
SCAN_SECONDS = 120.0


class Scan(StrEnum):
    """What a file's metadata say of it; a file that nobody scans has no such word."""

    PENDING = "pending"
    CLEAN = "clean"
    INFECTED = "infected"


class Scanner(Protocol):
    async def scan(self, content: AsyncIterator[bytes]) -> str:
        """The name of what was found; empty for a clean file. Raises `Transient` when nobody can tell."""


class Clamd:
    """ClamAV's daemon, by its command INSTREAM: pieces with their length in front, and one line as the answer."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def scan(self, content: AsyncIterator[bytes]) -> str:
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                return await self._scanned(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Transient(f"The scanner is away: {type(error).__name__}") from error

    async def _scanned(self, content: AsyncIterator[bytes]) -> str:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"zINSTREAM\0")
            async for piece in content:
                writer.write(len(piece).to_bytes(4, "big") + piece)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            answer = (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        said = answer.removeprefix("stream: ")
        if said == "OK":
            return ""
        if said.endswith(" FOUND"):
            return said.removesuffix(" FOUND")[:100]
        raise Transient(f"The scanner answers {answer[:100]!r}.")


def scanner_of(url: str) -> Scanner | None:
    """Raises ValueError for an address that names no scanner we know."""
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "clamd" or not parts.hostname:
        raise ValueError("JOBWIRE_SCANNER_URL is empty or clamd://host:port.")
    return Clamd(parts.hostname, parts.port or 3310)


class Scanning:
    def __init__(self, files: Files, scanner: Scanner, clock: Clock, security: SecurityLog) -> None:
        self._files = files
        self._scanner = scanner
        self._clock = clock
        self._security = security

    async def tick(self) -> None:
        """Scan what waits. Raises `Transient` while the scanner is away: then it waits on."""
        for file_id in await self._files.marked("scan", Scan.PENDING, AT_ONCE):
            if await self._files.lease(file_id, self._clock.now(), LEASE):
                await self._scan(file_id)

    async def _scan(self, file_id: UUID) -> None:
        found = await self._scanner.scan(self._files.read(file_id))
        if found:
            # Nobody has had it, and nobody needs it any more; that it was there stays to be seen.
            await self._files.empty(file_id, {"scan": Scan.INFECTED.value, "found": found})
            self._security.event(SecurityEvent.FILE_INFECTED, file_id=str(file_id), found=found)
        else:
            await self._files.mark(file_id, {"scan": Scan.CLEAN.value})
