"""The public JSON API."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from services.leads.apps import Apps
from services.leads.desk import Desk, Sender
from services.leads.submission import NewMerchant, NewRequest, PlainPhone, seen
from shared.client_ip import Networks
from shared.commands import NotTaken
from shared.contracts.requests import Priorities, RequestStatus
from shared.doors import Body, GivenLine, GivenName, GivenText, GivenUrl, reachable
from shared.http import Problem
from shared.idempotency import KEY_HEADER, digest_of
from shared.metrics import Metrics
from shared.rates import TooMany

Answers = dict[int | str, dict[str, Any]]

BUSY: Answers = {503: {"description": "Try again in a moment."}}
SUBMITTED: Answers = {
    **BUSY,
    400: {"description": "The body cannot be read, or a signed request has no `Idempotency-Key`."},
    401: {"description": "A wrong signature."},
    422: {
        "description": "Some fields need another look, and `errors` names them. Or `key_reused`: you have used this "
        "`Idempotency-Key` for another request."
    },
    429: {"description": "Too many for this address, from this network, or at once. `Retry-After` says for how long."},
}
READ: Answers = {**BUSY, 404: {"description": "There is no such request."}}
CONFIRMED: Answers = {
    **BUSY,
    400: {"description": "The link is no good, or belongs to another request."},
    409: {"description": "Refused by a rule; `code` says which."},
}


class SentMerchant(Body, NewMerchant):
    name: Annotated[GivenName, BeforeValidator(seen)]
    store_url: Annotated[GivenUrl | None, AfterValidator(reachable)] = None
    phone: PlainPhone | None = None


class SentPriorities(Body, Priorities):
    pass


class SentRequest(Body, NewRequest):
    """A request as programs send it: nothing is guessed, as it is for people who fill in the form."""

    merchant: SentMerchant
    business: Annotated[GivenText, BeforeValidator(seen)]
    title: Annotated[GivenLine, BeforeValidator(seen)]
    requirements: Annotated[GivenText, BeforeValidator(seen)]
    priorities: SentPriorities = Field(default_factory=SentPriorities)


class Taken(BaseModel):
    request_id: UUID
    status_url: str


class RequestState(BaseModel):
    """`submitted` until the mailed link is followed; then `confirmed`, and it goes out. `dropped` when the link was not
    followed within 48 hours, `withdrawn` or `helped` when whoever asked said so, `stopped` by the marketplace.
    """

    request_id: UUID
    status: RequestStatus


class Confirmation(Body):
    token: Annotated[str, Field(max_length=1000)]


def api(desk: Desk, apps: Apps, networks: Networks, metrics: Metrics) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["requests"])

    async def sender(
        request: Request,
        jobwire_app: Annotated[str | None, Header(max_length=100)] = None,
        jobwire_timestamp: Annotated[str | None, Header(max_length=20)] = None,
        jobwire_signature: Annotated[str | None, Header(max_length=100)] = None,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> Sender:
        """A store app signs what it posts for its signed-in merchants. Everybody else is a network."""
        if jobwire_app is None and jobwire_timestamp is None and jobwire_signature is None:
            return Sender(networks.of(request))
        body = await request.body()
        apps.check(jobwire_app or "", jobwire_timestamp or "", jobwire_signature or "", body)
        if not idempotency_key:
            raise Problem(400, "key_needed", "A signed request needs an Idempotency-Key.")
        return Sender(networks.of(request), app=jobwire_app)

    @router.post(
        "/requests",
        status_code=202,
        responses=SUBMITTED,
    )
    async def submit(
        request: Request,
        body: SentRequest,
        by: Annotated[Sender, Depends(sender)],
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200, description=KEY_HEADER)] = None,
        traceparent: Annotated[str | None, Header(max_length=60)] = None,
    ) -> Taken:
        """Submit a request of any of the four kinds. Who asks gets a mail; nothing goes out to partners before its link
        is followed, and after 48 hours the request is dropped. The same sent again within a day is the same request.

        A store app signs for its signed-in merchants instead (`Jobwire-App`, `Jobwire-Timestamp`, and
        `Jobwire-Signature: v1=` with the hex HMAC-SHA256 over timestamp, a dot, and the body; with an
        `Idempotency-Key`): then the request goes out at once.
        """
        merchant_id = body.details().merchant.merchant_id
        request_id = by.request_id(merchant_id, idempotency_key) if idempotency_key else uuid4()
        digest = await digest_of(request) if idempotency_key else None
        try:
            request_id, new = await desk.submit(request_id, body, by, traceparent, digest)
        except Problem as problem:
            result = f"limited_{problem.which}" if isinstance(problem, TooMany) else "invalid"
            metrics.forms.labels(body.kind, result).inc()
            raise
        except NotTaken:
            metrics.forms.labels(body.kind, "try_again").inc()
            raise
        metrics.forms.labels(body.kind, "taken" if new else "same_again").inc()
        return Taken(request_id=request_id, status_url=f"/api/v1/requests/{request_id}")

    @router.get("/requests/{request_id}", responses=READ)
    async def status(request_id: UUID) -> RequestState:
        request = await desk.status(request_id)
        if request is None:
            raise Problem(404, "not_found", "There is no such request.")
        return RequestState(request_id=request_id, status=request.status)

    @router.post("/requests/{request_id}/confirm", status_code=202, responses=CONFIRMED)
    async def confirm(request_id: UUID, body: Confirmation) -> Taken:
        """Follow the mailed link by API."""
        await desk.confirm(request_id, body.token)
        return Taken(request_id=request_id, status_url=f"/api/v1/requests/{request_id}")

    return router
