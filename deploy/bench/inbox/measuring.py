"""Asks every question over HTTP and bare, one after the other, round after round: noise falls on both alike."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Self

from deploy.bench.inbox.loading import Loaded, Reader
from deploy.bench.inbox.questions import PAGES_BEFORE, Asking, Class, Question
from deploy.local.parts import HOST
from shared.mongo import Mongo

TARGET = 3.0
WARM_UP = 10
MARKED = 300
"""Of a reader's newest jobs, how many are marked as read before."""


@dataclass
class Times:
    """Milliseconds of one kind of question, over HTTP and bare."""

    asked: Class
    jobwire: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(self.jobwire) / median(self.bare)

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.asked.kind,
            "name": self.asked.name,
            "bare_ms": _cut(self.bare),
            "jobwire_ms": _cut(self.jobwire),
            "ratio": round(self.ratio, 2),
        }


class Line:
    """One connection that is kept. A whole HTTP client would add its own time to each answer."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f"Host: {HOST}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._writer.close()

    async def get(self, path: str) -> bytes:
        return await self._ask("GET", path, b"")

    async def post(self, path: str, body: Any) -> bytes:
        return await self._ask("POST", path, json.dumps(body).encode())

    async def _ask(self, method: str, path: str, body: bytes) -> bytes:
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        answer = await self._reader.readexactly(int(headers.get("content-length", 0)))
        if not status.split()[1].startswith("2"):
            raise AssertionError(f"{method} {path}: {status} {answer.decode()[:300]}")
        return answer


async def measure(loaded: Loaded, reader: Reader, times: int, progress: Callable[[int, int], None]) -> list[Times]:
    """Each question `times` times, both ways, after both ways gave the same."""
    mongo = Mongo.connect(loaded.mongodb)
    try:
        asking = Asking(mongo.database(loaded.settings.database("gateway")), reader)
        async with Line(loaded.port, reader.token) as line:
            for job_id, version in await asking.newest(MARKED):
                await line.post(f"/api/v1/jobs/{job_id}/read", {"version": version})
            classes = [one for one in await asking.classes(await _cursor(line)) if one.questions]
            for question in (question for one in classes for question in one.questions):
                await _check_same(line, question)
            measured = [Times(one) for one in classes]
            for number in range(WARM_UP + times):
                await _round(line, measured, number)
                progress(number + 1, WARM_UP + times)
            return measured
    finally:
        await mongo.close()


async def _round(line: Line, measured: Sequence[Times], number: int) -> None:
    for one in measured:
        question = one.asked.questions[number % len(one.asked.questions)]
        ways: list[tuple[list[float], Callable[[], Awaitable[Any]]]] = [
            (one.bare, question.bare),
            (one.jobwire, lambda path=question.path: line.get(path)),  # type: ignore[misc]
        ]
        for took, ask in ways if number % 2 else reversed(ways):
            began = perf_counter()
            await ask()
            if number >= WARM_UP:
                took.append((perf_counter() - began) * 1000)


async def _check_same(line: Line, question: Question) -> None:
    """The comparison means nothing unless both fetch the same."""
    answer, bare = json.loads(await line.get(question.path)), await question.bare()
    if "by_status" in answer:
        same = {status: count for status, count in answer["by_status"].items() if count} == bare
    elif "timeline" in answer:
        same = len(answer["timeline"]) == bare
    else:
        same = [job["job_id"] for job in answer["jobs"]] == [str(job_id) for job_id in bare]
    if not same:
        raise AssertionError(f"{question.path} and its bare query do not give the same.")


async def _cursor(line: Line) -> str:
    """Where page 5 of the newest begins; empty for a partner with fewer pages."""
    cursor = ""
    for _ in range(PAGES_BEFORE):
        cursor = json.loads(await line.get(f"/api/v1/jobs?cursor={cursor}" if cursor else "/api/v1/jobs"))[
            "next_cursor"
        ]
        if cursor is None:
            return ""
    return cursor


def _cut(milliseconds: list[float]) -> dict[str, float]:
    return {"p50": round(median(milliseconds), 2), "p95": round(quantiles(milliseconds, n=20)[18], 2)}
