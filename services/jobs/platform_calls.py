"""What the platform has to be asked because of a job's events, and the worker that asks it: a slow or dead platform
blocks no partition.

    waiting → claimed → done
       ↑         │
       └─────────┘  not answered yet, the platform is away, or an earlier call of the job is still under way

Each end of a grant takes back, at the platform, the latest request before it. That holds for every interleaving:

- A request is written before any later end of its job, and never forgotten before it. So an end always finds the
  request it ends.
- The calls of one job are made one after the other, in the order of its versions. So a request that is in flight when
  the merchant revokes is answered first, and taken back then.
- The job refuses a grant that comes after its end (`wrong_access`). Whatever it refused, or was never told because its
  worker died, has an end among the job's events, and is taken back by that.
- A denial is an end too. Should a job take an earlier request's denial for the one it waits for, nobody keeps a key.
- The command's id follows from the request's alone: however often it is called and told, the job hears one answer.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from pymongo import ReturnDocument, UpdateOne

from services.jobs.platform import AccessRequest, Platform, PlatformAnswer
from shared.clock import Clock
from shared.commands import command
from shared.contracts.base import SYSTEM, Event, derived_id
from shared.contracts.jobs import AccessChanged, AccessStatus, DenyAccess, GrantAccess, Job, Permission
from shared.failures import Transient
from shared.logs import bound_contextvars, get_logger
from shared.mongo import Database, Document
from shared.publisher import Publisher, outgoing
from shared.records import Received
from shared.topics import JOB_COMMANDS

log = get_logger(__name__)

COLLECTION = "platform_calls"
REQUEST, REVOKE = "request", "revoke"
ENDS = (AccessStatus.DENIED, AccessStatus.REVOKED, AccessStatus.EXPIRED)

LEASE_SECONDS = 60
"""Longer than a call (`platform.CALL_SECONDS`) and the telling of its answer (`publisher.PUBLISH_SECONDS`)."""
TURN = timedelta(seconds=1)
"""How soon a call looks again whether those before it are done."""
KEPT = timedelta(days=30)
"""How long a grant's calls are kept after its end."""


class Call(NamedTuple):
    """A call that is one worker's for a while. `id` is the event's that it follows from, `owner` this claim's alone."""

    id: UUID
    job_id: UUID
    version: int
    step: str
    access: AccessRequest
    requested_at: datetime
    attempts: int
    correlation_id: UUID
    owner: UUID


class Calls:
    """The documents, one for each event that the platform has to hear of."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._calls = database[COLLECTION]
        self._clock = clock

    async def prepare(self) -> None:
        await self._calls.create_index([("state", 1), ("due_at", 1)])
        await self._calls.create_index([("job_id", 1), ("version", 1)])
        await self._calls.create_index("forget_at", expireAfterSeconds=0)

    async def on_job_events(self, batch: Sequence[Received]) -> None:
        """A `shared.consumer.Handler` of `jobs.events`. Replayed events ask the platform for nothing; they may take
        back.
        """
        changed = [received for received in batch if isinstance(received.record.fact, AccessChanged)]
        # Requests first, for the unordered write may stop anywhere: an end must never stand there without its request.
        await self._note(REQUEST, [one for one in changed if _asks(one.record.fact) and not one.replayed])
        await self._note(REVOKE, [one for one in changed if _ends(one.record.fact)])

    async def claim(self) -> Call | None:
        """The call that has been due the longest; it is this worker's until the lease runs out."""
        owner = uuid4()
        due = {"state": "waiting", "due_at": {"$lte": self._clock.now()}}
        abandoned = {"state": "claimed", "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        lease = {"$add": ["$$NOW", LEASE_SECONDS * 1000]}
        document = await self._calls.find_one_and_update(
            {"$or": [due, abandoned]},
            [{"$set": {"state": "claimed", "owner": owner, "lease_until": lease}}],
            sort=[("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return _call(document) if document else None

    async def has_turn(self, call: Call) -> bool:
        """Whether all earlier calls of the job are done. Requests before this one that nobody is making right now need
        not be made any more, however long they were to wait for a platform that was away.
        """
        earlier = {"job_id": call.job_id, "version": {"$lt": call.version}}
        await self._calls.update_many(
            {**earlier, "step": REQUEST, "state": "waiting"}, {"$set": {"state": "done", "answer": "overtaken"}}
        )
        return await self._calls.find_one({**earlier, "state": {"$ne": "done"}}) is None

    async def overtaken(self, call: Call) -> bool:
        """Whether something later is known of the job's access, so that nobody waits for this request's answer."""
        later = {"job_id": call.job_id, "version": {"$gt": call.version}}
        return await self._calls.find_one(later, {"_id": 1}) is not None

    async def key_before(self, call: Call) -> UUID | None:
        """The key of the job's latest request before this call. None: there was none, or it is long taken back."""
        earlier = {"job_id": call.job_id, "step": REQUEST, "version": {"$lt": call.version}}
        cursor = self._calls.find(earlier, {"_id": 1}).sort("version", -1).limit(1)
        keys: list[UUID] = [document["_id"] async for document in cursor]
        return keys[0] if keys else None

    async def later(self, call: Call, wait: timedelta, attempts: int, error: str = "") -> None:
        fields = {"state": "waiting", "due_at": self._clock.now() + wait, "attempts": attempts, "error": error}
        await self._calls.update_one(_ours(call), {"$set": fields})

    async def done(self, call: Call, answer: str) -> None:
        await self._calls.update_one(_ours(call), {"$set": {"state": "done", "answer": answer}})

    async def done_for_good(self, call: Call) -> None:
        """The grant has ended: its calls may be forgotten. A request is never forgotten before, whatever its age."""
        forget_at = self._clock.now() + KEPT
        so_far = {"job_id": call.job_id, "version": {"$lte": call.version}}
        await self._calls.update_many(so_far, {"$set": {"forget_at": forget_at}})
        await self.done(call, "revoked")

    async def _note(self, step: str, batch: Sequence[Received]) -> None:
        """The id is the event's: heard twice is noted once."""
        if batch:
            writes = [_noted(step, received, self._clock.now()) for received in batch]
            await self._calls.bulk_write(writes, ordered=False)


class PlatformCalls:
    """The worker. Makes what is due until nothing is, or the process is stopping, then returns. Any number of replicas
    may run it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts, named
        self,
        calls: Calls,
        platform: Platform,
        publisher: Publisher,
        clock: Clock,
        ask_again_seconds: float,
        stopping: asyncio.Event,
    ) -> None:
        self._calls = calls
        self._platform = platform
        self._publisher = publisher
        self._clock = clock
        self._ask_again = timedelta(seconds=ask_again_seconds)
        self._stopping = stopping

    async def tick(self) -> None:
        while not self._stopping.is_set() and (call := await self._calls.claim()):
            with bound_contextvars(correlation_id=str(call.correlation_id)):
                await self._make(call)

    async def _make(self, call: Call) -> None:
        if not await self._calls.has_turn(call):
            await self._calls.later(call, TURN, call.attempts)
            return
        try:
            await (self._request(call) if call.step == REQUEST else self._revoke(call))
        except Transient as away:
            log.warning(
                "platform_call_retried",
                call_id=str(call.id),
                job_id=str(call.job_id),
                step=call.step,
                attempts=call.attempts + 1,
                error=str(away),
            )
            await self._calls.later(call, retry_delay(call.attempts), call.attempts + 1, str(away))

    async def _request(self, call: Call) -> None:
        if await self._calls.overtaken(call):
            await self._done(call, "overtaken")
            return
        answer = await self._platform.request(call.id, call.access)
        if answer is PlatformAnswer.PENDING:
            await self._calls.later(call, self._ask_again, 0)
            return
        if not await self._calls.overtaken(call):
            await self._tell(call, answer)
        await self._done(call, answer.value)

    async def _revoke(self, call: Call) -> None:
        key = await self._calls.key_before(call)
        if key is not None:
            await self._platform.revoke(key)
        log.info("platform_call_done", call_id=str(call.id), job_id=str(call.job_id), step=call.step)
        await self._calls.done_for_good(call)

    async def _tell(self, call: Call, answer: PlatformAnswer) -> None:
        said = GrantAccess if answer is PlatformAnswer.GRANTED else DenyAccess
        record = command(
            said(requested_at=call.requested_at, actor=SYSTEM),
            call.job_id,
            source="jobs",
            time=self._clock.now(),
            command_id=derived_id("platform", call.id),
            correlation_id=call.correlation_id,
            causation_id=call.id,
        )
        await self._publisher.publish([outgoing(JOB_COMMANDS.name, record)])

    async def _done(self, call: Call, answer: str) -> None:
        log.info("platform_call_done", call_id=str(call.id), job_id=str(call.job_id), step=call.step, answer=answer)
        await self._calls.done(call, answer)


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1 s doubling to 5 minutes, for ever."""
    return timedelta(seconds=min(2 ** min(attempts, 10), 300))


def _asks(fact: AccessChanged) -> bool:
    return fact.access.status is AccessStatus.REQUESTED


def _ends(fact: AccessChanged) -> bool:
    """Before it was requested, the platform has never heard of it."""
    return fact.access.status in ENDS and fact.access.requested_at is not None


def _ours(call: Call) -> Document:
    return {"_id": call.id, "owner": call.owner, "state": "claimed"}


def _noted(step: str, received: Received, now: datetime) -> UpdateOne:
    event = received.record
    document = {
        "job_id": event.subject,
        "version": event.version,
        "step": step,
        "store_url": event.snapshot.details.merchant.store_url,  # as the job was created with, so never too new
        "permissions": list(event.fact.access.permissions),
        "days": event.fact.access.days,
        **_on_whose_behalf(event),
        # By its answer the job knows its request: the one that it waits for, or an earlier one.
        "requested_at": event.fact.access.requested_at,
        "correlation_id": event.correlationid,
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
        "due_at": now,
    }
    return UpdateOne({"_id": event.id}, {"$setOnInsert": document}, upsert=True)


def _on_whose_behalf(event: Event[AccessChanged, Job]) -> Document:
    access, actor, job = event.fact.access, event.fact.actor, event.snapshot
    asked_by = {"partner_id": str(job.partner_id), "member_id": str(actor.member_id or ""), "name": actor.name}
    consent = {
        "merchant_id": str(job.details.merchant.merchant_id),
        "at": access.consented_at.isoformat() if access.consented_at else "",
        "proof": access.proof.value if access.proof else "",
    }
    return {"asked_by": asked_by, "consent": consent}


def _call(document: Document) -> Call:
    permissions = tuple(Permission(name) for name in document["permissions"])
    return Call(
        id=document["_id"],
        job_id=document["job_id"],
        version=document["version"],
        step=document["step"],
        access=AccessRequest(
            document["store_url"],
            permissions,
            document["days"],
            document.get("asked_by", {}),
            document.get("consent", {}),
        ),
        requested_at=document["requested_at"],
        attempts=document["attempts"],
        correlation_id=document["correlation_id"],
        owner=document["owner"],
    )
