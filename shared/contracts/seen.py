"""Who sees which fact of a job. Whatever a side is shown, told or counts follows from this table: the version of its
view, its timeline, its live events, when it sees the last activity.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from shared.contracts.base import ActorKind, Message
from shared.contracts.jobs import (
    AccessChanged,
    ActDelayed,
    ActUndone,
    CommentAdded,
    ConversationEnded,
    JobBlocked,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobEnded,
    JobExpired,
    JobMarkedInactive,
    JobOpened,
    JobReactivated,
    JobReminded,
    JobReplied,
    JobReviewed,
    JobStopped,
    MembersAssigned,
    MerchantReplied,
    ReplyOpened,
    ReviewAnswered,
    ReviewAsked,
    ReviewEdited,
    ReviewTakenDown,
)


class Seen(NamedTuple):
    """Whether each side sees it. A name is that of the fact's own field which says so."""

    partner: bool | str
    merchant: bool | str

    def by(self, side: ActorKind) -> bool | str:
        """Raises KeyError for who is no side."""
        return {ActorKind.PARTNER: self.partner, ActorKind.MERCHANT: self.merchant}[side]


BOTH, TEAM = Seen(partner=True, merchant=True), Seen(partner=True, merchant=False)

SEEN: Mapping[type[Message], Seen] = MappingProxyType(
    {
        JobCreated: TEAM,  # a merchant knows of its request; when it went to whom is not for it to know
        JobOpened: TEAM,
        JobReplied: BOTH,
        MerchantReplied: BOTH,
        ReplyOpened: TEAM,
        JobDeclined: BOTH,
        JobExpired: BOTH,
        JobReminded: TEAM,
        JobMarkedInactive: TEAM,
        JobCompleted: BOTH,
        JobReactivated: Seen(partner=True, merchant="reopens"),
        CommentAdded: TEAM,
        MembersAssigned: Seen(partner="changes", merchant=False),
        JobReviewed: BOTH,
        ReviewEdited: BOTH,
        ReviewAsked: BOTH,
        ReviewAnswered: BOTH,
        ReviewTakenDown: BOTH,
        ActDelayed: TEAM,
        ActUndone: TEAM,
        AccessChanged: BOTH,
        ConversationEnded: BOTH,
        JobStopped: BOTH,
        JobEnded: BOTH,
        JobBlocked: Seen(partner=False, merchant=True),
    }
)


def sees(side: ActorKind, fact: Message) -> bool:
    """Raises KeyError for who is no side, and for what is no fact of a job."""
    seen = SEEN[type(fact)].by(side)
    return seen if isinstance(seen, bool) else bool(getattr(fact, seen))
