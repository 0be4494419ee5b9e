"""Files and the virus scanner: nobody gets what it has not found clean."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.gateway.attachments import Attachments, Quotas
from services.gateway.scanning import LEASE, Clamd, Scanning, scanner_of
from shared.contracts.base import ActorKind
from shared.failures import Transient
from shared.http import Problem
from shared.metrics import Metrics
from shared.security_events import SecurityLog
from tests.builders import JOB_ID
from tests.gateway.files_of_each_kind import PNG
from tests.gateway.test_attachments import OURS, Desk

EICAR = PNG + b"X5O-a-string-that-scanners-know"


@asynccontextmanager
async def clamd(answer: Callable[[bytes], bytes]) -> AsyncIterator[Clamd]:
    """A daemon that reads a whole stream and answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            content += await reader.readexactly(length)
        writer.write(answer(content))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Clamd("127.0.0.1", server.sockets[0].getsockname()[1])


def found_by_string(content: bytes) -> bytes:
    return b"stream: Eicar-Test FOUND\0" if b"scanners-know" in content else b"stream: OK\0"


class Guarded(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.attachments = Attachments(self.files, self.database, self.clock, Quotas(100, 100, 100), scans=True)
        self.metrics = Metrics("gateway")

    async def scanned_by(self, scanner: Clamd) -> None:
        await Scanning(self.files, scanner, self.clock, SecurityLog(self.metrics)).tick()

    async def code(self, attachment_id: Any) -> str:
        try:
            await self.attachments.open(JOB_ID, attachment_id, ActorKind.PARTNER)
        except Problem as problem:
            return problem.code
        return "open"


@pytest.fixture
def desk() -> Guarded:
    return Guarded()


async def test_a_file_waits_until_it_is_found_clean(desk: Guarded) -> None:
    taken = await desk.take()
    assert await desk.code(taken.attachment_id) == "being_scanned"
    assert (await desk.chosen(OURS, taken.attachment_id))[0] == taken, "It can be sent meanwhile."
    async with clamd(found_by_string) as scanner:
        await desk.scanned_by(scanner)
    assert await desk.opened(taken.attachment_id, ActorKind.PARTNER) == PNG


async def test_what_is_harmful_is_deleted_and_says_so(desk: Guarded) -> None:
    taken, clean = await desk.take(EICAR), await desk.take()
    async with clamd(found_by_string) as scanner:
        await desk.scanned_by(scanner)
    assert (await desk.code(taken.attachment_id), await desk.code(clean.attachment_id)) == ("infected", "open")
    assert desk.metrics.security_events.labels("file_infected")._value.get() == 1
    assert all(
        b"scanners-know" not in chunk["data"] for chunk in desk.database["attachments.chunks"].documents.values()
    )


@pytest.mark.parametrize("answer", [b"INSTREAM size limit exceeded. ERROR\0", b"what?\0", b"stream: OK", b""], ids=str)
async def test_while_nobody_can_tell_it_waits(desk: Guarded, answer: bytes) -> None:
    taken = await desk.take()
    async with clamd(lambda _content: answer) as scanner:
        with pytest.raises(Transient):
            await desk.scanned_by(scanner)
    assert await desk.code(taken.attachment_id) == "being_scanned"


async def test_a_scanner_that_is_away_is_waited_for(desk: Guarded) -> None:
    taken = await desk.take()
    with pytest.raises(Transient):
        await desk.scanned_by(Clamd("127.0.0.1", 1))
    desk.clock.move(LEASE)
    async with clamd(found_by_string) as scanner:
        await desk.scanned_by(scanner)
    assert await desk.code(taken.attachment_id) == "open"


async def test_two_replicas_scan_a_file_once(desk: Guarded) -> None:
    await desk.take()
    asked = []
    async with clamd(lambda content: asked.append(content) or b"stream: OK\0") as scanner:
        await asyncio.gather(desk.scanned_by(scanner), desk.scanned_by(scanner))
    assert len(asked) == 1


@pytest.mark.parametrize("url", ["http://scanner", "clamd:", "scanner:3310"])
def test_an_address_that_names_no_scanner_ends_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="JOBWIRE_SCANNER_URL"):
        scanner_of(url)


def test_without_an_address_nothing_is_scanned() -> None:
    assert scanner_of("") is None
    assert isinstance(scanner_of("clamd://scanner:3310"), Clamd)
