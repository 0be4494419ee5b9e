"""What a merchant does to its jobs, in the JSON API. Each route asks the job's one door."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, Field

from services.gateway.accounts import Merchant
from services.gateway.api.acts import DeclineBody, MessageBody
from services.gateway.api.answers import ASKED
from services.gateway.api.asking import OriginHeader
from services.gateway.api.desks import MerchantDesk
from services.gateway.api.versions import REPLACED, Expected, Tag
from services.gateway.api.views import MerchantJobView
from services.gateway.attachments import Attachments
from services.gateway.read.reading import Reading
from services.gateway.signed_in import SignedIn
from services.gateway.stores.proofs import StoreProofs
from shared.contracts.base import ActorKind
from shared.contracts.jobs import (
    ConsentAccess,
    DeclineJob,
    EditReview,
    EndConversation,
    OpenReply,
    RefuseAccess,
    ReviewJob,
    RevokeAccess,
    SendMessage,
)
from shared.doors import Body, GivenText


class ConsentBody(Body):
    """`asked_at` is the access's: which ask you agree to."""

    asked_at: AwareDatetime


class ReviewBody(Body):
    rating: Annotated[int, Field(ge=1, le=5)]
    text: GivenText


def merchant_acts_api(
    desk: MerchantDesk, reading: Reading, attachments: Attachments, proofs: StoreProofs, signed_in: SignedIn
) -> APIRouter:
    router = APIRouter(prefix="/api/v1/merchant/jobs/{job_id}", tags=["merchant"], responses=ASKED)
    Asker = Annotated[Merchant, Depends(signed_in.merchant)]  # noqa: N806 - a type

    @router.post("/open", response_model=MerchantJobView)
    async def open_reply(job_id: UUID, merchant: Asker, origin: OriginHeader) -> Any:
        """You have looked at the partner's answer."""
        return await desk.ask(merchant, job_id, OpenReply(actor=merchant.actor()), origin)

    @router.post("/messages", response_model=MerchantJobView)
    async def write(job_id: UUID, body: MessageBody, merchant: Asker, origin: OriginHeader) -> Any:
        """Write to the partner."""
        sent = await attachments.chosen(job_id, ActorKind.MERCHANT, merchant.merchant_id, body.attachment_ids)
        command = SendMessage(text=body.text, attachments=sent, actor=merchant.actor())
        return await desk.ask(merchant, job_id, command, origin)

    @router.post("/decline", response_model=MerchantJobView)
    async def decline(job_id: UUID, body: DeclineBody, merchant: Asker, origin: OriginHeader) -> Any:
        """You do not want to work with this partner on this request."""
        command = DeclineJob(reason=body.reason, note=body.note, actor=merchant.actor())
        return await desk.ask(merchant, job_id, command, origin)

    @router.post("/end", response_model=MerchantJobView)
    async def end(job_id: UUID, merchant: Asker, origin: OriginHeader) -> Any:
        """You want no more of this job: it is declined; after one that is completed, nobody writes any more."""
        return await desk.ask(merchant, job_id, EndConversation(actor=merchant.actor()), origin)

    @router.post("/review", response_model=MerchantJobView)
    async def review(job_id: UUID, body: ReviewBody, merchant: Asker, origin: OriginHeader) -> Any:
        """Review a completed job, once."""
        job = await desk.job(merchant, job_id)
        own = (await reading.partner(job.partner_id)).joined_at(merchant.email) is not None
        command = ReviewJob(rating=body.rating, text=body.text, of_own_team=own, actor=merchant.actor())
        return await desk.ask(merchant, job_id, command, origin)

    @router.put("/review", response_model=MerchantJobView, responses=REPLACED)
    async def edit_review(  # noqa: PLR0913, PLR0917 - what a request holds
        job_id: UUID, body: ReviewBody, merchant: Asker, origin: OriginHeader, expected: Expected, tag: Tag
    ) -> Any:
        """Edit your review, for 14 days."""
        command = EditReview(**dict(body), expected_version=expected, actor=merchant.actor())
        return tag(await desk.ask(merchant, job_id, command, origin))

    @router.post("/store-access/consent", response_model=MerchantJobView)
    async def consent(job_id: UUID, body: ConsentBody, merchant: Asker, origin: OriginHeader) -> Any:
        """Agree that the partner may request what it asks for, and nothing else. It lapses after 14 days, and when the
        work ends. 409 `other_ask` when something else is asked for since.
        """
        job = await desk.job(merchant, job_id)
        shown = await proofs.of(merchant.merchant_id, job.details.merchant.store_url)
        command = ConsentAccess(asked_at=body.asked_at, proof=shown.way if shown else None, actor=merchant.actor())
        return await desk.ask(merchant, job_id, command, origin)

    @router.post("/store-access/refuse", response_model=MerchantJobView)
    async def refuse(job_id: UUID, merchant: Asker, origin: OriginHeader) -> Any:
        """Do not agree, or no longer."""
        return await desk.ask(merchant, job_id, RefuseAccess(actor=merchant.actor()), origin)

    @router.post("/store-access/revoke", response_model=MerchantJobView)
    async def revoke(job_id: UUID, merchant: Asker, origin: OriginHeader) -> Any:
        """End the partner's access to your store."""
        return await desk.ask(merchant, job_id, RevokeAccess(actor=merchant.actor()), origin)

    return router
