"""The HTTP side of an event stream. FastAPI's own would encode each event anew for each listener; these bytes are the
same for many.
"""

import asyncio
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.live.hub import Hub
from services.gateway.live.stream import Stream

STALLED_SECONDS = 30.0
"""A client that takes nothing for so long is let go."""
LAST_WORDS_SECONDS = 1.0
"""How long a client may take for what was under way when its stream ended."""


class EventStream(Response):
    """Sends a stream until it ends, its client has gone, or reads nothing."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, stream: Stream, last_event_id: str | None) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._stream = stream
        self._last_event_id = last_event_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        writing = asyncio.create_task(self._write(send))
        others = [asyncio.create_task(_gone(receive)), asyncio.create_task(self._stream.ended.wait())]
        try:
            await asyncio.wait([writing, *others], return_when=asyncio.FIRST_COMPLETED)
            if self._stream.ended.is_set():
                await asyncio.wait([writing], timeout=LAST_WORDS_SECONDS)
        finally:
            for task in (writing, *others):
                task.cancel()
            await asyncio.gather(writing, *others, return_exceptions=True)
            self._hub.release(self._stream)
        if not writing.cancelled() and (failure := writing.exception()):
            raise failure

    async def _write(self, send: Send) -> None:
        async with aclosing(self._hub.listen(self._stream, self._last_event_id)) as chunks:
            async for chunk in chunks:
                with suppress(TimeoutError):
                    async with asyncio.timeout(STALLED_SECONDS):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                        continue
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
