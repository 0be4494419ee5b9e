"""What gateway says of operators: each act by its name, with its reason, before it is done and after."""

from datetime import datetime
from enum import StrEnum
from typing import get_args
from uuid import UUID

from shared.contracts.base import Contract, Message


class Deed(StrEnum):
    """What an operator can do. The record's key is the id of what it was done to."""

    RESOLVE_REPORT = "resolve_report"
    READ_CONVERSATION = "read_conversation"
    SUSPEND_PERSON = "suspend_person"
    RESTORE_PERSON = "restore_person"
    END_SESSIONS = "end_sessions"
    VOUCH_FOR_PARTNER = "vouch_for_partner"
    SUSPEND_PARTNER = "suspend_partner"
    RESTORE_PARTNER = "restore_partner"
    STOP_REQUEST = "stop_request"
    TAKE_DOWN_REVIEW = "take_down_review"
    TAKE_DOWN_LEAD_REVIEW = "take_down_lead_review"


class Outcome(StrEnum):
    """`unanswered`: its owner has it, and will do it. An act without any was interrupted: nobody knows."""

    DONE = "done"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class OperatorsAct(Contract):
    """`act_id` follows from the operator, the act and the `Idempotency-Key`: the same again is one. `operator` is the
    name of the token in the settings.
    """

    act_id: UUID
    operator: str
    deed: Deed
    subject: UUID
    reason: str
    at: datetime


class ActBegun(Message):
    """It is about to be done: nothing happens without a trace."""

    act: OperatorsAct


class ActEnded(Message):
    """`code` says why it was refused."""

    act: OperatorsAct
    outcome: Outcome
    code: str = ""


OperatorsRecord = ActBegun | ActEnded
ACTS = get_args(OperatorsRecord)
