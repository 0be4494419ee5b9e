"""All rules of a request. Pure."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts.base import Actor, ActorKind
from shared.contracts.requests import (
    ConfirmRequest,
    DropRequest,
    MarkHelped,
    Merchant,
    Request,
    RequestCommand,
    RequestConfirmed,
    RequestDetails,
    RequestDropped,
    RequestFact,
    RequestHelped,
    RequestStatus,
    RequestStopped,
    RequestSubmitted,
    RequestWithdrawn,
    StopRequest,
    SubmitRequest,
    WithdrawRequest,
    merchant_id_of,
)
from shared.decisions import Decision, Rejection, Timer
from shared.taxonomy import is_service

S = RequestStatus
ERASED, ERASED_EMAIL = "–", "erased@jobwire.invalid"

_NOT_CONFIRMED = {
    S.WITHDRAWN: Rejection("withdrawn", "This request was withdrawn."),
    S.HELPED: Rejection("helped", "You have found somebody."),
    S.DROPPED: Rejection("dropped", "This request was not confirmed in time. Please send it again."),
    S.STOPPED: Rejection("stopped", "Jobwire has stopped this request."),
}


def decide(request: Request | None, command: RequestCommand, request_id: UUID, at: datetime) -> Decision:
    if isinstance(command, SubmitRequest):
        return _submit(request, command)
    if request is None:
        raise ValueError(f"There is no request {request_id} to decide about.")
    if isinstance(command, DropRequest):
        return _drop(request, command, at)
    if isinstance(command, StopRequest):
        return _stop(request, command)
    if not _is_theirs(request, command.actor):
        return Rejection("forbidden", "Only who asked can change the request.")
    match command:
        case ConfirmRequest():
            return _NOT_CONFIRMED.get(request.status) or ([RequestConfirmed()] if request.status is S.SUBMITTED else [])
        case WithdrawRequest():
            if request.status in (S.DROPPED, S.STOPPED):
                return _NOT_CONFIRMED[request.status]
            return [] if request.status is S.WITHDRAWN else [RequestWithdrawn()]
        case MarkHelped():
            return _help(request)


def evolve(request: Request | None, fact: RequestFact, request_id: UUID, at: datetime) -> Request:
    if isinstance(fact, RequestSubmitted):
        return _new_request(fact, request_id, at)
    if request is None:
        raise ValueError(f"{type(fact).__name__} before RequestSubmitted.")
    match fact:
        case RequestConfirmed():
            return request.model_copy(update={"status": S.CONFIRMED, "confirmed_at": at, "confirm_until": None})
        case RequestWithdrawn():
            return request.model_copy(update={"status": S.WITHDRAWN, "confirm_until": None})
        case RequestStopped():
            details = request.details if request.confirmed_at else _without_words(request.details)
            return request.model_copy(update={"status": S.STOPPED, "confirm_until": None, "details": details})
        case RequestHelped():
            return request.model_copy(update={"status": S.HELPED})
        case RequestDropped():
            dropped = {"status": S.DROPPED, "confirm_until": None, "details": _without_words(request.details)}
            return request.model_copy(update=dropped)


def timer(request: Request) -> Timer | None:
    """When a request is dropped whose address has not answered."""
    return Timer("drop", request.confirm_until) if request.confirm_until else None


def _new_request(fact: RequestSubmitted, request_id: UUID, at: datetime) -> Request:
    """Who is signed in has an address that is known: their request needs no confirmation."""
    known = fact.confirm_within_seconds is None
    return Request(
        request_id=request_id,
        status=S.SUBMITTED,
        details=fact.details,
        submitted_at=at,
        confirm_until=None if known else at + timedelta(seconds=fact.confirm_within_seconds or 0),
    )


def _without_words(details: RequestDetails) -> RequestDetails:
    """What is left of a request whose address has not answered: it may have been anybody's who is named in it. Its id
    stays, so that the same form sent again is no second request, and the merchant's, so that its link still says why.
    """
    nobody = Merchant(merchant_id=details.merchant.merchant_id, name=ERASED, email=ERASED_EMAIL)
    erased = {"merchant": nobody, "business": ERASED, "title": ERASED, "requirements": ERASED, "budget": None}
    return details.model_copy(update=erased)


def _submit(request: Request | None, command: SubmitRequest) -> Decision:
    details, actor = command.details, command.actor
    if request is not None:
        return []  # the form came twice
    if not is_service(details.service):
        return Rejection("unknown_service", f"There is no service {details.service!r}.")
    if details.kind.names_a_partner != (details.partner_id is not None):
        return Rejection("partner_needed", "Who asks for one partner names it, and who is matched names none.")
    if not details.kind.is_prospects and details.merchant.store_url is None:
        return Rejection("store_needed", "A merchant has a store; without one there is the form for prospects.")
    if actor.merchant_id != details.merchant.merchant_id or actor.kind is not ActorKind.MERCHANT:
        return Rejection("forbidden", "A merchant submits requests of its own.")
    if details.merchant.merchant_id != merchant_id_of(details.merchant.email):
        return Rejection("forbidden", "The merchant's id does not belong to the address.")
    submitted = RequestSubmitted(details=details, confirm_within_seconds=command.confirm_within_seconds)
    return [submitted] if command.confirm_within_seconds is not None else [submitted, RequestConfirmed()]


def _help(request: Request) -> Decision:
    if request.status is S.HELPED:
        return []
    if request.status is not S.CONFIRMED or not request.details.kind.is_prospects:
        return Rejection("not_waiting", "This request is not with any partner.")
    return [RequestHelped()]


def _drop(request: Request, command: DropRequest, at: datetime) -> Decision:
    if command.actor.kind is not ActorKind.SYSTEM:
        return Rejection("forbidden", "Requests are dropped by the clock.")
    if request.status is not S.SUBMITTED or command.due_at != request.confirm_until or at < command.due_at:
        return Rejection("not_due", "This request does not wait, or still has time.")
    return [RequestDropped()]


def _stop(request: Request, command: StopRequest) -> Decision:
    """By an operator, or because its merchant was suspended. What is over for its merchant can still be stopped: those
    who were asked may go on with it. What was dropped went to nobody.
    """
    if command.actor.kind not in (ActorKind.OPERATOR, ActorKind.SYSTEM):
        return Rejection("forbidden", "Only the marketplace stops requests.")
    return [] if request.status in (S.DROPPED, S.STOPPED) else [RequestStopped()]


def _is_theirs(request: Request, actor: Actor) -> bool:
    return actor.kind is ActorKind.MERCHANT and actor.merchant_id == request.details.merchant.merchant_id
