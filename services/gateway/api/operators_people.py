"""What operators do to people, in the JSON API."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.gateway.accounts import Accounts
from services.gateway.api.answers import ASKED, READ, SIGNED_IN
from services.gateway.api.operators import PREFIX, Asking, OperatorsDesk, asking
from services.gateway.api.views_operators import ActDone, SomebodyBody
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from shared.contracts.base import address_key
from shared.contracts.operators import Deed
from shared.contracts.suspensions import RestorePerson, SuspendPerson, mailbox_id_of
from shared.http import Problem


def operators_people_api(desk: OperatorsDesk, reading: Reading, accounts: Accounts, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/people", tags=["operators"], responses=SIGNED_IN)
    Asks = Annotated[Asking, Depends(asking(signed_in))]  # noqa: N806 - a type

    async def address_of(somebody: SomebodyBody) -> str:
        """Raises `Problem` 404 for a merchant or prospect whom nobody knows."""
        if somebody.email is not None:
            return somebody.email
        assert somebody.merchant_id is not None, "The body names one of the two."
        return await reading.address_of(somebody.merchant_id)

    @router.post("/suspend", response_model=ActDone, responses=ASKED)
    async def suspend(body: SomebodyBody, asks: Asks) -> Any:
        """Suspend whoever has this mailbox: sessions end, requests are stopped and no more are taken, and nothing is
        mailed but the notice.
        """
        email = await address_of(body)
        command = SuspendPerson(
            email=email,
            locale=await accounts.locale_of(email),
            reason=body.reason,
            actor=asks.operator.actor(),
        )
        return await desk.order(asks, command, mailbox_id_of(email))

    @router.post("/restore", response_model=ActDone, responses=ASKED)
    async def restore(body: SomebodyBody, asks: Asks) -> Any:
        """Let somebody in again. What was stopped stays stopped."""
        email = await address_of(body)
        if not await accounts.was_ever_suspended(email):
            raise Problem(409, "not_suspended", "This address was never suspended.")
        command = RestorePerson(reason=body.reason, actor=asks.operator.actor())
        return await desk.order(asks, command, mailbox_id_of(email))

    @router.post("/end-sessions", response_model=ActDone, responses=READ)
    async def end_sessions(body: SomebodyBody, asks: Asks) -> Any:
        """Sign somebody out everywhere. They may sign in again."""
        email = await address_of(body)
        subject = mailbox_id_of(email)

        async def end() -> ActDone:
            await accounts.sessions.close_all(address_key(email))
            return ActDone(deed=Deed.END_SESSIONS, subject=subject)

        return await desk.trace(asks, Deed.END_SESSIONS, subject, body.reason, end)

    return router
