"""All five services in one process, over edges in memory: the same parts that `main.py` names, no server, no sleep.

Nothing happens by itself. A request goes over HTTP into the application; `settle` then carries records from the log to
the consumers until everybody is quiet. A `Weather` decides in which order, in which batches, and how often.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from importlib import import_module
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from deploy.local.platform import Platform
from deploy.local.platform import app as platform_app
from services.jobs.platform import HttpPlatform
from services.notifications.relay import Relay
from shared.contracts.partners import Partner, RegisterPartner
from shared.publisher import outgoing
from shared.service import Service
from shared.settings import Settings
from shared.topics import PARTNER_COMMANDS, SERVICES, TOPICS
from tests.builders import BY_SYSTEM, a_command
from tests.fakes import Group, ManualClock, MemoryLog, MemoryPublisher
from tests.limits import UNLIMITED
from tests.memory_mongo import MemoryDatabase


@dataclass
class Weather:
    """How the log treats its readers."""

    seed: int = 0
    shuffled: bool = False
    """Partitions and groups are served in any order, in batches of any size."""
    twice: bool = False
    """Every record is delivered twice, one after the other."""
    crashes: float = 0.0
    """How often a batch that was handled is not committed, and comes again."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def order(self, places: list[Any]) -> list[Any]:
        return self.random.sample(places, len(places)) if self.shuffled else places

    def batch(self) -> int:
        return self.random.randint(1, 6) if self.shuffled else 256

    def commits(self) -> bool:
        return self.random.random() >= self.crashes


class Quiet(Service):
    """A service whose repeated works are done when somebody says so."""

    def repeats(self, name: str, work: Callable[[], Awaitable[None]], *, every: float) -> None:
        self.tasks[name] = work


@dataclass(frozen=True)
class CaughtMail:
    to: str
    subject: str
    text: str
    language: str

    @property
    def link(self) -> str:
        return next(word for word in self.text.split() if word.startswith("http"))

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.link).query)["token"][0]


class Mailbox:
    """A mail server as the sender sees one: takes everything, keeps it."""

    def __init__(self) -> None:
        self.mails: list[CaughtMail] = []
        self.is_connected = False

    async def connect(self) -> None:
        self.is_connected = True

    def close(self) -> None:
        self.is_connected = False

    async def ehlo(self) -> None: ...

    async def mail(self, sender: str) -> None: ...

    async def rcpt(self, recipient: str) -> None: ...

    async def data(self, message: bytes, **_: Any) -> None:
        parsed = message_from_bytes(message, policy=default)
        plain = parsed.get_body(("plain",))
        html = parsed.get_body(("html",)).get_content()
        language = html.partition(' lang="')[2].partition('"')[0]
        self.mails.append(CaughtMail(parsed["To"], parsed["Subject"], plain.get_content(), language))

    def last(self, to: str, containing: str = "") -> CaughtMail:
        return [mail for mail in self.mails if mail.to == to and containing in mail.text][-1]


class World:
    """Five services, one log, one mailbox, one clock; and the platform that hosts the stores."""

    def __init__(self, weather: Weather, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.weather = weather
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.mailbox = Mailbox()
        monkeypatch.setattr(Relay, "connection", lambda _relay: self.mailbox)
        self.platform = Platform()
        stand_in = httpx2.ASGITransport(app=platform_app(self.platform))
        monkeypatch.setattr(HttpPlatform, "client", lambda _platform: httpx2.AsyncClient(transport=stand_in))
        settings = {"public_url": "http://gateway", "leads_url": "http://leads", "limits": UNLIMITED, **settings}
        self.settings = Settings(secret_keys="the-key-of-the-tests", **settings)
        self.services = {name: self._service(name) for name in SERVICES}
        self.apps = {name: import_module(f"services.{name}.main").build(one) for name, one in self.services.items()}
        self.groups = [Group(self.log, hearing.consumer) for one in self.services.values() for hearing in one.hearings]

    def _service(self, name: str) -> Service:
        database = MemoryDatabase(self.clock.now)
        return Quiet(name, self.settings, publisher=MemoryPublisher(self.log), database=database, clock=self.clock)

    def client(self, service: str, **headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.apps[service])
        return httpx2.AsyncClient(transport=transport, base_url=f"http://{service}", headers=headers)

    def register(self, *partners: Partner) -> None:
        """Put partners into the market by their front door."""
        for partner in partners:
            command = RegisterPartner(
                profile=partner.profile, preferences=partner.preferences, members=partner.members, actor=BY_SYSTEM
            )
            self.log.append(outgoing(PARTNER_COMMANDS.name, a_command(command, partner.partner_id)))

    async def asked(self, request: Coroutine[Any, Any, httpx2.Response]) -> httpx2.Response:
        """The answer to a request, with the log moving on meanwhile; then everything that follows from it."""
        answer = asyncio.create_task(request)
        while not answer.done():
            await self._round()
            await asyncio.sleep(0)
        await self.settle()
        return await answer

    async def settle(self) -> None:
        """Until nobody has anything to hear, to send or to tell."""
        while await self._round() or await self._work():
            pass

    async def time_passes(self, by: timedelta) -> None:
        self.clock.move(by)
        await self.settle()

    async def _round(self) -> bool:
        """Everybody who is behind gets a batch. False when nobody was."""
        places = [(group, place) for group in self.groups for place in group.behind()]
        for group, place in self.weather.order(places):
            at_most, commit = self.weather.batch(), self.weather.commits()
            await group.feed(place, at_most, commit=commit, twice=self.weather.twice)
            assert group.consumer.failure is None, group.consumer.failure
        return bool(places)

    async def _work(self) -> bool:
        """What the services do again and again, once. Whether anything came of it."""
        before = self._said(), len(self.mailbox.mails)
        for service in self.services.values():
            for work in service.tasks.values():
                await work()
        return before != (self._said(), len(self.mailbox.mails))

    def _said(self) -> int:
        return sum(len(partition) for topic in self.log.topics.values() for partition in topic)

    def dead_letters(self) -> list[str]:
        names = [name for name in self.log.topics if name.startswith("dead-letters.")]
        return [f"{name}: {dict(letter.headers)}" for name in names for letter in self.log.records(name)]

    def events(self, topic: str) -> list[Any]:
        """Every record of a topic, parsed."""
        codec = next(one.codec for one in TOPICS if one.name == topic)
        return [codec.decode(raw.value) for raw in self.log.records(topic)]
