"""A real SMTP server in the test's own process, which keeps count and can be as unpleasant as any on the internet."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from deploy.local.parts import HOST, choose_port

OK = "250 2.0.0 Taken"


class Manner(StrEnum):
    """How a mail is treated. Those that end with "once" are treated so at the first try only."""

    KIND = "kind"
    SLOW = "slow"
    BUSY_AT_RCPT = "busy-at-rcpt-once"
    BUSY_AFTER_DATA = "busy-after-data-once"
    HANGS_UP_AT_RCPT = "hangs-up-at-rcpt-once"
    BEFORE_THE_DOT = "hangs-up-before-the-dot-once"
    AFTER_THE_DOT = "hangs-up-after-the-dot-once"
    NOBODY = "nobody"
    REFUSED = "refused"


def address(manner: Manner, number: int) -> str:
    """An address that is treated in this manner."""
    return f"{manner}.{number}@hostile.example"


class Server:
    """`taken` counts, by address, the mails whose last byte arrived and which were not refused; `answered` those of
    them that the sender was told of.
    """

    def __init__(self) -> None:
        self.port = choose_port("SMTP", 0, "")
        self.taken: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.on_the_wire = asyncio.Event()
        """Set while a mail has arrived whole and its sender waits for the answer."""
        self.hurries = asyncio.Event()
        """Until it is set, whoever is treated as `SLOW` waits: so a test decides how long the server is slow."""

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        listening = await asyncio.get_running_loop().create_server(lambda: _Protocol(self), HOST, self.port)
        try:
            yield
        finally:
            listening.close()

    def manner(self, recipient: str, *manners: Manner) -> bool:
        """Whether this mail is treated in one of these manners now."""
        manner = Manner(recipient.partition(".")[0])
        return manner in manners and not (manner.endswith("once") and self.tried[recipient] > 1)

    async def handle_RCPT(self, server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.tried[address] += 1
        if self.manner(address, Manner.SLOW):
            await self.hurries.wait()
        if self.manner(address, Manner.BUSY_AT_RCPT):
            return "451 4.7.1 Come again"
        if self.manner(address, Manner.NOBODY):
            return "550 5.1.1 Nobody by that name"
        if self.manner(address, Manner.HANGS_UP_AT_RCPT):
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - as above
        (recipient,) = envelope.rcpt_tos
        if self.manner(recipient, Manner.BUSY_AFTER_DATA):
            return "451 4.3.0 Not now"
        if self.manner(recipient, Manner.REFUSED):
            return "554 5.6.0 We do not like it"
        self.taken[recipient] += 1
        if self.manner(recipient, Manner.AFTER_THE_DOT):
            server.transport.abort()
            return OK
        self.on_the_wire.set()
        await asyncio.sleep(0.005)
        self.on_the_wire.clear()
        self.answered[recipient] += 1
        return OK


class _Protocol(SMTP):
    def __init__(self, told: Server) -> None:
        super().__init__(told, hostname="mx.hostile.example")
        self._told = told

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        recipients = self.envelope.rcpt_tos if self.envelope else []
        if recipients and self._told.manner(recipients[0], Manner.BEFORE_THE_DOT):
            await self.push("354 Go on")
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


def counted(states: Mapping[str, str]) -> dict[str, int]:
    """How many are in each state."""
    return dict(sorted(Counter(states.values()).items()))
