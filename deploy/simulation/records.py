"""The records of a run, as the topics carry them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from deploy.simulation.market import Firm, Wish
from services.jobs.job import evolve
from shared.contracts.base import Actor, ActorKind, Event, EventData, Message, Snapshot, derived_id
from shared.contracts.jobs import Decline, DeclineReason, JobCreated, JobDeclined, JobFact, job_id_of
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import Request, RequestStatus, RequestSubmitted, RequestWithdrawn

REPLY_WINDOW_SECONDS = 72 * 3600

Said = Event[Any, Any]


def joined(firm: Firm) -> Said:
    partner = firm.partner
    fact = PartnerChanged(profile=partner.profile, preferences=partner.preferences, members=())
    return _event(fact, partner, firm.partner_id, firm.joins)


def submitted(wish: Wish) -> Said:
    """By somebody who is signed in, whose address needs no confirmation."""
    fact = RequestSubmitted(details=wish.details, confirm_within_seconds=None)
    return _event(fact, _request(wish, RequestStatus.CONFIRMED, 2), wish.request_id, wish.at)


def withdrawn(wish: Wish, at: datetime) -> Said:
    return _event(RequestWithdrawn(), _request(wish, RequestStatus.WITHDRAWN, 3), wish.request_id, at)


class JobLog:
    """One job's facts, and the job as it stands after each of them. Nobody is told that it was created: it would tell
    matching nothing that it has not said itself in `RequestMatched`, and be a third of all records.
    """

    def __init__(self, wish: Wish, partner_id: UUID, at: datetime) -> None:
        self._job_id = job_id_of(wish.request_id, partner_id)
        created = JobCreated(
            request_id=wish.request_id,
            partner_id=partner_id,
            details=wish.details,
            reply_window_seconds=REPLY_WINDOW_SECONDS,
            remind_before_seconds=(),
        )
        self._job = evolve(None, created, self._job_id, at).model_copy(update={"version": 1})

    def says(self, fact: JobFact, at: datetime) -> Said:
        version = self._job.version + 1
        self._job = evolve(self._job, fact, self._job_id, at).model_copy(update={"version": version})
        return _event(fact, self._job, self._job_id, at)


def by_partner(partner_id: UUID) -> Actor:
    return Actor(kind=ActorKind.PARTNER, partner_id=partner_id)


def by_merchant(wish: Wish) -> Actor:
    return Actor(kind=ActorKind.MERCHANT, merchant_id=wish.details.merchant.merchant_id)


def declined(actor: Actor, reason: str) -> JobDeclined:
    return JobDeclined(decline=Decline(by=actor.kind, reason=DeclineReason(reason)), actor=actor)


def _request(wish: Wish, status: RequestStatus, version: int) -> Request:
    return Request(
        request_id=wish.request_id,
        status=status,
        details=wish.details,
        submitted_at=wish.at,
        confirmed_at=wish.at,
        version=version,
    )


def _event(fact: Message, snapshot: Snapshot, subject: UUID, at: datetime) -> Said:
    """Built without validation: all its parts are valid."""
    event_id = derived_id("simulated event", type(fact).__name__, subject, snapshot.version)
    return Said.model_construct(
        id=event_id,
        type=type(fact).__name__,
        source="/simulation",
        subject=subject,
        time=at,
        correlationid=event_id,
        causationid=event_id,
        traceparent=None,
        version=snapshot.version,
        data=EventData[Any, Any].model_construct(fact=fact, snapshot=snapshot),
    )
