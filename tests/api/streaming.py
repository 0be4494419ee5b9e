"""Listening to server-sent events: the answer has no end, so it is read while it is given."""

import asyncio
import json
from typing import Any

from tests.flow.people import Person

TURNS = 50
"""How often the loop is let go on until whoever has something to say has said it. Nothing here waits for a clock."""


class Stream:
    """One open connection."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.text = ""
        self.status = 0
        self.ended = False
        """Whether the other side has."""

    async def open(self) -> None:
        headers = [
            (b"host", b"gateway"),
            (b"authorization", self._person.client.headers["authorization"].encode()),
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/v1/events",
            "raw_path": b"/api/v1/events",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("gateway", 80),
        }
        self._running = asyncio.create_task(
            self._person.world.apps["gateway"](scope, asyncio.Event().wait, self._received)
        )
        await self._turns()
        assert self.status == 200

    async def news(self) -> list[dict[str, Any]]:
        """What came of jobs since; the connection is closed then."""
        await self._turns()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        events = [event.splitlines() for event in self.text.split("\n\n") if event]
        blocks = [dict(line.split(": ", 1) for line in event) for event in events]
        assert [block["event"] for block in blocks[:1]] == ["hello"]
        return [json.loads(block["data"]) for block in blocks if block.get("event") == "job"]

    async def _received(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()
        self.ended = self.ended or message.get("more_body") is False

    async def _turns(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)


async def heard_by(person: Person) -> Stream:
    stream = Stream(person)
    await stream.open()
    return stream
