"""The mail catcher, end to end: mails over real SMTP, answers over real HTTP."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx2
import pytest

from deploy.local.mailbox import Mail, Mailbox
from deploy.local.stack import MailCatcher

pytestmark = pytest.mark.processes

HOSTILE = "<script>alert('stolen')</script>"


@pytest.fixture(scope="module")
async def catcher(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MailCatcher]:
    part = MailCatcher(Path(tmp_path_factory.mktemp("mail")), 0, 0)
    await part.start()
    yield part
    await part.stop()


@pytest.fixture
async def http(catcher: MailCatcher) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{catcher.http_port}", trust_env=False) as client:
        await client.delete("/api/v1/messages")
        yield client


def a_mail(**changes: str) -> EmailMessage:
    mail = EmailMessage()
    headers = {"From": "Jobwire <jobs@example.com>", "To": "Ana <ana@example.com>", "Subject": "A new job"}
    for name, value in {**headers, **changes}.items():
        if name not in {"text", "html"}:
            mail[name.replace("_", "-")] = value
    mail.set_content(changes.get("text", "Hello"))
    if "html" in changes:
        mail.add_alternative(changes["html"], subtype="html")
    return mail


async def send(catcher: MailCatcher, mail: EmailMessage | bytes, *recipients: str) -> None:
    await aiosmtplib.send(
        mail,
        sender="bounces@example.com",
        recipients=list(recipients or ("ana@example.com",)),
        hostname="127.0.0.1",
        port=catcher.smtp_port,
    )


async def get(http: httpx2.AsyncClient, path: str) -> Any:
    return (await http.get(path)).raise_for_status().json()


async def test_mails_are_listed_newest_first_a_page_at_a_time(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    for subject in ("one", "two", "three"):
        await send(catcher, a_mail(Subject=subject))
    page = await get(http, "/api/v1/messages?start=1&limit=1")
    assert [mail["Subject"] for mail in page["messages"]] == ["two"]
    counts = {name: page[name] for name in ("total", "unread", "count", "messages_count", "start")}
    assert counts == {"total": 3, "unread": 3, "count": 1, "messages_count": 3, "start": 1}


async def test_japanese_arrives_as_it_was_written(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    japanese = a_mail(
        From="求人デスク <jobs@example.com>",
        Subject="新規のお仕事が届きました – 返信期限は72時間です",
        text="田中様、こんにちは。",
        html="<p>田中様、こんにちは。</p>",
    )
    await send(catcher, japanese)
    mail = await get(http, "/api/v1/message/latest")
    assert mail["From"] == {"Name": "求人デスク", "Address": "jobs@example.com"}
    assert mail["Subject"] == "新規のお仕事が届きました – 返信期限は72時間です"
    assert mail["Text"].strip() == "田中様、こんにちは。"
    assert mail["HTML"].strip() == "<p>田中様、こんにちは。</p>"
    assert mail["ReturnPath"] == "bounces@example.com"
    assert "新規のお仕事が届きました" in (await http.get("/")).text


async def test_a_blind_copy_is_seen_in_the_envelope(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    await send(catcher, a_mail(), "ana@example.com", "hidden@example.com")
    (mail,) = (await get(http, "/api/v1/messages"))["messages"]
    assert mail["To"] == [{"Name": "Ana", "Address": "ana@example.com"}]
    assert mail["Bcc"] == [{"Name": "", "Address": "hidden@example.com"}]


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ('to:"ben@example.com"', ["For Ben"]),
        ("subject:ben", ["For Ben"]),
        ('to:"example.com" subject:"For A"', ["For Ana"]),
        ("to:nobody", []),
    ],
)
async def test_mails_are_found(catcher: MailCatcher, http: httpx2.AsyncClient, query: str, subjects: list[str]) -> None:
    await send(catcher, a_mail(Subject="For Ana"))
    await send(catcher, a_mail(Subject="For Ben", To="ben@example.com"), "ben@example.com")
    found = (await http.get("/api/v1/search", params={"query": query})).json()
    assert [mail["Subject"] for mail in found["messages"]] == subjects
    assert found["messages_count"] == len(subjects)


async def test_opening_a_mail_marks_it_read(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    await send(catcher, a_mail())
    (mail,) = (await get(http, "/api/v1/messages"))["messages"]
    await get(http, f"/api/v1/message/{mail['ID']}")
    assert (await get(http, "/api/v1/messages"))["unread"] == 0


async def test_every_value_of_a_header_is_kept(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    mail = a_mail(Message_ID="<abc@jobwire>", X_Replay_Id="7")
    mail["Received"] = "by one"
    mail["Received"] = "by two"
    await send(catcher, mail)
    headers = await get(http, "/api/v1/message/latest/headers")
    assert headers["Received"] == ["by one", "by two"]
    assert headers["X-Replay-Id"] == ["7"]
    assert (await get(http, "/api/v1/message/latest"))["MessageID"] == "abc@jobwire"


async def test_mails_are_deleted_by_id_or_all(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    for subject in ("one", "two", "three"):
        await send(catcher, a_mail(Subject=subject))
    newest = (await get(http, "/api/v1/messages"))["messages"][0]["ID"]
    await http.request("DELETE", "/api/v1/messages", json={"IDs": [newest]})
    assert [mail["Subject"] for mail in (await get(http, "/api/v1/messages"))["messages"]] == ["two", "one"]
    assert (await http.request("DELETE", "/api/v1/messages", content=b"[")).status_code == 400
    await http.delete("/api/v1/messages")
    assert (await get(http, "/api/v1/messages"))["total"] == 0


async def test_a_strangers_text_cannot_do_anything_on_the_page(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    await send(catcher, a_mail(From=f'"{HOSTILE}" <x@example.com>', Subject=HOSTILE, text=HOSTILE, html=HOSTILE))
    (mail,) = (await get(http, "/api/v1/messages"))["messages"]
    for path in ("/", f"/view/{mail['ID']}"):
        page = await http.get(path)
        assert HOSTILE not in page.text
        assert "&lt;script&gt;" in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "script-src" not in page.headers["Content-Security-Policy"]


async def test_a_mails_html_is_shown_in_a_sandbox_only(catcher: MailCatcher, http: httpx2.AsyncClient) -> None:
    await send(catcher, a_mail(html=HOSTILE))
    (mail,) = (await get(http, "/api/v1/messages"))["messages"]
    page = (await http.get(f"/view/{mail['ID']}")).text
    assert f'src="/view/{mail["ID"]}/html"' in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    policy = (await http.get(f"/view/{mail['ID']}/html")).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe not a header\r\n\r\n\x80\x81",
        b'Subject: =?no-such-charset?B?////?=\r\nFrom: <<>>,;\r\nTo: "a <\r\n\r\nx',
        b"Subject: \xe6\x96\xb0\r\nContent-Type: text/plain; charset=no-such\r\n\r\n\xe6\x96\xb0",
        b"Content-Type: multipart/mixed; boundary=a\r\nDate: yesterday\r\n\r\n--a\r\n--b",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    ],
)
async def test_a_broken_mail_is_kept_and_shown(catcher: MailCatcher, http: httpx2.AsyncClient, raw: bytes) -> None:
    await send(catcher, raw)
    (mail,) = (await get(http, "/api/v1/messages"))["messages"]
    for path in ("/", f"/view/{mail['ID']}", f"/api/v1/message/{mail['ID']}", f"/api/v1/message/{mail['ID']}/headers"):
        assert (await http.get(path)).status_code == 200


async def test_a_web_page_with_a_name_of_its_own_cannot_read_mails(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/api/v1/messages", headers={"Host": "evil.example"})
    assert answer.status_code == 400


async def test_a_mail_that_is_not_there_is_not_found(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/api/v1/message/latest")).status_code == 404


def test_only_the_newest_mails_are_kept() -> None:
    by_number = Mailbox(keep=2)
    by_size = Mailbox(keep_bytes=1)
    for subject in (b"one", b"two", b"three"):
        by_number.add(Mail(b"Subject: " + subject + b"\r\n\r\n"))
        by_size.add(Mail(b"Subject: " + subject + b"\r\n\r\n"))
    assert [mail.summary()["Subject"] for mail in by_number.newest_first()] == ["three", "two"]
    assert [mail.summary()["Subject"] for mail in by_size.newest_first()] == ["three"]
