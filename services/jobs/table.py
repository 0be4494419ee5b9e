"""The status of a job after each move (DESIGN §5). What is not in the table is refused."""

from enum import StrEnum

from shared.contracts.jobs import Job, Status
from shared.decisions import Rejection


class Move(StrEnum):
    """What can be done to a job, as the columns of the table."""

    OPEN = "open"
    PARTNER_WRITES = "partner writes"
    MERCHANT_WRITES = "merchant writes"
    DECLINE = "decline"
    EXPIRE = "expire"
    MARK_INACTIVE = "mark inactive"
    COMPLETE = "complete"
    REACTIVATE = "reactivate"
    REVIEW = "review"


S, M = Status, Move

TABLE: dict[tuple[Status, Move], Status] = {
    (S.NEW, M.OPEN): S.OPENED,
    (S.NEW, M.PARTNER_WRITES): S.REPLIED,
    (S.NEW, M.MERCHANT_WRITES): S.NEW,
    (S.NEW, M.DECLINE): S.DECLINED,
    (S.NEW, M.EXPIRE): S.EXPIRED,
    (S.OPENED, M.PARTNER_WRITES): S.REPLIED,
    (S.OPENED, M.MERCHANT_WRITES): S.OPENED,
    (S.OPENED, M.DECLINE): S.DECLINED,
    (S.OPENED, M.EXPIRE): S.EXPIRED,
    (S.REPLIED, M.PARTNER_WRITES): S.REPLIED,
    (S.REPLIED, M.MERCHANT_WRITES): S.AWAITING_REPLY,
    (S.REPLIED, M.DECLINE): S.DECLINED,
    (S.REPLIED, M.MARK_INACTIVE): S.INACTIVE,
    (S.REPLIED, M.COMPLETE): S.COMPLETED,
    (S.AWAITING_REPLY, M.PARTNER_WRITES): S.REPLIED,
    (S.AWAITING_REPLY, M.MERCHANT_WRITES): S.AWAITING_REPLY,
    (S.AWAITING_REPLY, M.DECLINE): S.DECLINED,
    (S.AWAITING_REPLY, M.MARK_INACTIVE): S.INACTIVE,
    (S.AWAITING_REPLY, M.COMPLETE): S.COMPLETED,
    (S.INACTIVE, M.PARTNER_WRITES): S.INACTIVE,
    (S.INACTIVE, M.MERCHANT_WRITES): S.AWAITING_REPLY,
    (S.INACTIVE, M.DECLINE): S.DECLINED,
    (S.INACTIVE, M.MARK_INACTIVE): S.INACTIVE,
    (S.INACTIVE, M.COMPLETE): S.COMPLETED,
    (S.INACTIVE, M.REACTIVATE): S.REPLIED,  # or awaiting reply: `Job.turn` says whose turn it was
    (S.COMPLETED, M.PARTNER_WRITES): S.COMPLETED,
    (S.COMPLETED, M.MERCHANT_WRITES): S.COMPLETED,
    (S.COMPLETED, M.COMPLETE): S.COMPLETED,
    (S.COMPLETED, M.REACTIVATE): S.REPLIED,  # as above
    (S.COMPLETED, M.REVIEW): S.COMPLETED,
}

UNANSWERED = frozenset({S.NEW, S.OPENED})
CLOSED = frozenset({S.DECLINED, S.EXPIRED})

_REASONS = {
    S.EXPIRED: "This job has expired; it can't be answered any more.",
    S.DECLINED: "This job was declined; it is closed.",
    S.COMPLETED: "This job is completed. Reactivate it first.",
    S.NEW: "Write to the merchant first.",
    S.OPENED: "Write to the merchant first.",
}


def refusal(job: Job, move: Move) -> Rejection | None:
    """Why this move is refused in the job's status, or None where the table has it."""
    if (job.status, move) in TABLE:
        return None
    if job.status in CLOSED:
        return Rejection(job.status.value, _REASONS[job.status])
    reason = _REASONS.get(job.status, f"A job that is {job.status.value} does not allow: {move.value}.")
    return Rejection("wrong_status", reason)
