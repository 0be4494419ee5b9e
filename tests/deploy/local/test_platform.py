"""The stand-in for the platform, as a process of its own; what it answers is in `tests/jobs/test_platform.py`."""

from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from deploy.local.parts import listens
from deploy.local.platform import app
from deploy.local.stack import PlatformStandIn

WANTED = {
    "store_url": "https://kettle.example",
    "permissions": ["themes"],
    "days": 30,
    "asked_by": {"name": "Aiko"},
    "consent": {"proof": "file"},
}


@pytest.mark.processes
async def test_it_runs_as_a_part_and_lists_who_is_let_in(tmp_path: Path) -> None:
    platform = PlatformStandIn(tmp_path, 0)
    await platform.start()
    try:
        key = str(uuid4())
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{platform.port}") as client:
            granted = await client.put(f"/collaborators/{key}", json=WANTED)
            assert (granted.status_code, granted.json()) == (200, {"status": "granted"})
            assert (await client.get("/collaborators")).json() == {"collaborators": [{"key": key, **WANTED}]}
            assert [(await client.delete(f"/collaborators/{key}")).status_code for _ in range(2)] == [204, 404]
            assert (await client.get("/collaborators")).json() == {"collaborators": []}
    finally:
        await platform.stop()
    assert not await listens(platform.port)


@pytest.mark.parametrize("wrong", [{"permissions": []}, {"days": 0}, {"store_url": None}])
async def test_it_refuses_what_is_no_request(wrong: dict[str, object]) -> None:
    transport = httpx2.ASGITransport(app=app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://platform") as client:
        assert (await client.put(f"/collaborators/{uuid4()}", json={**WANTED, **wrong})).status_code == 422
