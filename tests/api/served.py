"""The services of a `World` behind real HTTP: uvicorn in a thread, with the log moving on while a request waits."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import Any

import pytest
import uvicorn

from tests.flow.world import Weather, World
from tests.patience import patience

HOST = "127.0.0.1"


@cache
def documents() -> dict[str, dict[str, Any]]:
    """The OpenAPI document of each service that has one, by the service's name."""
    with pytest.MonkeyPatch.context() as patch:
        apps = World(Weather(), patch).apps
    return {name: apps[name].openapi() for name in ("gateway", "leads")}


class Served:
    """A world that answers on a port for each service."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._serving: list[tuple[uvicorn.Server, Future[None]]] = []
        self.urls: dict[str, str] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something where the services run."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience(120))

    def call(self, work: Callable[[], Any]) -> Any:
        """As `run`, for what does not wait."""

        async def called() -> Any:
            return work()

        return self.run(called())

    def start(self) -> None:
        self._thread.start()
        for name in documents():
            listening = socket.create_server((HOST, 0))
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio's own sockets have it
            config = uvicorn.Config(self._moving(name), http="httptools", lifespan="off", log_config=None)
            server = uvicorn.Server(config)
            self.urls[name] = f"http://{HOST}:{listening.getsockname()[1]}"
            self._serving.append((server, asyncio.run_coroutine_threadsafe(server.serve([listening]), self._loop)))

    def stop(self) -> None:
        for server, serving in self._serving:
            server.should_exit = True
            serving.result(patience(30))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _moving(self, name: str) -> Any:
        """The service's application; whoever waits for an answer moves the log on, one at a time."""
        moving = asyncio.Lock()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            answer = asyncio.ensure_future(self.world.apps[name](scope, receive, send))
            while not answer.done():
                async with moving:
                    await self.world._round()
                await asyncio.sleep(0)
            async with moving:
                while await self.world._round():
                    pass
            await answer

        return app


@contextmanager
def served(world: World) -> Iterator[Served]:
    one = Served(world)
    one.start()
    try:
        yield one
    finally:
        one.stop()
