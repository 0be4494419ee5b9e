"""What the bare and the beginner's loop do to a job, with plain dictionaries: the same documents and the same records
as the jobs service makes, for the two commands of the backlog. What is stored are JSON's values, as there.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID, uuid5

from pydantic import Field, TypeAdapter
from pydantic_core import to_json
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from shared.contracts.base import NAMESPACE, ActorKind, Text
from shared.contracts.requests import RequestDetails

Json = dict[str, Any]


class Actor(TypedDict):
    kind: ActorKind
    partner_id: str | None
    member_id: str | None
    merchant_id: str | None
    name: str


class CreateJob(TypedDict):
    request_id: str
    partner_id: str
    details: RequestDetails
    reply_window_seconds: int
    remind_before_seconds: tuple[int, ...]
    actor: Actor


class SendMessage(TypedDict):
    text: Text
    actor: Actor


class _Envelope(TypedDict):
    id: UUID
    source: str
    subject: UUID
    time: datetime
    correlationid: UUID
    causationid: UUID


class CreateJobRecord(_Envelope):
    type: Literal["CreateJob"]
    data: CreateJob


class SendMessageRecord(_Envelope):
    type: Literal["SendMessage"]
    data: SendMessage


if TYPE_CHECKING:  # the rules below take it for what it is, a dictionary
    Command = Json
else:
    Command = Annotated[CreateJobRecord | SendMessageRecord, Field(discriminator="type")]
MANY: TypeAdapter[list[Any]] = TypeAdapter(list[Command])


class Refused(Exception):  # noqa: N818 - a business answer
    """The rules say no: code, reason."""


def decide(state: Json | None, record: Json, at: datetime) -> tuple[str, Json, Json] | None:
    """The event's type, its fact and the state after it; None when nothing changes. Raises `Refused`."""
    data = record["data"]
    if record["type"] == "CreateJob":
        return None if state else _create(record, data, at)
    if state is None:
        raise Refused("not_found", f"There is no job {record['subject']}.")
    actor = data["actor"]
    if actor["kind"] == "partner":
        if actor["partner_id"] != state["partner_id"]:
            raise Refused("forbidden", "Only the two sides of a job can change it, each in its own way.")
        return _partner_writes(state, data, at)
    if actor["merchant_id"] != state["details"]["merchant"]["merchant_id"]:
        raise Refused("forbidden", "Only the two sides of a job can change it, each in its own way.")
    if not state["introduced"] and state["details"]["kind"] != "direct":
        raise Refused("not_introduced", "This partner has not introduced itself yet.")
    return _merchant_writes(state, data, at)


def _create(record: Json, data: Json, at: datetime) -> tuple[str, Json, Json]:
    fact = {name: data[name] for name in ("reply_window_seconds", "remind_before_seconds", "request_id", "partner_id")}
    fact["details"] = data["details"].model_dump(mode="json")
    deadline = at + timedelta(seconds=data["reply_window_seconds"])
    now = text(at)
    state = {
        "version": 0,
        "job_id": str(record["subject"]),
        "request_id": data["request_id"],
        "partner_id": data["partner_id"],
        "details": fact["details"],
        "status": "new",
        "turn": "new",
        "created_at": now,
        "deadline": text(deadline),
        "remind_at": sorted(text(deadline - timedelta(seconds=before)) for before in data["remind_before_seconds"]),
        "introduced": False,
        "first_reply_at": None,
        "last_activity_at": now,
        "assignees": [],
        "team_versions": {},
        "parts": {"assignees": None, "review": None},
        "messages": 0,
        "comments": 0,
        "decline": None,
        "review": None,
        "reply_opened_at": None,
        "review_asked_at": None,
        "pending": None,
        "access": None,
        "blocked": False,
    }
    return "JobCreated", fact, state


def _partner_writes(state: Json, data: Json, at: datetime) -> tuple[str, Json, Json]:
    if state["status"] in ("declined", "expired"):
        raise Refused(state["status"], "This job is closed.")
    first = state["first_reply_at"] is None
    status = state["status"] if state["status"] in ("inactive", "completed") else "replied"
    now = text(at)
    changed = {**state, "status": status, "turn": "replied", "messages": state["messages"] + 1, "last_activity_at": now}
    if first:
        changed |= {"introduced": True, "first_reply_at": now}
    return "JobReplied", {"text": data["text"], "first": first, "attachments": [], "actor": data["actor"]}, changed


def _merchant_writes(state: Json, data: Json, at: datetime) -> tuple[str, Json, Json]:
    if state["status"] in ("declined", "expired"):
        raise Refused(state["status"], "This job is closed.")
    waiting = state["status"] in ("new", "opened")
    status = state["status"] if waiting or state["status"] == "completed" else "awaiting_reply"
    changed = {
        **state,
        "status": status,
        "turn": state["turn"] if waiting else "awaiting_reply",
        "messages": state["messages"] + 1,
        "last_activity_at": text(at),
    }
    if state["first_reply_at"] and not state["reply_opened_at"]:
        changed["reply_opened_at"] = changed["last_activity_at"]
    return "MerchantReplied", {"text": data["text"], "attachments": [], "actor": data["actor"]}, changed


def timer(state: Json) -> Json | None:
    if state["status"] not in ("new", "opened"):
        return None
    if state["remind_at"]:
        return {"kind": "remind", "due_at": datetime.fromisoformat(state["remind_at"][0])}
    return {"kind": "expire", "due_at": datetime.fromisoformat(state["deadline"])}


def entry(record: Json, kind: str, fact: Json, version: int, at: datetime) -> Json:
    """What there is to an event, besides the snapshot."""
    return {
        "id": uuid5(NAMESPACE, f"event/{record['id']}/0"),
        "type": kind,
        "version": version,
        "time": at,
        "fact": fact,
        "causationid": record["id"],
        "correlationid": record["correlationid"],
        "traceparent": None,
    }


def stored(entry: Json) -> Json:
    """An event as the outbox keeps it: with its ids as 16 bytes."""
    return {**entry, **{name: entry[name].bytes for name in _IDS}}


def loaded(entry: Json) -> Json:
    return {**entry, **{name: UUID(bytes=entry[name]) for name in _IDS}}


_IDS = ("id", "causationid", "correlationid")


def event(entry: Json, subject: UUID, state: Json) -> bytes:
    return to_json(
        {
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "id": entry["id"],
            "type": entry["type"],
            "source": "/jobs",
            "subject": subject,
            "time": entry["time"],
            "correlationid": entry["correlationid"],
            "causationid": entry["causationid"],
            "version": entry["version"],
            "data": {"fact": entry["fact"], "snapshot": state},
        }
    )


def reply(record: Json, kind: str, data: Json, at: datetime) -> bytes:
    return to_json(
        {
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "id": uuid5(NAMESPACE, f"reply/{record['id']}"),
            "type": kind,
            "source": "/jobs",
            "subject": record["id"],
            "time": at,
            "correlationid": record["correlationid"],
            "causationid": record["id"],
            "data": data,
        }
    )


def text(at: datetime) -> str:
    """A time as JSON has it."""
    return at.isoformat().replace("+00:00", "Z")


def time_of(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
