"""What every service's process does: start, be watched, drain and stop. `main.py` of a service only names its parts."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.aggregate import Aggregate, AggregateLoop
from shared.clock import Clock, SystemClock
from shared.commands import Commander, Policy, Reaction
from shared.consumer import Consumer, Handler, Received
from shared.contracts.base import Message
from shared.failures import is_transient
from shared.fetching import Broker, Subscription
from shared.logs import configure, get_logger
from shared.metrics import Metrics
from shared.mongo import Database, Mongo
from shared.publisher import KafkaPublisher, Publisher
from shared.settings import Settings
from shared.store import MongoAggregateStore
from shared.topics import REPLIES, Topic

log = get_logger(__name__)

WATCH_SECONDS = 5.0


@dataclass(frozen=True)
class Hearing:
    """One consumer of a service and how it is fed."""

    consumer: Consumer
    everyone: bool
    from_start: bool


class Service:
    """The parts of one service, before anything is connected. Tests build the same parts over edges in memory."""

    def __init__(  # noqa: PLR0913 - the edges, named
        self,
        name: str,
        settings: Settings,
        *,
        publisher: Publisher,
        database: Database,
        clock: Clock | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.publisher = publisher
        self.database = database
        self.clock = clock or SystemClock()
        self.metrics = metrics or Metrics(name)
        self.hearings: list[Hearing] = []
        self.tasks: dict[str, Callable[[], Awaitable[None]]] = {}
        self.preparations: list[Callable[[], Awaitable[None]]] = []
        self.stopping = asyncio.Event()

    def hears(
        self, group: str, topics: Sequence[Topic], handler: Handler, *, everyone: bool = False, from_start: bool = True
    ) -> None:
        """Feed `handler` with `topics` as the consumer group `group`; with `everyone` in every replica, from the
        start or from now.
        """
        consumer = Consumer(
            self.name,
            group,
            topics,
            handler,
            publisher=self.publisher,
            metrics=self.metrics,
            clock=self.clock,
            everyone=everyone,
        )
        self.hearings.append(Hearing(consumer, everyone, from_start))

    def inspects(self, group: str, topics: Sequence[Topic]) -> None:
        """Only put aside what cannot be read: for topics that nobody else hears as a group."""

        async def ignore(_batch: Sequence[Received]) -> None:
            return

        self.hears(group, topics, ignore)

    def owns(self, aggregate: Aggregate[Any]) -> None:
        """Be the one owner of `aggregate`: its loop behind its one door."""
        collection = self.database[f"{aggregate.name}s"]
        store = MongoAggregateStore(collection, aggregate.state)
        self.hears(
            aggregate.commands.heard_by[0],
            [aggregate.commands],
            AggregateLoop(self.name, aggregate, store, self.publisher, self.metrics),
        )

    def reacts(
        self, group: str, topics: Sequence[Topic], door: Topic, reactions: dict[type[Message], Reaction]
    ) -> None:
        """Run a policy: whenever one of these events, then those commands on `door`."""
        self.hears(group, topics, Policy(self.name, door, self.publisher, reactions))

    def asks(self) -> Commander:
        """A commander that hears the answers in every replica, from now on."""
        commander = Commander(self.name, self.publisher, self.clock, self.metrics, self.settings.reply_timeout_seconds)
        self.hears(f"{self.name}.replies", [REPLIES], commander.on_replies, everyone=True, from_start=False)
        return commander

    def repeats(self, name: str, work: Callable[[], Awaitable[None]], *, every: float) -> None:
        """Do `work` again and again with `every` seconds between. What is away is waited for; a bug ends the
        process.
        """

        async def forever() -> None:
            while not self.stopping.is_set():
                try:
                    await work()
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("waiting", task=name, error=f"{type(error).__name__}: {error}")
                    await self._pause(1.0)
                await self._pause(every)

        self.tasks[name] = forever

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def prepares(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` (indexes, say) before anything is consumed."""
        self.preparations.append(work)


class Process:
    """A service connected to real servers, with its health and metrics on HTTP."""

    def __init__(self, service: Service, mongo: Mongo, publisher: KafkaPublisher) -> None:
        self._service = service
        self._mongo = mongo
        self._publisher = publisher
        self._broker = Broker(service.name, service.settings, service.metrics)
        self._subscriptions: list[Subscription] = [
            self._broker.subscribe(hearing.consumer, everyone=hearing.everyone, from_start=hearing.from_start)
            for hearing in service.hearings
        ]
        self._running: list[asyncio.Task[None]] = []
        self.ready = False
        self.failure: str | None = None
        self.on_failure: Callable[[], None] = lambda: None

    def routes(self) -> list[Route]:
        return [
            Route("/health/live", self._live),
            Route("/health/ready", self._ready),
            Route("/metrics", self._metrics),
        ]

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """The port answers at once, so that somebody can see that it is waiting; `ready` turns true when it has all
        it needs.
        """
        starting = asyncio.create_task(self._watched("start", self._start))
        self._running.append(starting)
        try:
            yield
        finally:
            await self._stop()

    async def _start(self) -> None:
        await self._patiently("mongodb", self._mongo.ping)
        for prepare in self._service.preparations:
            await self._patiently("prepare", prepare)
        await self._patiently("kafka", self._publisher.start)
        # Not tried again: consumers that have started once would go on beside their successors. Kafka has just been
        # there; if it goes away in this very moment, the process is replaced.
        await self._broker.start()
        for name, work in self._service.tasks.items():
            self._running.append(asyncio.create_task(self._watched(name, work), name=name))
        self._running.append(asyncio.create_task(self._watched("watch", self._watch)))
        _collect_rarely()
        self.ready = True
        log.info("ready")

    async def _stop(self) -> None:
        self.ready = False
        log.info("stopping")
        self._service.stopping.set()
        repeated = [task for task in self._running if task.get_name() in self._service.tasks]
        if repeated:  # a mail that is being sent is sent to its end
            await asyncio.wait(repeated, timeout=self._service.settings.drain_seconds)
        while self._running:
            for task in self._running:
                task.cancel()
            # Asked again until it is heard: a driver in between may swallow a cancellation, and we would wait for ever.
            _, left = await asyncio.wait(self._running, timeout=1.0)
            self._running = list(left)
        await self._broker.stop()
        await self._publisher.stop()
        await self._mongo.close()
        log.info("stopped")

    async def _patiently(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        delay = 0.2
        while True:
            try:
                await work()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("waiting_for_server", what=what, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
            else:
                return

    async def _watched(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.critical("task_died", task=name, exc_info=error)
            self._fail(f"{name}: {type(error).__name__}: {error}")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for subscription in self._subscriptions:
                if dead := subscription.dead():
                    self._fail(f"{subscription.consumer.group}: {dead}")

    def _fail(self, reason: str) -> None:
        """This process cannot heal: say so and leave, so that whoever runs it starts another."""
        if self.failure is None:
            self.failure = reason
            log.critical("process_failed", reason=reason)
            self.on_failure()

    async def _live(self, _request: Request) -> Response:
        dead = [dead for subscription in self._subscriptions if self.ready and (dead := subscription.dead())]
        failures = [self.failure, *dead] if self.failure else dead
        return JSONResponse({"live": not failures, "failures": failures}, 503 if failures else 200)

    async def _ready(self, _request: Request) -> Response:
        return JSONResponse({"ready": self.ready, "service": self._service.name}, 200 if self.ready else 503)

    async def _metrics(self, _request: Request) -> Response:
        await self._broker.observe_lag()
        return Response(generate_latest(self._service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


Build = Callable[[Service], Starlette | None]
"""Names the service's parts; gives its HTTP application if it has one."""


def run(name: str, build: Build, settings: Settings) -> None:
    """The whole life of a service's process. Leaves with status 1 when it failed and should be started again."""
    configure(name, settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        raise SystemExit(runner.run(_serve(name, build, settings)))


async def _serve(name: str, build: Build, settings: Settings) -> int:
    mongo = Mongo.connect(
        settings.mongodb_uri.get_secret_value(), driver=settings.mongodb_driver, app=f"jobwire-{name}"
    )
    publisher = KafkaPublisher(settings, f"jobwire-{name}")
    service = Service(name, settings, publisher=publisher, database=mongo.database(settings.database(name)))
    app = build(service) or Starlette()
    process = Process(service, mongo, publisher)
    app.router.routes[:0] = process.routes()
    app.router.lifespan_context = process.lifespan
    server = _Server(
        uvicorn.Config(app, settings.host, settings.port, log_config=None, timeout_graceful_shutdown=10), service
    )
    process.on_failure = server.leave
    await server.serve()
    return 1 if process.failure else 0


class _Server(uvicorn.Server):
    """Tells open event streams that the process is going, or they would hold it up."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a process that was asked to stop and did so ends with status 0, not by the signal."""
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_, self.leave)
        yield

    def leave(self) -> None:
        self._service.stopping.set()
        self.should_exit = True


def _collect_rarely() -> None:
    """What has been made so far stays for good, and a batch leaves hardly any cycles. Looking for them after every 700
    objects cost the loop a fifth of its time (measured with `deploy.bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - not on every platform

        return uvloop.new_event_loop
    return None
