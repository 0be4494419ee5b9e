"""Access to the merchant's store: asked for in the conversation, consented to, requested, granted or denied, revoked.

Out of respect for the merchant's privacy nothing is requested before the merchant has agreed. Pure.
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
    StoreAccess,
)
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
    ExpireAccess: ((A.GRANTED,), A.EXPIRED),
}
"""From which states each step leads to which."""


def decide_access(job: Job, command: AccessCommand, at: datetime) -> Decision:
    before = job.access.status if job.access else None
    allowed, after = STEPS[type(command)]
    if before not in allowed:
        return _refused(command, before)
    if isinstance(command, AskAccess | RequestAccess) and job.pending and job.pending.act is Act.DECLINE:
        return Rejection("act_pending", "You have just declined this job. Take that back first.")
    if isinstance(command, AskAccess) and (not job.introduced or job.status in CLOSED):
        return Rejection("wrong_status", "Access is asked for in a conversation that is open.")
    if isinstance(command, ExpireAccess) and not _has_expired(job.access, command, at):
        return Rejection("not_due", "This grant has not run out.")
    if isinstance(command, GrantAccess | DenyAccess) and not _is_answered(job.access, command):
        return Rejection("wrong_access", "This answer is to an earlier request.")
    note = command.note if isinstance(command, AskAccess) else ""
    return [AccessChanged(access=_next(job.access, command, after, at), note=note, actor=command.actor)]


def access_ended(job: Job, actor: Actor) -> list[Message]:
    """What follows for the store when the job is closed: nobody keeps a key to it."""
    if job.access is None or job.access.status not in LIVE:
        return []
    return [AccessChanged(access=job.access.model_copy(update={"status": A.REVOKED}), actor=actor)]


def _next(access: StoreAccess | None, command: AccessCommand, after: AccessStatus, at: datetime) -> StoreAccess:
    if access is None or isinstance(command, AskAccess):
        return StoreAccess(status=after)
    match command:
        case RequestAccess(permissions=permissions, days=days):
            wanted = tuple(dict.fromkeys(permissions))
            return StoreAccess(status=after, permissions=wanted, days=days, requested_at=at)
        case GrantAccess():
            return access.model_copy(update={"status": after, "expires_at": at + timedelta(days=access.days)})
        case _:
            return access.model_copy(update={"status": after})


def _is_answered(access: StoreAccess | None, command: GrantAccess | DenyAccess) -> bool:
    return access is not None and access.requested_at == command.requested_at


def _has_expired(access: StoreAccess | None, command: ExpireAccess, at: datetime) -> bool:
    return access is not None and access.expires_at == command.expires_at and at >= command.expires_at


def _refused(command: AccessCommand, before: AccessStatus | None) -> Rejection:
    if isinstance(command, RequestAccess) and before in (*NOT_ASKED, A.ASKED):
        return Rejection("consent_missing", "Ask the merchant first; access is requested only with their consent.")
    state = before.value if before else "not asked for"
    return Rejection("wrong_access", f"Access to the store is {state}.")
