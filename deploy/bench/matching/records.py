"""What partners and requests are on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from deploy.bench.matching.market import request_id
from services.matching.offline import Raw
from shared.contracts.base import Message, Snapshot, derived_id
from shared.contracts.codec import encode_parts
from shared.contracts.partners import Partner, PartnerChanged
from shared.contracts.requests import Request, RequestConfirmed, RequestDetails, RequestStatus
from shared.publisher import Outgoing, key_of
from shared.topics import PARTNERS, REQUESTS


def raw(out: Outgoing, offset: int, at: datetime) -> Raw:
    """The record as a consumer fetches it."""
    return Raw(out.topic, int(at.timestamp() * 1000), out.value, out.key, offset=offset)


def changed(partner: Partner, part: str, at: datetime) -> Outgoing:
    """As the gateway says it. The fact has the part that changed, `profile` or `preferences`, whole."""
    fact = PartnerChanged.model_validate({part: getattr(partner, part)})
    return event(PARTNERS.name, partner.partner_id, fact, partner, at)


def confirmed(number: int, details: RequestDetails, at: datetime) -> Outgoing:
    """As leads says it when the address has answered, or needs no answer."""
    request = Request(
        version=2,
        request_id=request_id(number),
        status=RequestStatus.CONFIRMED,
        details=details,
        submitted_at=at,
        confirmed_at=at,
    )
    return event(REQUESTS.name, request.request_id, RequestConfirmed(), request, at)


def event(topic: str, subject: UUID, fact: Message, snapshot: Snapshot, at: datetime) -> Outgoing:
    event_id = derived_id("matching bench", topic, subject, snapshot.version)
    envelope: dict[str, Any] = {
        "id": event_id,
        "type": type(fact).__name__,
        "source": f"/{topic}",
        "subject": subject,
        "time": at,
        "correlationid": event_id,
        "causationid": event_id,
        "traceparent": None,
        "version": snapshot.version,
    }
    value = encode_parts(envelope, {"fact": to_json(fact), "snapshot": to_json(snapshot)})
    return Outgoing(topic, key_of(subject), value)
