"""What both faces of leads, JSON and HTML, do with a request: ask its door, and say what became of it."""

from uuid import UUID

from services.leads.directory import Directory
from shared.clock import Clock
from shared.commands import Answer, Commander, Rejected
from shared.contracts.base import Actor, ActorKind
from shared.contracts.requests import ConfirmRequest, Request, RequestDetails, RequestKind, SubmitRequest
from shared.http import Problem, field_problem
from shared.limit import MailLimit
from shared.links import BadLink, Links
from shared.mongo import Database
from shared.topics import REQUEST_COMMANDS

CONFIRM_SECONDS = 48 * 3600

_FIELD_OF = {"unknown_service": "service", "partner_needed": "partner_id"}


class Desk:
    def __init__(
        self, commander: Commander, directory: Directory, links: Links, database: Database, clock: Clock
    ) -> None:
        self._commander = commander
        self._directory = directory
        self._links = links
        self._requests = database["requests"]
        self._limit = MailLimit(database["submissions"])
        self._clock = clock

    async def prepare(self) -> None:
        await self._limit.prepare()

    async def submit(self, request_id: UUID, details: RequestDetails, traceparent: str | None = None) -> Answer:
        """Submit under an id of the sender's: the same id twice is one request. Raises `Problem` with the field at
        fault.
        """
        if details.kind is RequestKind.DIRECT and details.partner_id is not None:
            partner = await self._directory.by_id(details.partner_id)
            if partner is None or details.merchant.merchant_id in partner.get("blocked_by", ()):
                raise field_problem([_wrong("partner_id", "This partner cannot be contacted right now.")])
            if details.service not in partner["services"]:
                raise field_problem([_wrong("service", "This partner does not offer this service.")])
        if not await self._limit.allows(request_id, details.merchant.email, self._clock.now()):
            raise Problem(
                429, "too_many", "Too many requests for this address. Please try again in a quarter of an hour."
            )
        actor = Actor(kind=ActorKind.MERCHANT, merchant_id=details.merchant.merchant_id, name=details.merchant.name)
        answer = await self._commander.ask(
            REQUEST_COMMANDS,
            SubmitRequest(details=details, actor=actor),
            request_id,
            command_id=request_id,
            traceparent=traceparent,
        )
        if isinstance(answer, Rejected):
            raise field_problem([_wrong(_FIELD_OF.get(answer.code, "body"), answer.reason)])
        return answer

    async def confirm(self, request_id: UUID, token: str) -> Answer:
        """Confirm the address by the mailed token. Raises `Problem` for a link that is no good."""
        try:
            confirmed_id, claims = self._links.read("confirm-request", token, CONFIRM_SECONDS)
        except BadLink as bad:
            raise Problem(400, bad.code, "This link is no longer good. Please send your request again.") from None
        if confirmed_id != request_id:
            raise Problem(400, "link_invalid", "This link belongs to another request.")
        actor = Actor(kind=ActorKind.MERCHANT, merchant_id=UUID(claims["merchant"]))
        answer = await self._commander.ask(REQUEST_COMMANDS, ConfirmRequest(actor=actor), request_id)
        if isinstance(answer, Rejected):
            raise Problem(409, answer.code, answer.reason)
        return answer

    async def status(self, request_id: UUID) -> Request | None:
        document = await self._requests.find_one({"_id": request_id}, {"state": 1})
        return Request.model_validate(document["state"]) if document and document["state"] else None


def _wrong(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message, "code": "refused"}
