"""The public side over a database in memory and the real rules, without a log in between."""

import asyncio
import html
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI

from services.leads import lead, request
from services.leads.intake import intake
from services.leads.projections import on_partner
from shared.aggregate import KEY_REUSED
from shared.commands import Answer, Applied, NotTaken, Rejected
from shared.contracts.base import Message
from shared.contracts.leads import Lead
from shared.contracts.partners import Partner
from shared.contracts.requests import Request, RequestStatus
from shared.decisions import Rejection
from shared.http import application
from shared.links import Links
from shared.projection import Projection
from shared.service import Service
from shared.settings import Settings
from shared.topics import REQUEST_COMMANDS, Topic
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

HOME = "198.51.100.7"

FORM = {
    "name": "Mia",
    "email": "mia@kettle.example",
    "store_url": "kettle.example",
    "business": "Tea and thread.",
    "service": "seo",
    "title": "Spring launch",
    "requirements": "Be found.",
}

BODY = {
    "kind": "match",
    "locale": "en",
    "merchant": {"name": "Mia", "email": "mia@kettle.example", "store_url": "https://kettle.example"},
    "business": "Tea and thread.",
    "service": "seo",
    "title": "Spring launch",
    "requirements": "Be found.",
}


class Door:
    """The owners of requests and leads: decide by their rules, once per command, and store."""

    def __init__(self, database: MemoryDatabase, clock: ManualClock) -> None:
        self._database = database
        self._clock = clock
        self._answers: dict[UUID, tuple[Answer, str | None]] = {}
        self.asked: list[Message] = []
        self.away = False

    async def ask(self, door: Topic, data: Message, subject: UUID, **envelope: Any) -> Answer:
        if self.away:
            raise NotTaken("Kafka is away.")
        await asyncio.sleep(0)
        self.asked.append(data)
        command_id, digest = envelope.get("command_id"), envelope.get("digest")
        answer, first = self._answers.get(command_id) or (await self._decide(door, data, subject), digest)
        if command_id:
            self._answers[command_id] = answer, first
        return answer if first is None or digest in (None, first) else Rejected(KEY_REUSED, "Used before.")

    async def _decide(self, door: Topic, data: Message, subject: UUID) -> Answer:
        rules, state_of, name = (request, Request, "requests") if door is REQUEST_COMMANDS else (lead, Lead, "leads")
        document = self._database[name].documents.get(subject)
        state = state_of.model_validate(document["state"]) if document else None
        decision = rules.decide(state, data, subject, self._clock.now())
        if isinstance(decision, Rejection):
            return Rejected(decision.code, decision.reason)
        for fact in decision:
            state = rules.evolve(state, fact, subject, self._clock.now())
        self.put(name, subject, state)
        return Applied(1, {})

    def put(self, name: str, subject: UUID, state: Any) -> None:
        self._database[name].documents[subject] = {"_id": subject, "state": state.model_dump(mode="json")}


class Public:
    """`settings` are those of the tests that differ from the usual."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.database = MemoryDatabase(self.clock.now)
        self.door = Door(self.database, self.clock)
        self.settings = Settings(**{"secret_keys": "the-key-of-the-tests", **settings})
        self.links = Links(self.settings)
        self.service = Service(
            "leads",
            self.settings,
            publisher=MemoryPublisher(MemoryLog(self.clock)),
            database=self.database,
            clock=self.clock,
        )
        self.app: FastAPI = application("Jobwire: requests")
        self.app.include_router(intake(self.service, self.door))

    def client(self, network: str = HOME, **headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app, client=(network, 40000))
        return httpx2.AsyncClient(transport=transport, base_url="http://leads", headers=headers)

    async def knows(self, *partners: Partner) -> None:
        records = [SimpleNamespace(record=SimpleNamespace(snapshot=partner)) for partner in partners]
        await Projection(self.database, on_partner)(records)

    async def open(self, path: str = "/en/requests/new", network: str = HOME) -> dict[str, str]:
        """The form's hidden fields, as they are when somebody has typed."""
        page = await self.client(network).get(path)
        assert page.status_code == 200, page.text
        self.clock.move(timedelta(seconds=self.settings.form_seconds[0]))
        return hidden(page.text)

    async def send(self, path: str = "/en/requests/new", network: str = HOME, **fields: str) -> httpx2.Response:
        return await self.client(network).post(path.partition("?")[0], data={**FORM, **fields})

    async def fill_in(self, path: str = "/en/requests/new", network: str = HOME, **fields: str) -> httpx2.Response:
        return await self.send(path, network, **{**await self.open(path, network), **fields})

    async def post(self, network: str = HOME, headers: dict[str, str] | None = None, **fields: Any) -> httpx2.Response:
        return await self.client(network).post("/api/v1/requests", json={**BODY, **fields}, headers=headers)

    @property
    def requests(self) -> list[Request]:
        documents = self.database["requests"].documents.values()
        return [Request.model_validate(document["state"]) for document in documents]

    @property
    def request(self) -> Request:
        (only,) = self.requests
        return only

    def becomes(self, status: RequestStatus) -> None:
        one = self.request
        self.door.put("requests", one.request_id, one.model_copy(update={"status": status}))

    def counted(self, kind: str, result: str) -> float:
        return (
            self.service.metrics.registry.get_sample_value("jobwire_forms_total", {"kind": kind, "result": result})
            or 0.0
        )


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    tags = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
    pairs = [(re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in tags]
    return {name.group(1): html.unescape(value.group(1)) for name, value in pairs if name and value}
