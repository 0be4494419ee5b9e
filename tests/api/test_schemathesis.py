"""Schemathesis over both OpenAPI documents, with all of its checks: no 5xx, no undocumented answer.

`JOBWIRE_API_EXAMPLES=500 pytest tests/api/test_schemathesis.py` looks for longer, and elsewhere each time.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, HookContext
from schemathesis.core.failures import Failure, ServerError
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import BaseSchema

from services.gateway.read import reading
from tests.api.kept import Kept
from tests.api.populated import OPS_TOKEN, Populated, populate
from tests.api.served import Served, documents, served
from tests.flow.people import Person
from tests.flow.world import Weather, World

EXAMPLES = int(os.environ.get("JOBWIRE_API_EXAMPLES", "0"))
STREAM = "/api/v1/events"
"""A stream has no end, and an answer is checked at its end. `test_tenants.py` listens to it."""

NOT_OF_THE_FORM = {
    "unknown": "it names a file, a member or a partner that is not there",
    "taken": "the slug is another profile's",
    "cursor": "it is no place in this list",
    "not_with_q": "two parameters that are good by themselves do not go together",
    "refused": "a direct request names its partner, one that offers the service",
    "away/value_error": "the last day is before the first",
    "query.currency/value_error": "a price is compared in its currency, so it comes with one",
    "far_day": "nobody plans so far ahead, or goes back so far",
    "empty": "a file without content",
    "unsupported_type": "the content of a file decides",
    "version_mismatch": "what is replaced is not what the tag names",
    "key_reused": "the key stands for something else",
    "link_invalid": "it is not the token of a mail",
    "name_contact": "a name that leads somewhere",
    "name_unseen": "a name with marks that nobody sees",
    "url": "an address without a name of a host",
    "not_seen": "the store does not show the token",
    "store_unproved": "nobody has shown whose the store is",
}
"""Refusals that a JSON schema cannot foresee, by code or by field and code: well-formed, and still not accepted."""


def schema_of(service: str) -> BaseSchema:
    config = {
        "generation": {
            "max-examples": EXAMPLES or 6,
            "deterministic": not EXAMPLES,
            "with-security-parameters": False,  # every case is somebody's; `ignored_auth` takes the session away
        },
        "phases": {"coverage": {"generate-duplicate-query-parameters": True}},
    }
    schema = schemathesis.openapi.from_dict(documents()[service], config=schemathesis.Config.from_dict(config))
    schema.hook(filter_failure)
    return schema.exclude(path=STREAM)


def filter_failure(context: HookContext, failure: Failure, case: Case, response: schemathesis.Response) -> bool:
    """Whether this failure is one. A refusal by a rule says that the request was understood; a version that is not
    there yet is waited for, and the versions that are asked for here never come.
    """
    match failure:
        case RejectedPositiveData():
            problem = response.json()
            return not all(_is_a_rules(error) for error in problem.get("errors", [problem]))
        case ServerError():
            return response.status_code != 503 or response.json()["code"] != "catching_up"
        case _:
            return True


def _is_a_rules(error: dict[str, Any]) -> bool:
    return bool({error["code"], f"{error.get('field')}/{error['code']}"} & set(NOT_OF_THE_FORM))


GATEWAY, LEADS = schema_of("gateway"), schema_of("leads")
SESSION = requests.Session()
OF_PARTNER = "jobwire-partner"


@dataclass(frozen=True)
class Market:
    """`kept` is how every operation finds it."""

    served: Served
    people: Populated
    kept: Kept

    def prepared(self, case: Case, *, linked: bool = False) -> dict[str, Any]:
        """Give the case ids of what is there, and say how it is sent. Whoever was signed out before is back. The path
        of a linked case stays: an answer before has named it.
        """
        self.served.call(self.kept.restore_sessions)
        with_ids(case, self.people.ids, linked=linked)
        headers = {"Authorization": self._asker(case.path).client.headers["Authorization"]}
        # By its document: both services have something under /api/v1/partners.
        title = case.operation.schema.raw_schema["info"]["title"]
        service = next(name for name, document in documents().items() if document["info"]["title"] == title)
        return {
            "base_url": self.served.urls[service],
            "session": SESSION,
            "headers": headers if service == "gateway" else {},
        }

    def _asker(self, path: str) -> Person:
        if path.startswith("/api/v1/operators/"):
            return self.people.operator
        if "/merchant/" in path:
            return self.people.merchant
        new = path in {"/api/v1/partners", "/api/v1/invitations/{partner_id}/accept"}
        return self.people.newcomer if new else self.people.owner


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "CATCH_UP_SECONDS", 0.0)  # a version of the far future does not come
        with served(World(Weather(), patch, ops_tokens=f"ora:{OPS_TOKEN}")) as running:
            people = running.run(populate(running.world))
            yield Market(running, people, running.call(lambda: Kept(running.world)))


@pytest.fixture(autouse=True)
def as_it_was(market: Market) -> Iterator[None]:
    """Each operation finds the market as it was, and leaves nothing that its owner cannot read."""
    market.served.call(market.kept.restore)
    yield
    assert market.served.world.dead_letters() == [], "What came in by a door is a bad record."


@GATEWAY.parametrize()
def test_the_gateway_does_what_its_document_says(case: Case, market: Market) -> None:
    case.call_and_validate(**market.prepared(case))


@LEADS.parametrize()
def test_leads_does_what_its_document_says(case: Case, market: Market) -> None:
    case.call_and_validate(**market.prepared(case))


def test_what_one_answer_names_the_next_request_may_use(market: Market) -> None:
    """Links from operation to operation, as schemathesis infers them from the document."""

    class Session(GATEWAY.as_state_machine()):
        def setup(self) -> None:
            market.served.call(market.kept.restore)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return market.prepared(case, linked=True)

        def validate_response(self, response: Any, case: Case, *_: Any, **sent: Any) -> None:
            case.validate_response(response, headers=sent["headers"], transport_kwargs=sent, recorder=self.recorder)

    Session.run(
        settings=settings(
            max_examples=EXAMPLES or 10,
            stateful_step_count=8,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
    )


def with_ids(case: Case, ids: dict[str, list[str]], *, linked: bool) -> None:
    """Most valid ids of a case become ids of what is there; which ones follows from the rest of the case, so that an
    example that is tried again is the same.
    """
    chosen = crc32(repr((case.path_parameters, case.query, case.body)).encode(errors="replace"))
    for name, value in dict(case.path_parameters or {}).items():
        if name in ids and is_id(value) and chosen % 8 and not linked:
            case.path_parameters[name] = ids[name][chosen % len(ids[name])]
    if not linked and case.path.endswith("/{attachment_id}") and all(map(is_id, case.path_parameters.values())):
        file = chosen % len(ids["attachment_id"])
        case.path_parameters |= {"job_id": ids["job with file"][file], "attachment_id": ids["attachment_id"][file]}
    if case.query and isinstance(case.query.get("cursor"), str) and chosen % 2:
        case.query["cursor"] = ids["cursor"][chosen % len(ids["cursor"])]
    if case.headers and is_id(case.headers.get(OF_PARTNER)) and chosen % 8:
        case.headers[OF_PARTNER] = ids["partner_id"][0]
    if isinstance(case.body, dict) and chosen % 2:
        for field, name in BODY_IDS.items():
            if field in case.body:
                case.body[field] = replaced(case.body[field], ids[name], chosen)


BODY_IDS = {
    "attachment_ids": "attachment_id",
    "mentions": "member_id",
    "member_ids": "member_id",
    "partner_id": "partner_id",
}


def replaced(value: Any, ids: list[str], chosen: int) -> Any:
    if isinstance(value, list):
        return [replaced(one, ids, chosen + number) for number, one in enumerate(value)]
    return ids[chosen % len(ids)] if is_id(value) else value


def is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False
