"""Things of the domain, valid by default: a test names only what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.jobs.job import evolve
from shared.clock import from_timestamp
from shared.commands import command
from shared.contracts.base import (
    Actor,
    ActorKind,
    Event,
    EventData,
    Locale,
    Message,
    Money,
    Record,
    Snapshot,
    derived_id,
)
from shared.contracts.codec import encode
from shared.contracts.jobs import (
    CreateJob,
    Decline,
    DeclineReason,
    Job,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobExpired,
    JobMarkedInactive,
    JobOpened,
    JobReplied,
    MerchantReplied,
    Status,
    job_id_of,
)
from shared.contracts.partners import Member, Offer, Partner, Preferences, Profile, Role
from shared.contracts.requests import Merchant, Request, RequestDetails, RequestKind, RequestStatus, merchant_id_of
from shared.publisher import Headers, key_of
from shared.records import Received

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = 72 * HOUR
UNDO = timedelta(seconds=8)
"""How long an act can be taken back."""

REQUEST_ID = UUID("11111111-1111-4111-8111-111111111111")
PARTNER_ID = UUID("22222222-2222-4222-8222-222222222222")
AIKO, KEN, LEA = (derived_id("member", name) for name in ("aiko", "ken", "lea"))
MERCHANT_EMAIL = "mia@kettle.example"
MERCHANT_ID = merchant_id_of(MERCHANT_EMAIL)
JOB_ID = job_id_of(REQUEST_ID, PARTNER_ID)

BY_PARTNER = Actor(kind=ActorKind.PARTNER, partner_id=PARTNER_ID, member_id=AIKO, name="Aiko")
BY_MERCHANT = Actor(kind=ActorKind.MERCHANT, merchant_id=MERCHANT_ID, name="Mia")
BY_SYSTEM = Actor(kind=ActorKind.SYSTEM)
BY_OPERATOR = Actor(kind=ActorKind.OPERATOR, name="ora")
BY_OTHER_PARTNER = Actor(kind=ActorKind.PARTNER, partner_id=derived_id("another partner"), member_id=KEN, name="Otto")
BY_OTHER_MERCHANT = Actor(kind=ActorKind.MERCHANT, merchant_id=derived_id("another merchant"), name="Olga")


def a_merchant(email: str = MERCHANT_EMAIL, **fields: Any) -> Merchant:
    defaults = {"name": "Kettle & Thread", "store_url": "https://kettle.example"}
    return Merchant(**{"merchant_id": merchant_id_of(email), "email": email, **defaults, **fields})


def details(kind: RequestKind = RequestKind.MATCH, **fields: Any) -> RequestDetails:
    defaults = {
        "locale": Locale.EN,
        "merchant": a_merchant(),
        "business": "Tea and thread.",
        "service": "seo",
        "title": "Spring launch",
        "requirements": "Be found, soon.",
        "partner_id": PARTNER_ID if kind is RequestKind.DIRECT else None,
    }
    return RequestDetails(kind=kind, **{**defaults, **fields})


def a_request(status: RequestStatus = RequestStatus.SUBMITTED, **fields: Any) -> Request:
    confirmed = {"confirmed_at": NOW} if status is RequestStatus.CONFIRMED else {}
    about = fields.pop("details", None) or details()
    return Request(
        **{"request_id": REQUEST_ID, "status": status, "details": about, "submitted_at": NOW} | confirmed | fields
    )


def an_offer(service: str = "seo", price: str = "1000", **fields: Any) -> Offer:
    defaults = {"price_from": Money(amount=Decimal(price), currency="USD"), "unit": "project", "lead_days": 10}
    return Offer(service=service, **{**defaults, **fields})


def a_member(name: str = "Aiko", role: Role = Role.OWNER, **fields: Any) -> Member:
    low = name.lower()
    defaults = {"member_id": derived_id("member", low), "email": f"{low}@hoshi.example", "locale": Locale.JA}
    return Member(name=name, role=role, **{**defaults, **fields})


def a_partner(name: str = "Studio Hoshi", **fields: Any) -> Partner:
    """Fields of the profile and of the preferences may be named beside the partner's own."""
    profile = {
        "slug": name.lower().replace(" ", "-"),
        "name": name,
        "about": "We make stores findable.",
        "main_language": Locale.JA,
        "languages": ("ja", "en"),
        "country": "JP",
        "published": True,
        "services": (an_offer(),),
    }
    given = {key: fields.pop(key) for key in list(fields) if key in Profile.model_fields}
    preferences = {key: fields.pop(key) for key in list(fields) if key in Preferences.model_fields}
    ours = name == "Studio Hoshi"
    domain = "hoshi.example" if ours else f"{derived_id('domain', name).hex[:12]}.example"
    own = {
        "partner_id": PARTNER_ID if ours else derived_id("partner", name),
        "members": (
            a_member("Aiko", email=f"aiko@{domain}"),
            a_member("Ken", Role.MEMBER, locale=Locale.EN, email=f"ken@{domain}"),
        ),
        "version": 1,
    }
    return Partner(profile=Profile(**{**profile, **given}), preferences=Preferences(**preferences), **{**own, **fields})


def replied(*, first: bool = True, text: str = "Good day.", by: Actor = BY_PARTNER) -> JobReplied:
    return JobReplied(text=text, first=first, actor=by)


def job_declined(by: Actor = BY_PARTNER) -> JobDeclined:
    return JobDeclined(decline=Decline(by=by.kind, reason=DeclineReason.NO_CAPACITY), actor=by)


MERCHANT_WROTE = MerchantReplied(text="When can you start?", actor=BY_MERCHANT)
HISTORY: dict[Status, tuple[Message, ...]] = {
    Status.NEW: (),
    Status.OPENED: (JobOpened(actor=BY_PARTNER),),
    Status.REPLIED: (replied(),),
    Status.AWAITING_REPLY: (replied(), MERCHANT_WROTE),
    Status.INACTIVE: (replied(), JobMarkedInactive(actor=BY_PARTNER)),
    Status.COMPLETED: (replied(), JobCompleted(actor=BY_PARTNER)),
    Status.DECLINED: (job_declined(),),
    Status.EXPIRED: (JobExpired(),),
}
"""The shortest way to each status."""


def a_job(status: Status = Status.NEW, *history: Message, kind: RequestKind = RequestKind.MATCH, **fields: Any) -> Job:
    """A job that got to its status by facts: the shortest history, or the one that is given."""
    created = JobCreated(
        request_id=REQUEST_ID,
        partner_id=PARTNER_ID,
        details=fields.pop("details", None) or details(kind),
        reply_window_seconds=72 * 3600,
        remind_before_seconds=(24 * 3600, 6 * 3600),
    )
    facts = history or HISTORY[status]
    job = evolve(None, created, JOB_ID, NOW)
    for fact in facts:
        job = evolve(job, fact, JOB_ID, NOW)
    assert job.status is status or history, "This is not how a job gets there."
    return job.model_copy(update={"version": 1 + len(facts), **fields})


@dataclass(frozen=True)
class Raw:
    """A record as a consumer is handed it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def raw(
    record: Record, topic: str = "jobs.commands", *, at: datetime = NOW, offset: int = 0, headers: Headers = ()
) -> Raw:
    return Raw(topic, 0, offset, milliseconds(at), key_of(record.subject), encode(record), headers)


def a_command(
    data: Message,
    subject: UUID = JOB_ID,
    *,
    command_id: UUID | None = None,
    at: datetime = NOW,
    digest: str | None = None,
) -> Record:
    return command(data, subject, source="tests", time=at, command_id=command_id, digest=digest)


def a_creation(request_id: UUID = REQUEST_ID, **fields: Any) -> CreateJob:
    return CreateJob(
        **{
            "request_id": request_id,
            "partner_id": PARTNER_ID,
            "details": details(),
            "reply_window_seconds": 3600,
            "remind_before_seconds": (),
            "actor": BY_SYSTEM,
            **fields,
        }
    )


def an_event(
    fact: Message, snapshot: Snapshot, *, subject: UUID = JOB_ID, event_id: UUID | None = None, at: datetime = NOW
) -> Event[Any, Any]:
    event_id = event_id or derived_id("event of a test", type(fact).__name__, subject, snapshot.version)
    return Event[Any, Any].model_construct(
        id=event_id,
        type=type(fact).__name__,
        source="/tests",
        subject=subject,
        time=at,
        correlationid=event_id,
        causationid=event_id,
        traceparent=None,
        version=snapshot.version,
        data=EventData[Any, Any].model_construct(fact=fact, snapshot=snapshot),
    )


def received(
    record: Record, *, topic: str = "jobs.commands", at: datetime = NOW, offset: int = 0, headers: Headers = ()
) -> Received:
    """A command or an event as a handler gets it."""
    arrived = raw(record, topic, at=at, offset=offset, headers=headers)
    return Received(record, from_timestamp(arrived.timestamp), arrived)
