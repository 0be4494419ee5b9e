"""Whose requests are not taken any more, and whenever somebody is suspended, then their open requests are stopped.

Both are watched, as in `services.jobs.partners`: a suspension is remembered first and then looked for in the requests;
a request that is new is in the database first and then held against what is remembered. Of two that happen at the same
moment at least one sees the other.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.commands import Order, ordered
from shared.contracts.base import SYSTEM
from shared.contracts.requests import (
    Request,
    RequestConfirmed,
    RequestStatus,
    RequestSubmitted,
    StopRequest,
    merchant_id_of,
)
from shared.contracts.suspensions import PersonRestored, PersonSuspended, mailbox_id_of
from shared.mongo import Collection, Database, replace_if_newer
from shared.publisher import Outgoing, Publisher
from shared.records import Received
from shared.topics import REQUEST_COMMANDS

COLLECTION = "suspended"
_STILL_GO_ON = (RequestStatus.SUBMITTED, RequestStatus.CONFIRMED, RequestStatus.HELPED)
"""What has found somebody goes on elsewhere: those who were asked are told, too."""
_WHY = "Whoever asked has been suspended."


def indexed(request: Request) -> dict[str, Any]:
    """What is stored beside a request, because whoever is suspended is looked for by it."""
    return {"mailbox_id": mailbox_id_of(request.details.merchant.email)}


class Suspended:
    """What the desk asks."""

    def __init__(self, database: Database) -> None:
        self._suspended = database[COLLECTION]

    async def includes(self, email: str) -> bool:
        known = {"_id": mailbox_id_of(email), "suspended": True}
        return await self._suspended.find_one(known, {"_id": 1}) is not None


class SuspensionWatch:
    """A `shared.consumer.Handler` of `suspensions` and `requests`."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._suspended: Collection = database[COLLECTION]
        self._requests: Collection = database["requests"]
        self._publisher = publisher

    async def prepare(self) -> None:
        await self._requests.create_index("mailbox_id")
        await self._requests.create_index("state.details.merchant.merchant_id")

    async def __call__(self, batch: Sequence[Received]) -> None:
        people = [one for one in batch if isinstance(one.record.fact, PersonSuspended | PersonRestored)]
        asked = [one for one in batch if isinstance(one.record.fact, RequestSubmitted | RequestConfirmed)]
        await self._publisher.publish([*await self._on_people(people), *await self._on_requests(asked)])

    async def _on_people(self, people: Sequence[Received]) -> list[Outgoing]:
        if not people:
            return []
        remembered = [
            replace_if_newer(one.record.subject, one.record.version, {"suspended": one.record.snapshot.suspended})
            for one in people
        ]
        await self._suspended.bulk_write(remembered, ordered=False)
        # As it is now: when an old suspension is read again, whoever was restored meanwhile has new requests.
        still = await self._among({one.record.subject for one in people})
        stopped: list[Outgoing] = []
        for one in people:
            if one.record.subject in still and one.record.snapshot.suspended:
                orders = [_stopped(request_id) for request_id in await self._open(one)]
                stopped += ordered("leads", REQUEST_COMMANDS, one.record, orders)
        return stopped

    async def _open(self, suspended: Received) -> list[Any]:
        """The ids of what this person has asked for. What was written before there was a `mailbox_id` is found by the
        merchant's, which follows from the whole address.
        """
        merchant_id = str(merchant_id_of(suspended.record.snapshot.email))
        theirs = {
            "$or": [{"mailbox_id": suspended.record.subject}, {"state.details.merchant.merchant_id": merchant_id}],
            "state.status": {"$in": [status.value for status in _STILL_GO_ON]},
        }
        return [request["_id"] async for request in self._requests.find(theirs, {"_id": 1})]

    async def _on_requests(self, asked: Sequence[Received]) -> list[Outgoing]:
        mailboxes = {one.record.subject: mailbox_id_of(one.record.snapshot.details.merchant.email) for one in asked}
        if not mailboxes:
            return []
        suspended = await self._among(set(mailboxes.values()))
        return [
            record
            for one in asked
            if mailboxes[one.record.subject] in suspended
            for record in ordered("leads", REQUEST_COMMANDS, one.record, [_stopped(one.record.subject)])
        ]

    async def _among(self, mailboxes: set[UUID]) -> set[UUID]:
        """Those of these that are suspended."""
        known = {"_id": {"$in": list(mailboxes)}, "suspended": True}
        return {one["_id"] async for one in self._suspended.find(known, {"_id": 1})}


def _stopped(request_id: Any) -> Order:
    return Order(request_id, StopRequest(reason=_WHY, actor=SYSTEM))
