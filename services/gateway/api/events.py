"""Server-sent events. Each names a job and its new version; the page fetches what it shows."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from services.gateway.api.answers import OFTEN, SESSION
from services.gateway.api.event_stream import EventStream
from services.gateway.live.hub import Hub
from services.gateway.live.news import Listener
from services.gateway.live.stream import Stream
from services.gateway.read.tenants import member_tenant
from services.gateway.sessions import hash_of
from services.gateway.signed_in import SignedIn, Somebody
from shared.contracts.suspensions import mailbox_id_of


def events_api(hub: Hub, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["live"])

    @router.get("/events", status_code=200, response_class=EventStream, responses={**SESSION, **OFTEN})
    async def events(
        who: Annotated[Somebody, Depends(signed_in.somebody)],
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """`hello` when connected, `job` for each change you may know of, `reset` when something was missed: load
        again. Send the id of the last event as `Last-Event-ID` when you connect again; wait as long as `retry` says.
        """
        listener = Listener(
            tenants=tuple((member_tenant(one), one.partner.version_for_team) for one in who.memberships),
            merchant_id=who.merchant.merchant_id if who.merchant else None,
        )
        session = hash_of(who.session.token).hex()
        hub.admit(session)
        return EventStream(hub, Stream(listener, session, mailbox_id_of(who.session.email)), last_event_id)

    return router
