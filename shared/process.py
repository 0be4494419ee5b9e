"""The life of a service's process: start, be watched, drain and stop."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.connections import Limits, Watch, allow_files
from shared.failures import is_transient
from shared.fetching import Broker, Subscription
from shared.logs import configure, get_logger
from shared.metrics import Metrics
from shared.mongo import Mongo
from shared.publisher import KafkaPublisher
from shared.service import Service
from shared.settings import Settings

log = get_logger(__name__)

WATCH_SECONDS = 5.0
OPS_CONNECTIONS = 200
RETRY_PARKED_SECONDS = 60.0


class Process:
    """A service connected to real servers, with its health and metrics on a port of their own."""

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
    async def lifespan(self) -> AsyncIterator[None]:
        """Starts what the service is made of, and stops it in order; `ready` turns true when it has all it needs."""
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
        self._running.append(asyncio.create_task(self._watched("parked", self._retry_parked)))
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
            if self._publisher.failure:
                self._fail(f"publisher: {self._publisher.failure}")
            for subscription in self._subscriptions:
                await subscription.learn_ends()
                if dead := subscription.dead():
                    self._fail(f"{subscription.consumer.group}: {dead}")

    async def _retry_parked(self) -> None:
        """At once, since this may be the release that can read them; and from time to time, since partitions move."""
        while True:
            for subscription in self._subscriptions:
                if not subscription.everyone:
                    await subscription.retry_parked()
            await asyncio.sleep(RETRY_PARKED_SECONDS)

    def _fail(self, reason: str) -> None:
        """This process cannot heal: say so and leave, so that whoever runs it starts another."""
        if self.failure is None:
            self.failure = reason
            log.critical("process_failed", reason=reason)
            self.on_failure()

    async def _live(self, _request: Request) -> Response:
        dead = [dead for subscription in self._subscriptions if self.ready and (dead := subscription.dead())]
        failures = [reason for reason in (self.failure, self._publisher.failure) if reason] + dead
        return JSONResponse({"live": not failures, "failures": failures}, 503 if failures else 200)

    async def _ready(self, _request: Request) -> Response:
        return JSONResponse({"ready": self.ready, "service": self._service.name}, 200 if self.ready else 503)

    async def _metrics(self, _request: Request) -> Response:
        await self._broker.observe_lag()
        return Response(generate_latest(self._service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


Build = Callable[[Service], Starlette | None]
"""Names the service's parts; gives its HTTP application if it has one: only then it has a port for the public."""


def run(name: str, build: Build, settings: Settings) -> None:
    """The whole life of a service's process. Leaves with status 1 when it failed and should be started again."""
    configure(name, settings.log_level, settings.log_format)
    allow_files()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        raise SystemExit(runner.run(_serve(name, build, settings)))


async def _serve(name: str, build: Build, settings: Settings) -> int:
    mongo = Mongo.connect(
        settings.mongodb_uri.get_secret_value(), driver=settings.mongodb_driver, app=f"jobwire-{name}"
    )
    publisher = KafkaPublisher(settings, f"jobwire-{name}")
    service = Service(name, settings, publisher=publisher, database=mongo.database(settings.database(name)))
    app = build(service)
    process = Process(service, mongo, publisher)
    ops = _Server(_ops(process, service))
    public = _Server(_public(app, service)) if app else None

    def leave() -> None:
        service.stopping.set()
        if public:
            public.should_exit = True

    process.on_failure = leave
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_, leave)
    # The ports answer at once, so that somebody can see that it is waiting; that of health until it has stopped.
    watched = asyncio.create_task(ops.serve())
    async with process.lifespan():
        await (public.serve() if public else service.stopping.wait())
    ops.should_exit = True
    await watched
    return 1 if process.failure else 0


def _public(app: Starlette, service: Service) -> uvicorn.Config:
    settings = service.settings
    watch = Watch(Limits.of(settings), service.metrics, trusted=settings.trusted_proxies, https=app.state.https)
    return _config(app, settings.host, settings.port, watch)


def _ops(process: Process, service: Service) -> uvicorn.Config:
    settings = service.settings
    watch = Watch(Limits(connections=OPS_CONNECTIONS), Metrics(service.name))  # not among those of clients
    return _config(Starlette(routes=process.routes()), settings.ops_host or settings.host, settings.ops_port, watch)


def _config(app: Starlette, host: str, port: int, watch: Watch) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host,
        port,
        http=watch.protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=watch.limits.keep_alive_seconds,
        server_header=False,
        proxy_headers=False,  # on by default: it would believe whoever speaks from this machine
    )


class _Server(uvicorn.Server):
    """One port of a process that is told to stop as a whole."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process hears them. Asked to stop, it ends with status 0, not by the signal, as uvicorn's would."""
        yield


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
