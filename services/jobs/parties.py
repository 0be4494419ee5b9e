"""Who may do what to a job. Checked here again, behind the gateway: whoever can write to the topic is not yet a party
to the job. Pure.
"""

from shared.contracts.base import Actor, ActorKind, Message
from shared.contracts.jobs import (
    AddComment,
    AnswerReview,
    AskAccess,
    AskReview,
    AssignMember,
    AssignMembers,
    CloseJob,
    CompleteJob,
    ConsentAccess,
    DeclineJob,
    DenyAccess,
    EditReview,
    EndConversation,
    ExpireAccess,
    ExpireJob,
    GrantAccess,
    Job,
    MarkInactive,
    OpenJob,
    OpenReply,
    ReactivateJob,
    RefuseAccess,
    RemindJob,
    RequestAccess,
    ReviewJob,
    RevokeAccess,
    SendMessage,
    SettleAct,
    TakeDownReview,
    UnassignMember,
    UndoAct,
)
from shared.decisions import Rejection

MAY: dict[ActorKind, tuple[type[Message], ...]] = {
    ActorKind.PARTNER: (
        OpenJob,
        SendMessage,
        DeclineJob,
        MarkInactive,
        CompleteJob,
        ReactivateJob,
        UndoAct,
        AddComment,
        AssignMembers,
        AssignMember,
        UnassignMember,
        AskReview,
        AnswerReview,
        AskAccess,
        RequestAccess,
        RevokeAccess,
    ),
    ActorKind.MERCHANT: (
        OpenReply,
        SendMessage,
        DeclineJob,
        EndConversation,
        ReviewJob,
        EditReview,
        ConsentAccess,
        RefuseAccess,
        RevokeAccess,
    ),
    ActorKind.OPERATOR: (TakeDownReview,),
    ActorKind.SYSTEM: (
        RemindJob,
        ExpireJob,
        SettleAct,
        CloseJob,
        UnassignMember,
        GrantAccess,
        DenyAccess,
        ExpireAccess,
    ),
}
"""The commands of each party."""

CONVERSATION = (SendMessage, ReactivateJob, AskReview, AskAccess, RequestAccess, ConsentAccess)
"""What needs that the two sides still talk."""


def forbidden(job: Job, command: Message) -> Rejection | None:
    """Why this actor may not do this to this job at all, whatever its status; None where it may."""
    actor: Actor = command.actor  # type: ignore[attr-defined]  # each command of a job has one
    if not (isinstance(command, MAY[actor.kind]) and _is_party(job, actor)):
        return Rejection("forbidden", "Only the two sides of a job can change it, each in its own way.")
    # A matched partner is unknown to the merchant until its first reply, so nothing can be said to it either.
    if actor.kind is ActorKind.MERCHANT and not job.known_to_merchant:
        return Rejection("not_introduced", "This partner has not introduced itself yet.")
    if job.conversation_over and isinstance(command, CONVERSATION):
        return Rejection("closed", "The merchant has ended this conversation.")
    if job.stopped_at and isinstance(command, (*CONVERSATION, ReviewJob)):
        return Rejection("stopped", "Jobwire has stopped this request; nobody can write here any more.")
    if job.suspended and isinstance(command, CONVERSATION):
        return Rejection("closed", "This conversation is over: the partner no longer takes part.")
    return None


def _is_party(job: Job, actor: Actor) -> bool:
    match actor.kind:
        case ActorKind.PARTNER:
            return actor.partner_id == job.partner_id
        case ActorKind.MERCHANT:
            return actor.merchant_id == job.details.merchant.merchant_id
        case ActorKind.OPERATOR | ActorKind.SYSTEM:
            return True
