"""All rules of a request. Pure."""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import Actor, ActorKind
from shared.contracts.requests import (
    ConfirmRequest,
    Request,
    RequestCommand,
    RequestConfirmed,
    RequestDetails,
    RequestFact,
    RequestKind,
    RequestStatus,
    RequestSubmitted,
    RequestWithdrawn,
    SubmitRequest,
    WithdrawRequest,
    merchant_id_of,
)
from shared.decisions import Decision, Rejection
from shared.taxonomy import is_service


def decide(request: Request | None, command: RequestCommand, request_id: UUID, at: datetime) -> Decision:
    match command:
        case SubmitRequest(details=details, actor=actor):
            return _submit(request, details, actor)
        case ConfirmRequest(actor=actor):
            if request is None:
                raise ValueError(f"There is no request {request_id} to confirm.")
            if not _is_theirs(request, actor):
                return Rejection("forbidden", "Only the merchant who asked can confirm the request.")
            if request.status is RequestStatus.WITHDRAWN:
                return Rejection("withdrawn", "This request was withdrawn.")
            return [RequestConfirmed()] if request.status is RequestStatus.SUBMITTED else []
        case WithdrawRequest(actor=actor):
            if request is None:
                raise ValueError(f"There is no request {request_id} to withdraw.")
            if not _is_theirs(request, actor):
                return Rejection("forbidden", "Only the merchant who asked can withdraw the request.")
            return [] if request.status is RequestStatus.WITHDRAWN else [RequestWithdrawn()]


def evolve(request: Request | None, fact: RequestFact, request_id: UUID, at: datetime) -> Request:
    match fact:
        case RequestSubmitted(details=details):
            return Request(request_id=request_id, status=RequestStatus.SUBMITTED, details=details, submitted_at=at)
        case RequestConfirmed():
            if request is None:
                raise ValueError("RequestConfirmed before RequestSubmitted.")
            return request.model_copy(update={"status": RequestStatus.CONFIRMED, "confirmed_at": at})
        case RequestWithdrawn():
            if request is None:
                raise ValueError("RequestWithdrawn before RequestSubmitted.")
            return request.model_copy(update={"status": RequestStatus.WITHDRAWN})


def _submit(request: Request | None, details: RequestDetails, actor: Actor) -> Decision:
    if request is not None:
        return []  # the form came twice
    if not is_service(details.service):
        return Rejection("unknown_service", f"There is no service {details.service!r}.")
    if (details.kind is RequestKind.DIRECT) != (details.partner_id is not None):
        return Rejection("partner_needed", "A direct request names its partner, and a matched one names none.")
    if actor.merchant_id != details.merchant.merchant_id or actor.kind is not ActorKind.MERCHANT:
        return Rejection("forbidden", "A merchant submits requests of its own.")
    if details.merchant.merchant_id != merchant_id_of(details.merchant.email):
        return Rejection("forbidden", "The merchant's id does not belong to the address.")
    return [RequestSubmitted(details=details)]


def _is_theirs(request: Request, actor: Actor) -> bool:
    return actor.kind is ActorKind.MERCHANT and actor.merchant_id == request.details.merchant.merchant_id
