"""A merchant shows that a store is theirs, in the JSON API: whoever only names one lets nobody in."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.gateway.accounts import Merchant
from services.gateway.api.answers import OFTEN, SIGNED_IN, Answers
from services.gateway.limits import Act, ActLimits, Counting
from services.gateway.signed_in import SignedIn
from services.gateway.stores.looking import NotSeen
from services.gateway.stores.proofs import FILE_PATH, NAME, Shown, StoreProofs
from shared.contracts.requests import StoreProof
from shared.doors import Body, GivenUrl, reachable
from shared.http import Problem, field_problem

CHECKED: Answers = {
    **SIGNED_IN,
    **OFTEN,
    409: {"description": "`not_seen`: the store does not show it; `detail` says what to do."},
    422: {"description": "The address is none."},
}


class StoreBody(Body):
    store_url: GivenUrl


class CheckBody(StoreBody):
    way: Literal["file", "meta", "dns"]


class Ways(BaseModel):
    """Any one of these is enough: a file at `file_path` with `token` in it, the tag on the home page, or the TXT record
    of the store's name.
    """

    token: str
    file_path: str
    meta_tag: str
    dns_record: str


class StoreView(BaseModel):
    """`shown_by` is how you have shown that the store is yours, until when that holds; null: not yet."""

    store_url: str
    shown_by: StoreProof | None
    until: datetime | None
    ways: Ways


def stores_api(proofs: StoreProofs, limits: ActLimits, signed_in: SignedIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1/merchant/stores", tags=["merchant"])
    Asker = Annotated[Merchant, Depends(signed_in.merchant)]  # noqa: N806 - a type

    @router.post("/proof", responses=CHECKED)
    async def proof(body: StoreBody, merchant: Asker) -> StoreView:
        """How to show that a store is yours, and whether you have."""
        _check(body.store_url)
        return _view(proofs, merchant, body.store_url, await proofs.of(merchant.merchant_id, body.store_url))

    @router.post("/check", responses=CHECKED)
    async def check(body: CheckBody, merchant: Asker) -> StoreView:
        """Look at the store whether it shows the token."""
        _check(body.store_url)
        await limits.count(Act.CHECK_STORE, Counting(person=str(merchant.merchant_id)))
        try:
            shown = await proofs.check(merchant.merchant_id, body.store_url, StoreProof(body.way))
        except NotSeen as unseen:
            raise Problem(409, "not_seen", str(unseen)) from None
        return _view(proofs, merchant, body.store_url, shown)

    return router


def _check(store_url: str) -> None:
    try:
        reachable(store_url)
    except ValueError:
        raise field_problem([{"field": "store_url", "message": "This is no web address.", "code": "url"}]) from None


def _view(proofs: StoreProofs, merchant: Merchant, store_url: str, shown: Shown | None) -> StoreView:
    token = proofs.token(merchant.merchant_id, store_url)
    ways: dict[str, Any] = {
        "token": token,
        "file_path": FILE_PATH,
        "meta_tag": f'<meta name="{NAME}" content="{token.partition("=")[2]}">',
        "dns_record": token,
    }
    return StoreView(
        store_url=store_url,
        shown_by=shown.way if shown else None,
        until=shown.until if shown else None,
        ways=Ways(**ways),
    )
