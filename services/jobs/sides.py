"""What a fact adds to what each side is shown: its own count, and the last activity that it may know of. Pure."""

from datetime import datetime

from shared.contracts.base import ActorKind, Message
from shared.contracts.jobs import Job
from shared.contracts.seen import sees


def shown(job: Job, fact: Message, at: datetime, *, moves: bool) -> dict[str, object]:
    """`moves` tells that the fact is an activity."""
    told = {side: sees(side, fact) for side in (ActorKind.PARTNER, ActorKind.MERCHANT)}
    return {
        "partner_version": job.version_for(ActorKind.PARTNER) + told[ActorKind.PARTNER],
        "merchant_version": job.version_for(ActorKind.MERCHANT) + told[ActorKind.MERCHANT],
        "merchant_activity_at": at if moves and told[ActorKind.MERCHANT] else job.activity_for_merchant,
    }
