"""Server-sent events. Each names a job and its new version; the page fetches what it shows."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.gateway.api.answers import SESSION
from services.gateway.live import Hub, Listener
from services.gateway.read.tenants import member_tenant
from services.gateway.signed_in import SignedIn


def events_api(hub: Hub, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["live"])

    @router.get("/events", response_class=EventSourceResponse, responses=SESSION)
    async def events(
        who: Annotated[Any, Depends(signed_in.somebody)],
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """`hello` when connected, `job` for each change you may know of, `reset` when something was missed: load
        again.
        """
        memberships, merchant = who
        listener = Listener(
            tenants=tuple((member_tenant(one), one.partner.version) for one in memberships),
            merchant_id=merchant.merchant_id if merchant else None,
        )
        async with aclosing(hub.listen(listener, last_event_id)) as news:
            async for name, cursor, data in news:
                yield ServerSentEvent(event=name, id=cursor, data=data)

    return router
