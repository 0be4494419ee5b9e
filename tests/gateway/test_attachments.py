"""Files of a conversation: what may come in, under which name, and who gets it."""

from asyncio import gather
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from starlette.datastructures import UploadFile

from services.gateway.accounts import Membership, Merchant
from services.gateway.api.attachments import LARGER_BODIES, attachments_api
from services.gateway.attachments import KEPT_UNDECIDED, MAX_FILE_BYTES, MB, Attachments, Quotas, Uploader
from services.gateway.file_names import MAX_NAME, clean_name
from services.gateway.read.projections import on_job
from services.gateway.read.reading import Reading
from shared.contracts.base import ActorKind, derived_id
from shared.contracts.jobs import Attachment, CommentAdded, JobReplied, MerchantReplied, Status
from shared.files import CHUNK_BYTES, GridFiles
from shared.http import MAX_BODY_BYTES, PROBLEM, Problem, application
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_PARTNER,
    JOB_ID,
    KEN,
    MERCHANT_EMAIL,
    MERCHANT_ID,
    PARTNER_ID,
    a_job,
    a_member,
    a_partner,
    an_event,
    received,
)
from tests.fakes import ManualClock
from tests.gateway.files_of_each_kind import BAD, GOOD, HTML, PNG
from tests.memory_mongo import MemoryDatabase

OTHER_JOB = derived_id("another job")
OURS = Uploader(JOB_ID, ActorKind.PARTNER, AIKO)
COLLEAGUES = Uploader(JOB_ID, ActorKind.PARTNER, KEN)
THEIRS = Uploader(JOB_ID, ActorKind.MERCHANT, MERCHANT_ID)


class Desk:
    """Attachments over memory, with the job's conversation beside them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.database: Any = MemoryDatabase(self.clock.now)
        self.files = GridFiles(self.database, "attachments", self.clock)
        self.attachments = Attachments(self.files, self.database, self.clock, Quotas(100, 100, 100))

    async def take(
        self, content: bytes = PNG, name: str = "a.png", who: Uploader = OURS, upload_id: UUID | None = None
    ) -> Attachment:
        upload = UploadFile(BytesIO(content), size=len(content), filename=name)
        return await self.attachments.take(who, upload, upload_id or uuid4())

    async def refused(self, *args: Any, **more: Any) -> tuple[int, str]:
        with pytest.raises(Problem) as problem:
            await self.take(*args, **more)
        assert self.is_empty()
        return problem.value.status, problem.value.code

    async def chosen(self, who: Uploader, *ids: UUID) -> tuple[Attachment, ...]:
        return await self.attachments.chosen(who.job_id, who.side, who.by, list(ids))

    async def wrong(self, who: Uploader, *ids: UUID) -> list[str]:
        with pytest.raises(Problem) as problem:
            await self.chosen(who, *ids)
        assert problem.value.status == 422
        return [error["field"] for error in problem.value.more["errors"]]

    async def happens(self, fact: Any) -> None:
        event = an_event(fact, a_job(Status.REPLIED))
        for write in on_job(received(event)):
            await self.database[write.collection].bulk_write([write.operation], ordered=False)

    async def told(self, version: int, fact: Any) -> None:
        """An event of this version, in whatever order."""
        event = an_event(fact, a_job(Status.REPLIED).model_copy(update={"version": version}))
        for write in on_job(received(event)):
            await self.database[write.collection].bulk_write([write.operation], ordered=False)

    async def opened(self, attachment_id: UUID, side: ActorKind, job_id: UUID = JOB_ID) -> bytes | None:
        try:
            _, content = await self.attachments.open(job_id, attachment_id, side)
        except Problem:
            return None
        return b"".join([piece async for piece in content])

    def is_empty(self) -> bool:
        return not any(self.database[f"attachments.{part}"].documents for part in ("files", "chunks"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestWhatComesIn:
    @pytest.mark.parametrize("name", GOOD)
    async def test_an_allowed_type_is_told_by_its_content(self, desk: Desk, name: str) -> None:
        content, media_type = GOOD[name]
        taken = await desk.take(content, name)
        assert (taken.name, taken.media_type, taken.size) == (name, media_type, len(content))
        assert await desk.opened(taken.attachment_id, ActorKind.PARTNER) == content

    @pytest.mark.parametrize("what", BAD)
    async def test_anything_else_is_refused_whatever_it_is_called(self, desk: Desk, what: str) -> None:
        name, content = BAD[what]
        assert await desk.refused(content, name) == (415, "unsupported_type")

    async def test_ten_megabytes_are_taken_and_a_byte_more_is_not(self, desk: Desk) -> None:
        assert await desk.refused(PNG + bytes(MAX_FILE_BYTES + 1 - len(PNG))) == (413, "too_large")
        content = PNG + bytes(MAX_FILE_BYTES - len(PNG))
        taken = await desk.take(content)
        assert taken.size == MAX_FILE_BYTES
        assert await desk.opened(taken.attachment_id, ActorKind.PARTNER) == content

    async def test_an_empty_file_is_refused(self, desk: Desk) -> None:
        assert await desk.refused(b"") == (422, "invalid_fields")

    async def test_the_same_upload_sent_again_is_one_file(self, desk: Desk) -> None:
        first, again = [await desk.take(upload_id=JOB_ID) for _ in range(2)]
        assert first == again
        assert len(desk.database["attachments.files"].documents) == 1

    @pytest.mark.parametrize("other", [(PNG + b"more",), (PNG, "b.png")], ids=["content", "name"])
    async def test_another_file_under_the_same_key_is_refused(self, desk: Desk, other: tuple[Any, ...]) -> None:
        await desk.take(upload_id=JOB_ID)
        with pytest.raises(Problem) as problem:
            await desk.take(*other, upload_id=JOB_ID)
        assert (problem.value.status, problem.value.code) == (422, "key_reused")
        assert len(desk.database["attachments.files"].documents) == 1

    async def test_one_person_cannot_fill_the_disk(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.gateway.attachments.MAX_PER_PERSON_AND_JOB", 1)
        await desk.take(upload_id=JOB_ID)
        await desk.take(upload_id=JOB_ID)
        with pytest.raises(Problem, match="up to 1 files"):
            await desk.take()
        await desk.take(who=COLLEAGUES)


class TestQuotas:
    @pytest.mark.parametrize(
        ("quotas", "whose", "others"),
        [
            (Quotas(1, 9, 9), OURS, THEIRS),
            (Quotas(9, 1, 9), Uploader(OTHER_JOB, ActorKind.PARTNER, AIKO), COLLEAGUES),
            (Quotas(9, 9, 1), Uploader(OTHER_JOB, ActorKind.PARTNER, KEN, PARTNER_ID), THEIRS),
        ],
        ids=["job", "person", "organisation"],
    )
    async def test_what_is_too_much_is_refused_and_others_are_not_held_up(
        self, desk: Desk, quotas: Quotas, whose: Uploader, others: Uploader
    ) -> None:
        desk.attachments = Attachments(desk.files, desk.database, desk.clock, quotas)
        megabyte = PNG + bytes(MB - len(PNG))
        mine = Uploader(JOB_ID, ActorKind.PARTNER, AIKO, PARTNER_ID)
        first = await desk.take(megabyte, who=mine, upload_id=JOB_ID)
        with pytest.raises(Problem, match=r"may have 1 MB together\. Send a link") as refused:
            await desk.take(who=whose)
        assert (refused.value.status, refused.value.code) == (409, "quota_exceeded")
        assert await desk.take(megabyte, who=mine, upload_id=JOB_ID) == first, "The same again takes no further place."
        await desk.take(megabyte, who=others)
        assert len(desk.database["attachments.files"].documents) == 2

    async def test_many_at_once_do_not_slip_in_together(self, desk: Desk) -> None:
        desk.attachments = Attachments(desk.files, desk.database, desk.clock, Quotas(1, 9, 9))
        tries = [desk.take(PNG + bytes(300 * 1024)) for _ in range(8)]
        taken = [one for one in await gather(*tries, return_exceptions=True) if not isinstance(one, BaseException)]
        assert len(taken) <= 3
        assert len(desk.database["attachments.files"].documents) == len(taken)
        while len(taken) < 3:
            taken.append(await desk.take(PNG + bytes(300 * 1024)))

    async def test_many_small_files_count_as_what_they_cost(self, desk: Desk) -> None:
        desk.attachments = Attachments(desk.files, desk.database, desk.clock, Quotas(1, 9, 9))
        for _ in range(16):
            await desk.take()
        with pytest.raises(Problem, match="on this job may have"):
            await desk.take()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("a\r\nSet-Cookie: b.txt", "a Set-Cookie_ b.txt"),
        ("a\x00\x1b\x7f.txt", "a.txt"),
        ("invoice\u202etxt.exe", "invoicetxt.exe"),
        ("a\u200b\u2066\ufeff.txt", "a.txt"),
        ('a"; filename="b.txt', "a_; filename=_b.txt"),
        ("  ..a.txt. ", "a.txt"),
        ("お茶 — été.pdf", "お茶 — été.pdf"),
        ("..", ""),
    ],
)
def test_a_name_is_one_harmless_line(given: str, name: str) -> None:
    assert clean_name(given) == name


@pytest.mark.parametrize("given", ["x" * 300 + ".png", "x." + "y" * 300, "x" * 300, "お" * 119 + ".png"])
def test_a_long_name_is_cut_and_keeps_its_ending(given: str) -> None:
    name = clean_name(given)
    assert len(name) <= MAX_NAME
    assert name.endswith(".png") == given.endswith(".png")
    assert clean_name(name) == name


class TestWhoGetsIt:
    async def test_only_ones_own_uploads_to_this_job_can_be_sent(self, desk: Desk) -> None:
        mine, colleagues = await desk.take(), await desk.take(who=COLLEAGUES)
        elsewhere = await desk.take(who=Uploader(OTHER_JOB, ActorKind.PARTNER, AIKO))
        theirs = await desk.take(who=THEIRS)
        others = [colleagues.attachment_id, elsewhere.attachment_id, theirs.attachment_id, uuid4()]
        assert await desk.wrong(OURS, mine.attachment_id, *others) == [
            f"attachment_ids.{number}" for number in (1, 2, 3, 4)
        ]
        assert await desk.chosen(OURS, mine.attachment_id, mine.attachment_id) == (mine,)

    async def test_a_message_carries_ten_files(self, desk: Desk) -> None:
        ids = [(await desk.take()).attachment_id for _ in range(11)]
        assert [one.attachment_id for one in await desk.chosen(OURS, *ids[:10])] == ids[:10]
        assert await desk.wrong(OURS, *ids) == ["attachment_ids"]

    @pytest.mark.parametrize("who", [OURS, THEIRS])
    async def test_the_other_side_gets_it_only_after_it_was_sent(self, desk: Desk, who: Uploader) -> None:
        other = ActorKind.MERCHANT if who is OURS else ActorKind.PARTNER
        taken = await desk.take(who=who)
        assert await desk.opened(taken.attachment_id, who.side) == PNG
        sent = await desk.chosen(who, taken.attachment_id)
        assert await desk.opened(taken.attachment_id, other) is None, "It was chosen, not sent."
        said = {"text": "Look.", "attachments": sent}
        partners = JobReplied(first=True, actor=BY_PARTNER, **said)
        await desk.happens(partners if who is OURS else MerchantReplied(actor=BY_MERCHANT, **said))
        assert await desk.opened(taken.attachment_id, other) == PNG

    async def test_no_other_job_opens_it(self, desk: Desk) -> None:
        taken = await desk.take()
        await desk.happens(JobReplied(text="Look.", first=True, attachments=(taken,), actor=BY_PARTNER))
        for side in (ActorKind.PARTNER, ActorKind.MERCHANT):
            assert await desk.opened(taken.attachment_id, side, OTHER_JOB) is None
            assert await desk.opened(uuid4(), side) is None

    async def test_a_team_comment_gives_nothing_to_the_merchant(self, desk: Desk) -> None:
        taken = await desk.take()
        comment = CommentAdded(text="Look.", actor=BY_PARTNER)
        await desk.happens(comment)
        (document,) = desk.database["timeline_view"].documents.values()
        document["fact"]["attachments"] = [{"attachment_id": str(taken.attachment_id)}]
        assert await desk.opened(taken.attachment_id, ActorKind.MERCHANT) is None


class TestTidyingUp:
    async def test_what_was_not_sent_within_a_day_goes_and_what_was_chosen_stays(self, desk: Desk) -> None:
        left, sent = await desk.take(), await desk.take()
        await desk.chosen(OURS, sent.attachment_id)
        desk.clock.move(timedelta(hours=24))
        fresh = await desk.take()
        await desk.attachments.tidy()
        assert await desk.opened(left.attachment_id, ActorKind.PARTNER) == PNG
        desk.clock.move(timedelta(seconds=1))
        await desk.attachments.tidy()
        assert await desk.opened(left.attachment_id, ActorKind.PARTNER) is None
        for one in (sent, fresh):
            assert await desk.opened(one.attachment_id, ActorKind.PARTNER) == PNG
        assert len(desk.database["attachments.chunks"].documents) == 2
        assert await desk.wrong(OURS, left.attachment_id) == ["attachment_ids.0"]

    async def test_what_was_sent_with_a_refused_message_goes_after_a_month(self, desk: Desk) -> None:
        refused, sent = await desk.take(), await desk.take()
        for one in (refused, sent):
            await desk.chosen(OURS, one.attachment_id)
        await desk.told(1, JobReplied(text="Look.", first=True, attachments=(sent,), actor=BY_PARTNER))
        desk.clock.move(KEPT_UNDECIDED)
        await desk.attachments.tidy()
        assert await desk.opened(refused.attachment_id, ActorKind.PARTNER) == PNG, "Its command may be on its way."
        desk.clock.move(timedelta(seconds=1))
        await desk.attachments.tidy()
        assert await desk.opened(refused.attachment_id, ActorKind.PARTNER) is None
        desk.clock.move(timedelta(days=365))
        await desk.attachments.tidy()
        assert await desk.opened(sent.attachment_id, ActorKind.MERCHANT) == PNG
        assert len(desk.database["attachments.chunks"].documents) == 1

    async def test_nothing_that_was_sent_goes_while_the_read_model_is_built_anew(self, desk: Desk) -> None:
        sent, refused = await desk.take(), await desk.take()
        for one in (sent, refused):
            await desk.chosen(OURS, one.attachment_id)
        reply = JobReplied(text="Look.", first=True, attachments=(sent,), actor=BY_PARTNER)
        desk.clock.move(2 * KEPT_UNDECIDED)
        await desk.attachments.tidy()  # the job is unknown
        await desk.told(2, CommentAdded(text="Later.", actor=BY_PARTNER))
        desk.clock.move(timedelta(days=2))
        await desk.attachments.tidy()  # its first event is not there yet
        await desk.told(1, reply)
        desk.clock.move(timedelta(days=2))
        await desk.attachments.tidy()
        assert await desk.opened(sent.attachment_id, ActorKind.MERCHANT) == PNG
        assert await desk.opened(refused.attachment_id, ActorKind.PARTNER) is None

    async def test_a_file_that_is_chosen_again_waits_again(self, desk: Desk) -> None:
        again = await desk.take()
        await desk.chosen(OURS, again.attachment_id)
        await desk.told(1, CommentAdded(text="No file.", actor=BY_PARTNER))
        desk.clock.move(2 * KEPT_UNDECIDED)
        (stored,) = await desk.files.undecided(desk.clock.now(), 10)
        await desk.chosen(OURS, again.attachment_id)
        await desk.files.drop(stored)
        await desk.attachments.tidy()
        assert await desk.opened(again.attachment_id, ActorKind.PARTNER) == PNG

    async def test_what_a_dying_process_left_is_no_file_and_goes_too(self, desk: Desk) -> None:
        async def breaks_off() -> AsyncIterator[bytes]:
            yield bytes(CHUNK_BYTES)
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await desk.files.put(JOB_ID, "a.png", breaks_off(), dict(OURS.metadata()))
        assert len(desk.database["attachments.chunks"].documents) == 1
        assert await desk.files.info(JOB_ID) is None
        assert await desk.wrong(OURS, JOB_ID) == ["attachment_ids.0"]
        desk.clock.move(timedelta(hours=25))
        await desk.attachments.tidy()
        assert desk.is_empty()


class Door:
    """Who is asking: Aiko or Mia, or nobody who is signed in."""

    def __init__(self) -> None:
        self.open = True

    async def member(self) -> Membership:
        if not self.open:
            raise Problem(401, "sign_in", "Sign in.")
        return Membership(a_partner(), a_member("Aiko"))

    async def merchant(self) -> Merchant:
        return Merchant(MERCHANT_ID, "Mia", MERCHANT_EMAIL)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def client(desk: Desk, door: Door) -> AsyncIterator[httpx2.AsyncClient]:
    await desk.happens(JobReplied(text="Hello.", first=True, actor=BY_PARTNER))
    app = application("tests", LARGER_BODIES)
    app.include_router(attachments_api(desk.attachments, Reading(desk.database), door))  # type: ignore[arg-type]
    with_an_echo(app)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway") as client:
        yield client


def with_an_echo(app: FastAPI) -> None:
    @app.post("/echo")
    async def echo(body: dict[str, str]) -> int:
        return len(body)


PARTNERS, MERCHANTS = f"/api/v1/jobs/{JOB_ID}/attachments", f"/api/v1/merchant/jobs/{JOB_ID}/attachments"


class TestOverHttp:
    async def test_a_file_goes_up_and_comes_down_to_be_saved(self, client: httpx2.AsyncClient) -> None:
        name = "お茶 50% 'x'.png"
        up = await client.post(PARTNERS, files={"file": (name, PNG, "text/html")})
        assert up.status_code == 201, up.text
        assert up.json()["media_type"] == "image/png"
        down = await client.get(f"{PARTNERS}/{up.json()['attachment_id']}")
        assert (down.status_code, down.content) == (200, PNG)
        assert down.headers["content-type"] == "image/png"
        assert down.headers["content-disposition"] == (
            "attachment; filename=\"__ 50_ 'x'.png\"; filename*=UTF-8''%E3%81%8A%E8%8C%B6%2050%25%20%27x%27.png"
        )
        assert down.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert down.headers["x-content-type-options"] == "nosniff"
        assert down.headers["cache-control"].startswith("private")
        assert (await client.get(f"{MERCHANTS}/{up.json()['attachment_id']}")).status_code == 404

    async def test_a_retry_with_the_same_key_is_one_file(self, client: httpx2.AsyncClient) -> None:
        headers = {"Idempotency-Key": "once"}
        answers = [await client.post(PARTNERS, files={"file": ("a.png", PNG)}, headers=headers) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        other = await client.post(MERCHANTS, files={"file": ("a.png", PNG)}, headers=headers)
        assert other.json()["attachment_id"] != answers[0].json()["attachment_id"]

    async def test_somebody_elses_job_takes_nothing(self, desk: Desk, client: httpx2.AsyncClient) -> None:
        for path in (PARTNERS, MERCHANTS):
            elsewhere = path.replace(str(JOB_ID), str(OTHER_JOB))
            assert (await client.post(elsewhere, files={"file": ("a.png", PNG)})).status_code == 404
        assert desk.is_empty()

    async def test_who_is_not_signed_in_is_answered_before_the_file_is_read(
        self, client: httpx2.AsyncClient, door: Door
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            pytest.fail("It was read.")
            yield b""

        door.open = False
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert (await client.post(PARTNERS, content=body(), headers=headers)).status_code == 401

    @pytest.mark.parametrize(
        ("given", "status"),
        [
            ({"files": {"file": ("a.png", HTML)}}, 415),
            ({"files": {"file": ("a.png", b"")}}, 422),
            ({"files": {"document": ("a.png", PNG)}}, 422),
            ({"data": {"file": "a.png"}}, 422),
            ({"json": {"file": "a.png"}}, 422),
            ({"files": [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]}, 400),
            ({"content": b"--b\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 422),
            ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ],
    )
    async def test_what_is_no_good_file_is_a_problem(
        self, desk: Desk, client: httpx2.AsyncClient, given: dict[str, Any], status: int
    ) -> None:
        answer = await client.post(PARTNERS, **given)
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
        assert desk.is_empty()


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 65_536):
        yield content[at : at + 65_536]


class TestTheLimitOnBodies:
    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("more", [1, 1024 * 1024])
    async def test_too_large_an_upload_is_a_problem(
        self, desk: Desk, client: httpx2.AsyncClient, *, chunked: bool, more: int
    ) -> None:
        content = PNG + bytes(MAX_FILE_BYTES - len(PNG) + more)
        request = client.build_request("POST", PARTNERS, files={"file": ("a.png", content)})
        body = request.read()
        headers = {"Content-Type": request.headers["content-type"]}
        answer = await client.post(PARTNERS, content=in_pieces(body) if chunked else body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
        assert answer.json()["code"] == "too_large"
        assert desk.is_empty()

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("path", ["/echo", "/echo?/attachments"])
    async def test_all_other_paths_keep_theirs(self, client: httpx2.AsyncClient, *, chunked: bool, path: str) -> None:
        for length, status in ((MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)):
            body = b'{"a": "' + b"x" * (length - 9) + b'"}'
            headers = {"Content-Type": "application/json"}
            answer = await client.post(path, content=in_pieces(body) if chunked else body, headers=headers)
            assert answer.status_code == status
        assert answer.headers["content-type"] == PROBLEM
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_answer_is_documented(desk: Desk) -> None:
    app = application("tests", LARGER_BODIES)
    app.include_router(attachments_api(desk.attachments, Reading(desk.database), Door()))  # type: ignore[arg-type]
    paths = app.openapi()["paths"]
    uploads = [paths[path]["post"] for path in paths if path.endswith("/attachments")]
    downloads = [paths[path]["get"] for path in paths if path.endswith("/{attachment_id}")]
    assert (len(uploads), len(downloads)) == (2, 2)
    for upload in uploads:
        assert {"201", "400", "401", "403", "404", "409", "413", "415", "422", "503"} <= set(upload["responses"])
        assert "multipart/form-data" in upload["requestBody"]["content"]
    for download in downloads:
        assert {"200", "401", "403", "404", "422", "503"} <= set(download["responses"])
