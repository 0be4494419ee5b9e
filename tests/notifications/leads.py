"""Leads and matches, for the tests of the mails about them."""

from typing import Any
from uuid import UUID

from shared.contracts.base import Message, derived_id
from shared.contracts.leads import Lead, LeadDelivered, lead_id_of
from shared.contracts.matching import Asked, Match, MatchStatus, RequestMatched, Selection
from shared.contracts.requests import RequestDetails, RequestKind
from tests.builders import NOW, PARTNER_ID, REQUEST_ID, a_merchant, an_event, details


def asked(kind: RequestKind = RequestKind.LEAD, **fields: Any) -> RequestDetails:
    """What a prospect asks for."""
    named = {"partner_id": PARTNER_ID} if kind.names_a_partner else {}
    prospect = a_merchant(name="Mia Kettle", store_url=None, phone="+33 1 99 00 12 34")
    return details(kind, **{"merchant": prospect, **named, **fields})


def a_lead(
    kind: RequestKind = RequestKind.LEAD, *, request_id: UUID = REQUEST_ID, partner_id: UUID = PARTNER_ID, **more: Any
) -> Lead:
    fields = {"details": asked(kind), "others": 0 if kind.names_a_partner else 3, "delivered_at": NOW, "version": 1}
    lead_id = lead_id_of(request_id, partner_id)
    return Lead(lead_id=lead_id, request_id=request_id, partner_id=partner_id, **{**fields, **more})


def delivered(number: int = 0, kind: RequestKind = RequestKind.LEAD, **fields: Any) -> Any:
    """The event of one of many leads."""
    lead = a_lead(kind, request_id=derived_id("request of a lead", number), **fields)
    given = {name: getattr(lead, name) for name in LeadDelivered.model_fields}
    return about(LeadDelivered(**given), lead)


def about(fact: Message, lead: Lead) -> Any:
    return an_event(fact, lead, subject=lead.lead_id)


def a_match(fact: Message, of: RequestDetails, *partners: Asked) -> Any:
    """The event of a match."""
    match = Match(
        request_id=REQUEST_ID,
        details=of,
        status=MatchStatus.WAITING,
        wave=1,
        asked=partners,
        started_at=NOW,
        version=1,
    )
    return an_event(fact, match, subject=REQUEST_ID)


def matched(of: RequestDetails, partners: int = 4, **fields: Any) -> RequestMatched:
    chosen = tuple(
        Selection(partner_id=derived_id("chosen", number), score=1.0, factors=()) for number in range(partners)
    )
    return RequestMatched(details=of, selections=chosen, **{"wave": 1, "wave_after_seconds": 48 * 3600, **fields})
