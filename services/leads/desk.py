"""What both faces of leads, JSON and HTML, do with a request: ask its door, and say what became of it."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from services.leads.directory import Directory
from services.leads.rates import RequestRates
from services.leads.recent import Recent, fingerprint
from services.leads.submission import NewRequest, objection
from services.leads.suspended import Suspended
from shared.aggregate import KEY_REUSED
from shared.commands import Answer, Commander, Rejected, not_taken_while_away
from shared.contracts.base import Actor, ActorKind, derived_id
from shared.contracts.leads import Lead, ReviewLead
from shared.contracts.requests import (
    CONFIRM_WITHIN_SECONDS,
    ConfirmRequest,
    MarkHelped,
    Request,
    RequestDetails,
    StoreProof,
    SubmitRequest,
    merchant_id_of,
)
from shared.http import Problem, field_problem
from shared.links import BadLink, Links, Purpose
from shared.mongo import Database
from shared.topics import LEAD_COMMANDS, REQUEST_COMMANDS

DAY = 24 * 3600
GOOD_FOR: dict[Purpose, int] = {
    "confirm-request": CONFIRM_WITHIN_SECONDS,
    "helped": 30 * DAY,
    "lead-review": 60 * DAY,
}
"""How many seconds a mailed link is good for."""

_FIELD_OF = {"unknown_service": "service", "partner_needed": "partner_id", "store_needed": "merchant.store_url"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who posts: somebody from a network, or a store app that vouches for its merchant."""

    network: str
    app: str | None = None

    def request_id(self, merchant_id: UUID, key: str) -> UUID:
        """The request that this sender calls so. An app's keys, another app's, and those of anybody in a network never
        meet, whichever merchant they name.
        """
        sender = derived_id("app", self.app) if self.app else derived_id("network", self.network)
        return derived_id("request", sender, merchant_id, key)


class Desk:
    def __init__(  # noqa: PLR0913 - the parts, named
        self,
        commander: Commander,
        directory: Directory,
        links: Links,
        database: Database,
        *,
        rates: RequestRates,
        recent: Recent,
    ) -> None:
        self._commander = commander
        self._directory = directory
        self._links = links
        self._requests = database["requests"]
        self._leads = database["leads"]
        self._suspended = Suspended(database)
        self._rates = rates
        self._recent = recent

    async def submit(
        self,
        request_id: UUID,
        body: NewRequest,
        sender: Sender,
        traceparent: str | None = None,
        digest: str | None = None,
    ) -> tuple[UUID, bool]:
        """Submit under an id of the sender's: the same id twice is one request. Gives the request's id, another one if
        the same was sent within a day, and whether it was new. Raises `Problem` with the field at fault, and
        `NotTaken`.

        `digest` is of what was sent, where the id follows from a key: `Problem` 422 when that stands for other words.
        """
        if wrong := body.objections():
            raise field_problem(wrong)
        details = _vouched(body.details()) if sender.app else body.details()
        # While nobody can count or remember: better no request than one that is told twice, or to anybody.
        with not_taken_while_away():
            words = partial(fingerprint, known=sender.app is not None)
            if digest and (own := await self.status(request_id)) and words(own.details) != words(details):
                raise _key_reused()
            first = await self._recent.first(words(details))
            state = await self.status(first) if first else None
            # A key that was used twice at once may have claimed these words for a request that says something else.
            if first and state and not state.status.is_over and words(state.details) == words(details):
                return first, False
            await self._check_partner(details)
            await self._admit(details, sender, again=first is not None and state is None)
            if await self._suspended.includes(details.merchant.email):
                return request_id, True  # whoever asks, in whosever name, learns nothing; and nothing is kept
            taken = await self._recent.claim(words(details), request_id, instead_of=first if state else None)
        # Under somebody else's id the same words are the same, however they were written.
        await self._ask(taken, details, sender, traceparent, digest if taken == request_id else None)
        return taken, True

    async def confirm(self, request_id: UUID, token: str) -> Answer:
        """Confirm the address by the mailed token. Raises `Problem` for a link that is no good."""
        actor = self._by_link("confirm-request", request_id, token)
        return _taken(await self._commander.ask(REQUEST_COMMANDS, ConfirmRequest(actor=actor), request_id))

    async def helped(self, request_id: UUID, token: str) -> Answer:
        """Nobody else is asked. Raises `Problem`."""
        actor = self._by_link("helped", request_id, token)
        return _taken(await self._commander.ask(REQUEST_COMMANDS, MarkHelped(actor=actor), request_id))

    async def review(self, lead_id: UUID, token: str, rating: int, text: str) -> Answer:
        """Say what a partner's work was like, once. Raises `Problem`."""
        actor = self._by_link("lead-review", lead_id, token)
        lead = await self.lead(lead_id)
        command = ReviewLead(
            rating=rating,
            text=text,
            of_own_team=lead is not None and await self._directory.employs(lead.partner_id, actor.merchant_id),
            actor=actor,
        )
        return _taken(await self._commander.ask(LEAD_COMMANDS, command, lead_id))

    def is_addressee(self, purpose: Purpose, about: UUID, token: str, email: str) -> bool:
        """Whether the link was mailed to this address. Raises `Problem` for a link that would open nothing."""
        return self._by_link(purpose, about, token).merchant_id == merchant_id_of(email)

    def check_link(self, purpose: Purpose, about: UUID, token: str) -> None:
        """Raises `Problem` for a link that would open nothing."""
        self._by_link(purpose, about, token)

    async def status(self, request_id: UUID) -> Request | None:
        state = await _state(self._requests, request_id)
        return Request.model_validate(state) if state else None

    async def lead(self, lead_id: UUID) -> Lead | None:
        state = await _state(self._leads, lead_id)
        return Lead.model_validate(state) if state else None

    async def _check_partner(self, details: RequestDetails) -> None:
        if details.partner_id is None:
            return
        partner = await self._directory.by_id(details.partner_id, details.kind)
        if partner is None or details.merchant.merchant_id in partner.get("blocked_by", ()):
            raise field_problem([objection("partner_id", "This partner cannot be contacted right now.")])
        if details.service not in partner["services"]:
            raise field_problem([objection("service", "This partner does not offer this service.")])

    async def _admit(self, details: RequestDetails, sender: Sender, *, again: bool) -> None:
        """Raises `TooMany`. What was admitted once and then not stored may come `again`: it makes no second mail."""
        if sender.app is None:
            await self._rates.of_network(sender.network)
        await self._rates.of_all(sender.app or "")
        if not again:
            await self._rates.of_address(details.merchant.email)

    async def _ask(
        self, request_id: UUID, details: RequestDetails, sender: Sender, traceparent: str | None, digest: str | None
    ) -> None:
        merchant = details.merchant
        actor = Actor(kind=ActorKind.MERCHANT, merchant_id=merchant.merchant_id, name=merchant.name)
        within = None if sender.app else CONFIRM_WITHIN_SECONDS
        answer = await self._commander.ask(
            REQUEST_COMMANDS,
            SubmitRequest(details=details, confirm_within_seconds=within, actor=actor),
            request_id,
            command_id=request_id,
            traceparent=traceparent,
            digest=digest,
        )
        if isinstance(answer, Rejected) and answer.code == KEY_REUSED:
            raise _key_reused()
        if isinstance(answer, Rejected):
            raise field_problem([objection(_FIELD_OF.get(answer.code, "body"), answer.reason)])

    def _by_link(self, purpose: Purpose, about: UUID, token: str) -> Actor:
        """The merchant or prospect whom the link was mailed to."""
        try:
            signed, claims = self._links.read(purpose, token, GOOD_FOR[purpose])
            merchant_id = UUID(claims["merchant"])
        except BadLink as bad:
            raise Problem(400, bad.code, "This link is no longer good.") from None
        except (KeyError, ValueError):
            raise Problem(400, "link_invalid", "This link is no longer good.") from None
        if signed != about:
            raise Problem(400, "link_invalid", "This link belongs to something else.")
        return Actor(kind=ActorKind.MERCHANT, merchant_id=merchant_id)


def _vouched(details: RequestDetails) -> RequestDetails:
    """In the platform's app a merchant is signed in with the store."""
    if details.merchant.store_url is None:
        return details
    proved = details.merchant.model_copy(update={"store_proof": StoreProof.APP})
    return details.model_copy(update={"merchant": proved})


def _key_reused() -> Problem:
    return Problem(422, KEY_REUSED, "This Idempotency-Key was used before, for another request. Use a new one.")


def _taken(answer: Answer) -> Answer:
    if isinstance(answer, Rejected):
        raise Problem(409, answer.code, answer.reason)
    return answer


async def _state(collection: Any, document_id: UUID) -> Any:
    document = await collection.find_one({"_id": document_id}, {"state": 1})
    return document and document["state"]
