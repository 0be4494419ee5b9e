"""What operators decide of organisations, in the JSON API."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from services.gateway.api.answers import ASKED, SIGNED_IN
from services.gateway.api.operators import PREFIX, Asking, OperatorsDesk, asking
from services.gateway.api.views_operators import ActDone, BecauseBody, VouchBody
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from shared.contracts.partners import RestorePartner, SuspendPartner, VouchForPartner


def operators_partners_api(desk: OperatorsDesk, reading: Reading, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/partners/{{partner_id}}", tags=["operators"], responses=SIGNED_IN)
    Asks = Annotated[Asking, Depends(asking(signed_in))]  # noqa: N806 - a type

    @router.post("/vouch", response_model=ActDone, responses=ASKED)
    async def vouch(partner_id: UUID, body: VouchBody, asks: Asks) -> Any:
        """Say how far an organisation is trusted from now on."""
        await reading.partner(partner_id)
        command = VouchForPartner(approval=body.approval, reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, partner_id)

    @router.post("/suspend", response_model=ActDone, responses=ASKED)
    async def suspend(partner_id: UUID, body: BecauseBody, asks: Asks) -> Any:
        """Take everything from an organisation until it is restored. What it works on is closed."""
        await reading.partner(partner_id)
        command = SuspendPartner(reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, partner_id)

    @router.post("/restore", response_model=ActDone, responses=ASKED)
    async def restore(partner_id: UUID, body: BecauseBody, asks: Asks) -> Any:
        """Give an organisation back what its approval allows. What was closed stays closed."""
        await reading.partner(partner_id)
        command = RestorePartner(reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, partner_id)

    return router
