"""Access to the merchant's store: asked for in the conversation, consented to, requested, granted or denied, revoked.

Out of respect for the merchant's privacy nothing is requested before the merchant has agreed. A consent is to one ask,
with what it names and for its days, lapses when it is not used, and counts only from somebody who has shown that the
store is theirs. Whatever ends the work ends the access. Pure.
"""

from datetime import datetime, timedelta

from services.jobs.table import CLOSED
from shared.contracts.base import Actor, Message
from shared.contracts.jobs import (
    AccessChanged,
    AccessStatus,
    Act,
    AskAccess,
    ConsentAccess,
    DenyAccess,
    ExpireAccess,
    GrantAccess,
    Job,
    RefuseAccess,
    RequestAccess,
    RevokeAccess,
    Status,
    StoreAccess,
)
from shared.contracts.requests import StoreProof
from shared.decisions import Decision, Rejection

AccessCommand = (
    AskAccess | ConsentAccess | RefuseAccess | RequestAccess | GrantAccess | DenyAccess | RevokeAccess | ExpireAccess
)

A = AccessStatus
NOT_ASKED = (None, A.DENIED, A.REVOKED, A.EXPIRED)
LIVE = (A.ASKED, A.CONSENTED, A.REQUESTED, A.GRANTED)

STEPS: dict[type[Message], tuple[tuple[AccessStatus | None, ...], AccessStatus]] = {
    AskAccess: (NOT_ASKED, A.ASKED),
    ConsentAccess: ((A.ASKED,), A.CONSENTED),
    RefuseAccess: ((A.ASKED, A.CONSENTED), A.DENIED),
    RequestAccess: ((A.CONSENTED,), A.REQUESTED),
    GrantAccess: ((A.REQUESTED,), A.GRANTED),
    DenyAccess: ((A.REQUESTED,), A.DENIED),
    RevokeAccess: (LIVE, A.REVOKED),
    ExpireAccess: ((A.GRANTED, A.CONSENTED), A.EXPIRED),
}
"""From which states each step leads to which."""


CONSENT_LASTS = timedelta(days=14)
_ADVANCING = (AskAccess, ConsentAccess, RequestAccess)
"""The steps that lead into the store; the others lead out of it."""


def decide_access(job: Job, command: AccessCommand, at: datetime) -> Decision:
    before = job.access.status if job.access else None
    allowed, after = STEPS[type(command)]
    if before not in allowed:
        return _refused(command, before)
    refused = _no_advance(job, command) or _no_fit(job.access, command, at)
    if refused:
        return refused
    note = command.note if isinstance(command, AskAccess) else ""
    return [AccessChanged(access=_next(job, command, after, at), note=note, actor=command.actor)]


def _no_advance(job: Job, command: AccessCommand) -> Rejection | None:
    """Why nobody comes nearer to the store just now."""
    if not isinstance(command, _ADVANCING):
        return None
    by_partner = not isinstance(command, ConsentAccess)
    if by_partner and job.pending and job.pending.act is Act.DECLINE:
        return Rejection("act_pending", "You have just declined this job. Take that back first.")
    if not job.introduced or job.status in CLOSED or job.status is Status.COMPLETED:
        return Rejection("wrong_status", "Access is asked for while you work on the job. Reactivate it first.")
    if _proof(job, command) is None:
        return Rejection(
            "store_unproved",
            "The merchant has not shown yet that this store is theirs. They can do so in their account.",
        )
    return None


def _no_fit(access: StoreAccess | None, command: AccessCommand, at: datetime) -> Rejection | None:
    """Why this step is not to what is there now."""
    match command:
        case AskAccess(permissions=permissions, days=days) if not permissions or not days:
            return Rejection("nothing_asked", "Say which permissions you need, and for how many days.")
        case ConsentAccess(asked_at=asked_at) if access and (access.asked_at is None or access.asked_at != asked_at):
            return Rejection("other_ask", "This is not what is asked for now. Please look at it again.")
        case RequestAccess() if access and not _within(access, command):
            return Rejection("beyond_consent", "The merchant has not agreed to this. Ask for it first.")
        case ExpireAccess() if not _has_expired(access, command, at):
            return Rejection("not_due", "This has not run out.")
        case GrantAccess() | DenyAccess() if not _is_answered(access, command):
            return Rejection("wrong_access", "This answer is to an earlier request.")
    return None


def ends_at(job: Job) -> datetime | None:
    """When what was granted, or an unused consent, runs out."""
    match job.access:
        case StoreAccess(status=A.GRANTED, expires_at=ends):
            return ends
        case StoreAccess(status=A.CONSENTED, consent_until=ends):
            return ends
    return None


def access_ended(job: Job, actor: Actor) -> list[Message]:
    """What follows for the store when the job is closed: nobody keeps a key to it."""
    if job.access is None or job.access.status not in LIVE:
        return []
    return [AccessChanged(access=job.access.model_copy(update={"status": A.REVOKED}), actor=actor)]


def _next(job: Job, command: AccessCommand, after: AccessStatus, at: datetime) -> StoreAccess:
    match command:
        case AskAccess(permissions=permissions, days=days):
            wanted = tuple(dict.fromkeys(permissions))
            return StoreAccess(status=after, permissions=wanted, days=days, asked_at=at, proof=_proof(job, command))
        case ConsentAccess():
            consented = {"consented_at": at, "consent_until": at + CONSENT_LASTS, "proof": _proof(job, command)}
            return _with(job.access, after, **consented)
        case RequestAccess(permissions=permissions, days=days):
            wanted = tuple(dict.fromkeys(permissions))
            return _with(job.access, after, permissions=wanted, days=days, requested_at=at, consent_until=None)
        case GrantAccess():
            days = job.access.days if job.access else 0
            return _with(job.access, after, expires_at=at + timedelta(days=days))
        case _:
            return _with(job.access, after)


def _with(access: StoreAccess | None, status: AccessStatus, **fields: object) -> StoreAccess:
    assert access is not None, "Whatever comes after an ask has one before it."
    return access.model_copy(update={"status": status, **fields})


def _proof(job: Job, command: AccessCommand) -> StoreProof | None:
    """How the merchant has shown that the store is theirs: what was known with the request, or is known since."""
    since = command.proof if isinstance(command, AskAccess | ConsentAccess) else None
    asked_with = job.access.proof if job.access and not isinstance(command, AskAccess) else None
    return since or asked_with or job.details.merchant.store_proof


def _within(access: StoreAccess, command: RequestAccess) -> bool:
    return set(command.permissions) <= set(access.permissions) and command.days <= access.days


def _is_answered(access: StoreAccess | None, command: GrantAccess | DenyAccess) -> bool:
    return access is not None and access.requested_at == command.requested_at


def _has_expired(access: StoreAccess | None, command: ExpireAccess, at: datetime) -> bool:
    if access is None:
        return False
    ends = access.expires_at if access.status is A.GRANTED else access.consent_until
    return ends == command.expires_at and at >= command.expires_at


def _refused(command: AccessCommand, before: AccessStatus | None) -> Rejection:
    if isinstance(command, RequestAccess) and before in (*NOT_ASKED, A.ASKED):
        return Rejection("consent_missing", "Ask the merchant first; access is requested only with their consent.")
    state = before.value if before else "not asked for"
    return Rejection("wrong_access", f"Access to the store is {state}.")
