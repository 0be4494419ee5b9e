"""Every operation of the API, asked for by everybody: nobody reads or changes what is somebody else's.

The operations come from the OpenAPI documents. Whose each one is stands in `routes.py`; one that is missing there
fails here.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from shared.contracts.base import Actor, ActorKind
from shared.contracts.partners import SuspendPartner
from shared.publisher import outgoing
from shared.topics import PARTNER_COMMANDS
from tests.api.kept import Kept
from tests.api.routes import EVERYBODY, TABLE, Call
from tests.api.served import documents
from tests.api.streaming import heard_by
from tests.api.tenants import (
    INTERNAL,
    OPS_TOKENS,
    THE_CONVERSATION,
    Tenants,
    secrets_from,
    two_partners_and_two_merchants,
)
from tests.builders import UNDO, a_command
from tests.flow.world import Weather, World

OPERATIONS = {
    f"{method.upper()} {path}": service
    for service, document in documents().items()
    for path, methods in document["paths"].items()
    for method in methods
}
BOBS = "bob's job"
BY_MAIL_ONLY = {"merchant's address", "prospect's address", "lead's requirements", "lead's business"}
SENT = ("authorization", "jobwire-partner")


@pytest.fixture(scope="module")
async def built() -> AsyncIterator[tuple[Tenants, Kept]]:
    with pytest.MonkeyPatch.context() as patch:
        world = World(Weather(), patch, ops_tokens=OPS_TOKENS)
        tenants = await two_partners_and_two_merchants(world)
        assert world.dead_letters() == []
        yield tenants, Kept(world)


@pytest.fixture
def tenants(built: tuple[Tenants, Kept]) -> Iterator[Tenants]:
    yield built[0]
    built[1].restore()


@pytest.fixture
def kept(built: tuple[Tenants, Kept]) -> Kept:
    return built[1]


def test_every_operation_says_whose_it_is() -> None:
    new, gone = OPERATIONS.keys() - TABLE, TABLE.keys() - OPERATIONS
    assert not new, f"Add {sorted(new)} to TABLE in tests/api/routes.py: whose each is, and a valid body."
    assert not gone, f"Remove {sorted(gone)} from TABLE in tests/api/routes.py: the API has no such operation."


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nobody_does_with_it_what_is_not_theirs(operation: str, tenants: Tenants, kept: Kept) -> None:
    call = TABLE[operation]
    for who, status in call.scope.refuses.items():
        answer = await asked(tenants, operation, who)
        assert answer.status_code == status, (who, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert told(answer, who) == [], who
        commands = {topic for topic in kept.said() if topic.endswith(".commands")} if who in call.asks else set()
        assert set(kept.said()) <= {*commands, *(["replies"] if commands else [])}, f"{who} has done something."
        kept.restore()


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one not in TABLE or not TABLE[one].endless])
async def test_whoever_may_call_it_is_told_nothing_of_the_others(operation: str, tenants: Tenants, kept: Kept) -> None:
    call = TABLE[operation]
    before = await adas(tenants)
    for who in EVERYBODY:
        if who in call.scope.refuses:
            continue
        answer = await asked(tenants, operation, who)
        assert call.scope.refuses == {} or answer.status_code not in {401, 403, 404, 405, 422}, (who, answer.text)
        assert answer.status_code < 500, (who, answer.text)
        assert set(told(answer, who)) <= set(call.public), who
        if who in {"bob", "olga", "stranger"}:
            assert await adas(tenants) == before, f"{who} has changed what is Ada's."
        kept.restore()


LISTS = ("/jobs", "/jobs/counts", "/merchant/jobs", "/merchant/requests", "/me", "/standing", "/matching/explanations")


@pytest.mark.parametrize("path", LISTS)
async def test_no_list_and_no_search_finds_what_is_somebody_elses(tenants: Tenants, path: str) -> None:
    for who in ("bob", "limited", "olga", "mia", "invited", "stranger"):
        for what, secret in secrets_from(who).items():
            answer = await tenants[who].client.get(f"/api/v1{path}", params={"q": secret} if path == "/jobs" else {})
            assert told(answer, who) == [], what
            assert path != "/jobs" or answer.status_code == 403 or answer.json()["jobs"] == [], what


async def test_the_secrets_are_there_for_those_whose_they_are(tenants: Tenants) -> None:
    """Else all of this would prove nothing."""
    pages = [await tenants["owner"].get(path) for path in ("/team", "/preferences", "/reviews/leads")]
    pages += [await tenants["owner"].get(f"/jobs/{tenants.ids[name]}") for name in ("job_id", "declined")]
    pages.append(await tenants["operator"].get("/operators/reports"))
    shown = json.dumps(pages)
    of_a_file = {"file", "sent by the merchant", "unsent"}
    seen = {what: secret in shown for what, secret in secrets_from("nobody").items() if what not in of_a_file}
    assert {what for what, is_seen in seen.items() if not is_seen} == BY_MAIL_ONLY
    file = await tenants["owner"].client.get(path_of(tenants, "/api/v1/jobs/{job_id}/attachments/{attachment_id}"))
    assert file.text == THE_CONVERSATION["file"]


async def test_a_file_is_its_senders_alone_until_it_is_sent(tenants: Tenants) -> None:
    ids = tenants.ids
    draft, plan = ids["draft"], ids["attachment_id"]
    ours, theirs = f"/jobs/{ids['job_id']}/attachments", f"/merchant/jobs/{ids['job_id']}/attachments"
    assert (await tenants["member"].client.get(f"/api/v1{ours}/{draft}")).text == INTERNAL["unsent"]
    await tenants["mia"].get(f"{theirs}/{draft}", expect=404)
    assert (await tenants["mia"].client.get(f"/api/v1{theirs}/{plan}")).text == THE_CONVERSATION["file"]
    for who in ("bob", "limited"):
        for file in (draft, plan):
            await tenants[who].get(f"{ours}/{file}", expect=404)
    for job in ("assigned", "declined"):
        await tenants["owner"].get(f"/jobs/{ids[job]}/attachments/{plan}", expect=404)
    await tenants["bob"].get(f"/jobs/{ids[BOBS]}/attachments/{plan}", expect=404)


@pytest.mark.parametrize("file", ["draft", "attachment_id"])
async def test_nobody_sends_somebody_elses_file(tenants: Tenants, kept: Kept, file: str) -> None:
    stolen = {"text": "Look.", "attachment_ids": [tenants.ids[file]]}
    for who, path in (
        ("bob", f"/jobs/{tenants.ids[BOBS]}"),
        ("limited", f"/jobs/{tenants.ids['assigned']}"),
        ("member", f"/jobs/{tenants.ids['job_id']}"),
        ("mia", f"/merchant/jobs/{tenants.ids['job_id']}"),
    ):
        wrong = await tenants[who].post(f"{path}/messages", stolen, expect=422)
        assert wrong["errors"][0]["field"] == "attachment_ids.0"
        assert not any(secret in json.dumps(wrong) for secret in secrets_from("nobody").values())
    assert kept.said() == {}


async def test_a_merchant_never_sees_what_a_partner_keeps_to_itself(tenants: Tenants) -> None:
    ids, mia = tenants.ids, tenants["mia"]
    for name in ("job_id", "declined", "assigned"):
        page = await mia.get(f"/merchant/jobs/{ids[name]}")
        types = {step["type"] for step in page["timeline"]}
        assert not types & {"CommentAdded", "MembersAssigned", "JobOpened", "ActDelayed", "ActUndone"}, name
        assert not {"assignees", "comments", "pending", "decline"} & set(page["job"]), name
    declined = next(step for step in (await mia.get(f"/merchant/jobs/{ids['declined']}"))["timeline"])
    assert declined["details"] == {"decline": {"by": "partner"}}


async def test_a_merchant_knows_no_partner_before_it_has_introduced_itself(tenants: Tenants) -> None:
    mia, bobs = tenants["mia"], tenants.ids[BOBS]
    bob = (await tenants["bob"].get("/partner"))["partner_id"]
    lists = [await mia.get(path) for path in ("/merchant/jobs", "/me")]
    lists.append(without_alternatives(await mia.get("/merchant/requests")))
    assert not any(one in json.dumps(lists) for one in (bob, bobs, "Bob"))
    await mia.get(f"/merchant/jobs/{bobs}", expect=404)
    await mia.post(f"/merchant/jobs/{bobs}/messages", {"text": "Hello?"}, expect=404)
    await mia.post(f"/merchant/partners/{bob}/block", expect=404)


async def test_no_partner_is_told_how_another_was_scored(tenants: Tenants) -> None:
    ada, bob = [(await tenants[who].get("/partner"))["partner_id"] for who in ("owner", "bob")]
    of_ada, of_bob = [
        {one["id"] for one in (await tenants["operator"].get("/matching/explanations", partner_id=one))["explanations"]}
        for one in (ada, bob)
    ]
    assert of_ada
    assert of_bob
    for who, own in (("owner", of_ada), ("admin", of_ada), ("member", of_ada), ("limited", set()), ("bob", of_bob)):
        for filters in ({}, {"partner_id": ada}, {"partner_id": bob}):
            found = (await tenants[who].get("/matching/explanations", **filters))["explanations"]
            assert {one["id"] for one in found} <= own, (who, filters)
        assert {one["id"] for one in (await tenants[who].get("/matching/explanations"))["explanations"]} == own


async def test_an_act_that_can_still_be_taken_back_shows_on_one_side_only(tenants: Tenants) -> None:
    path = f"/jobs/{tenants.ids['assigned']}"
    before = await tenants["mia"].get(f"/merchant{path}")
    pending = await tenants["limited"].post(f"{path}/decline", {"reason": "timing", "note": "secret-second-thought"})
    assert pending["pending"]["act"] == "decline"
    after = await tenants["mia"].get(f"/merchant{path}")
    assert "secret-second-thought" not in json.dumps(after)
    for page in (before, after):
        page["job"].pop("version")
    assert after == before
    await tenants["limited"].post(f"{path}/undo")
    await tenants.world.time_passes(UNDO)


async def test_a_live_stream_ends_with_the_rights_of_its_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = await two_partners_and_two_merchants(World(Weather(), monkeypatch, ops_tokens=OPS_TOKENS))
    ada, secret = UUID(tenants.ids["partner_id"]), tenants.ids["job_id"]
    owner, mia = [await heard_by(tenants[who]) for who in ("owner", "mia")]
    stopped = SuspendPartner(reason="Spam.", actor=Actor(kind=ActorKind.OPERATOR, name="otto"))
    tenants.world.log.append(outgoing(PARTNER_COMMANDS.name, a_command(stopped, ada)))
    await tenants.world.settle()
    again = await heard_by(tenants["owner"])
    assert [await owner.news(), await again.news()] == [[], []]
    told_mia = [one["type"] for one in await mia.news() if one["job_id"] == secret]
    assert told_mia == ["JobEnded"]


async def test_the_live_stream_tells_each_side_of_its_own_jobs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = await two_partners_and_two_merchants(World(Weather(), monkeypatch, ops_tokens=OPS_TOKENS))
    ids = tenants.ids
    listening = {who: await heard_by(tenants[who]) for who in ("owner", "limited", "bob", "mia", "olga", "stranger")}
    await tenants["owner"].post(f"/jobs/{ids['job_id']}/comments", {"text": "secret-live-comment"})
    await tenants["owner"].post(f"/jobs/{ids['job_id']}/messages", {"text": "secret-live-message"})
    await tenants["bob"].post(f"/jobs/{ids[BOBS]}/open")
    heard = {who: await stream.news() for who, stream in listening.items()}
    secret, bobs = ids["job_id"], ids[BOBS]
    assert [(one["job_id"], one["type"]) for one in heard["owner"]] == [
        (secret, "CommentAdded"),
        (secret, "JobReplied"),
    ]
    assert [(one["job_id"], one["type"]) for one in heard["mia"]] == [(secret, "JobReplied")]
    assert [(one["job_id"], one["type"]) for one in heard["bob"]] == [(bobs, "JobOpened")]
    assert [heard[who] for who in ("limited", "olga", "stranger")] == [[], [], []]
    assert not any("secret" in stream.text for stream in listening.values())


def path_of(tenants: Tenants, path: str) -> str:
    return path.format_map(tenants.ids)


async def asked(tenants: Tenants, operation: str, who: str) -> httpx2.Response:
    """This operation on what is Ada's and Mia's, asked for by this person."""
    method, path = operation.split(" ")
    call: Call = TABLE[operation]
    headers = {name: value for name, value in tenants[who].client.headers.items() if name in SENT}
    client = tenants.world.client(OPERATIONS[operation], **headers)
    request = client.request(method, path_of(tenants, path), json=call.body, files=call.files)
    return await tenants.world.asked(request)


def told(answer: httpx2.Response, who: str) -> list[str]:
    """What the answer tells of what this person must not know."""
    words = f"{answer.reason_phrase}\n{answer.headers}\n{answer.text}"
    return [what for what, secret in secrets_from(who).items() if secret in words]


async def adas(tenants: Tenants) -> list[Any]:
    """What is Ada's and Mia's, as both see it."""
    owner, mia = tenants["owner"].client, tenants["mia"].client
    paths = ("/partner", "/team", "/preferences", "/jobs", "/standing")
    shown = [(await owner.get(f"/api/v1{path}")).json() for path in paths]
    return [*shown, without_alternatives((await mia.get("/api/v1/merchant/requests")).json())]


def without_alternatives(page: Any) -> list[Any]:
    """A merchant's requests without the profiles that are shown to everybody, and that it could turn to instead. They
    tell nothing of who was asked, and change as the directory does.
    """
    return [{name: value for name, value in one.items() if name != "alternatives"} for one in page["requests"]]
