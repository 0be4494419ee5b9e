"""A gateway's streams and nothing else, as a process: `python -m deploy.bench.live.server indexed 5000`. It prints its
port; a line `events per second, events` on its input makes it tell, and it answers with what that took.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from time import monotonic, process_time

import psutil
import uvicorn
import uvloop
from fastapi import FastAPI, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from deploy.bench.live.listening import new_hub
from deploy.bench.live.market import events, listener
from deploy.bench.live.walking import WalkingHub
from services.gateway.api.event_stream import EventStream
from services.gateway.live.hub import Hub
from services.gateway.live.stream import Stream

HOST = "127.0.0.1"


def indexed_app(hub: Hub) -> FastAPI:
    app = FastAPI()

    @app.get("/events/{number}", status_code=200, response_class=EventStream)
    async def stream(number: int) -> Response:
        return EventStream(hub, Stream(listener(number)), None)

    return app


def walking_app(hub: WalkingHub) -> FastAPI:
    app = FastAPI()

    @app.get("/events/{number}", response_class=EventSourceResponse)
    async def stream(number: int) -> AsyncIterator[ServerSentEvent]:
        async for event in hub.listen(Stream(listener(number))):
            yield event

    return app


async def serve(way: str, listeners: int) -> None:
    hub = new_hub(listeners) if way == "indexed" else WalkingHub()
    app = indexed_app(hub) if isinstance(hub, Hub) else walking_app(hub)
    listening = socket.create_server((HOST, 0), backlog=4_096)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve([listening]))  # noqa: F841, RUF006 - held until the end
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    rate, count = json.loads(await asyncio.to_thread(_said))
    news = list(events(count, listeners))
    memory = psutil.Process().memory_info().rss
    began, start, told_at = process_time(), monotonic(), []
    for number, one in enumerate(news):
        await asyncio.sleep(max(start + number / rate - monotonic(), 0))
        told_at.append(monotonic())
        await hub.on_news([one])
    await asyncio.to_thread(_said)  # all have heard, or nobody waits any more
    spent = {"seconds": process_time() - began, "told_at": told_at, "bytes": memory}
    sys.stdout.write(json.dumps(spent) + "\n")
    sys.stdout.flush()
    os._exit(0)  # not after thousands of streams have been told one by one


def _said() -> str:
    line = sys.stdin.readline()
    if not line:
        os._exit(1)  # whoever measures is gone
    return line


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2])))
