"""A stand-in for the platform that hosts the merchants' stores: it lets collaborators in without asking anybody.

`python -m deploy.local.platform --port 8090`. A store whose host begins with `deny.` lets nobody in, one that begins
with `slow.` answers `pending` once. What it knows is in its memory only.
"""

import argparse
import asyncio
import socket
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field


class Wanted(BaseModel):
    """A request for access, as `services.jobs.platform` sends it."""

    store_url: str
    permissions: Annotated[list[str], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=365)]
    asked_by: dict[str, str] = Field(default_factory=dict)
    consent: dict[str, str] = Field(default_factory=dict)

    @property
    def host(self) -> str:
        return urlsplit(self.store_url).hostname or ""


@dataclass
class Platform:
    """What is granted now, by key. A key that was taken back stays taken back, also when its request comes late."""

    granted: dict[UUID, Wanted] = field(default_factory=dict)
    taken_back: set[UUID] = field(default_factory=set)
    asked: set[UUID] = field(default_factory=set)
    verification: str = ""

    def request(self, key: UUID, wanted: Wanted) -> str:
        """`granted`, `denied` or `pending`; asked again, the same."""
        if key in self.taken_back or wanted.host.startswith("deny."):
            return "denied"
        if wanted.host.startswith("slow.") and key not in self.asked:
            self.asked.add(key)
            return "pending"
        self.granted.setdefault(key, wanted)
        return "granted"

    def revoke(self, key: UUID) -> bool:
        """Whether there was anything to take back."""
        self.taken_back.add(key)
        return self.granted.pop(key, None) is not None


def app(platform: Platform | None = None) -> FastAPI:
    """The ASGI application."""
    platform = platform or Platform()
    api = FastAPI(title="A store platform, for this machine", openapi_url=None)

    @api.put("/collaborators/{key}")
    async def request(key: UUID, wanted: Wanted) -> dict[str, str]:
        return {"status": platform.request(key, wanted)}

    @api.delete("/collaborators/{key}")
    async def revoke(key: UUID) -> Response:
        return Response(status_code=204 if platform.revoke(key) else 404)

    @api.put("/verification")
    async def put_verification(request: Request) -> Response:
        """As a merchant who puts a file on the store: this machine plays the store, too."""
        platform.verification = (await request.body()).decode()[:200]
        return Response(status_code=204)

    @api.get("/.well-known/jobwire-verification.txt")
    async def verification() -> PlainTextResponse:
        return PlainTextResponse(platform.verification)

    @api.get("/collaborators")
    async def collaborators() -> dict[str, Any]:
        return {"collaborators": [{"key": key, **wanted.model_dump()} for key, wanted in platform.granted.items()]}

    return api


async def serve(port: int, host: str = "127.0.0.1") -> None:
    """Runs until SIGTERM or SIGINT; raises OSError if the port is taken."""
    config = uvicorn.Config(app(), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    # Bound here, since uvicorn answers a taken port with sys.exit in the middle of the event loop.
    with socket.create_server((host, port)) as http_socket:
        await uvicorn.Server(config).serve([http_socket])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.host))


if __name__ == "__main__":
    main()
