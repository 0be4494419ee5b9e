"""One click under a mail, by a person or by a mail program, and the way back."""

import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.gateway.choices import Choices
from services.gateway.unsubscribe import KIND_NAMES, unsubscribe_pages
from shared.contracts.base import Locale, derived_id
from shared.contracts.choices import MailKind, choice_id_of
from shared.contracts.partners import MailTopic
from shared.http import application
from shared.i18n import gettext
from shared.links import Links
from shared.settings import Settings
from shared.topics import MAIL_CHOICES
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher

LINKS = Links(Settings(secret_keys="the-key-of-the-tests"))
EMAIL = "ken@hoshi.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class Gateway:
    """The pages, and the topic that they speak to."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.choices = Choices(LINKS, MemoryPublisher(self.log, self._before), ManualClock())
        self.app: FastAPI = application("tests")
        self.app.include_router(unsubscribe_pages(self.choices))
        self.kafka_is_away = False

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://gateway")

    async def _before(self, _record: Any) -> None:
        if self.kafka_is_away:
            raise ConnectionError

    def said(self) -> list[tuple[str, str, bool]]:
        records = [MAIL_CHOICES.codec.decode(raw.value) for raw in self.log.records(MAIL_CHOICES.name)]
        assert all(one.subject == choice_id_of(one.data.email, one.data.topic) for one in records)
        return [(one.data.email, one.data.topic.value, one.data.wanted) for one in records]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def url(topic: str = "mentions", email: str = EMAIL, locale: str = "en") -> str:
    claims = {"email": email, "topic": topic, "locale": locale}
    return f"/unsubscribe?token={LINKS.sign('unsubscribe', derived_id('address', email), claims)}"


async def test_a_mail_program_posts_and_it_is_done_without_cookies(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.post(url(), data=ONE_CLICK)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert gateway.said() == [(EMAIL, "mentions", False)]


async def test_a_scanner_that_follows_the_link_changes_nothing(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for _ in range(3):
            assert (await client.get(url())).status_code == 200
            assert (await client.head(url())).status_code in (200, 405)
    assert gateway.said() == []


@pytest.mark.parametrize("locale", Locale)
@pytest.mark.parametrize("kind", MailKind)
async def test_a_person_presses_the_button_and_may_change_their_mind(
    gateway: Gateway, kind: MailKind, locale: Locale
) -> None:
    async with gateway.client() as client:
        page = await client.get(url(kind.value, locale=locale.value))
        assert page.headers["content-language"] == locale
        assert EMAIL in page.text
        assert gettext(locale, KIND_NAMES[kind]) in page.text
        done = await client.post(action(page.text))
        again = await client.post(action(done.text), data={"again": "yes"})
    assert (done.status_code, again.status_code) == (200, 200)
    assert gateway.said() == [(EMAIL, kind, False), (EMAIL, kind, True)]


def action(page: str) -> str:
    (found,) = re.findall(r'<form method="post" action="([^"]*)"', page)
    return str(found)


@pytest.mark.parametrize(
    "link",
    [
        "/unsubscribe",
        "/unsubscribe?token=x",
        f"/unsubscribe?token={LINKS.sign('sign-in', derived_id('address', EMAIL), {'email': EMAIL})}",
        url(topic="new_jobs"),
        url(locale="de"),
        url()[:-1],
    ],
    ids=["no token", "no token of ours", "another kind's", "no such mails", "no such language", "cut off"],
)
async def test_a_link_that_is_no_good_says_so_and_changes_nothing(gateway: Gateway, link: str) -> None:
    async with gateway.client() as client:
        answers = [await client.get(link), await client.post(link, data=ONE_CLICK)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert gateway.said() == []


async def test_what_kafka_has_not_taken_is_not_promised(gateway: Gateway) -> None:
    gateway.kafka_is_away = True
    async with gateway.client() as client:
        assert (await client.post(url(), data=ONE_CLICK)).status_code == 503


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(None, (MailTopic.MENTIONS,), ["mentions"], id="chosen for the first time"),
        pytest.param((), (MailTopic.ASSIGNED,), ["correspondence"], id="chosen again"),
        pytest.param((MailTopic.MENTIONS,), (MailTopic.MENTIONS,), [], id="chosen all along"),
        pytest.param((MailTopic.MENTIONS,), (), [], id="no longer chosen"),
        pytest.param((MailTopic.MENTIONS,), None, [], id="left to the role"),
    ],
)
async def test_what_somebody_chooses_in_their_settings_is_wanted_again(
    gateway: Gateway, before: Any, after: Any, expected: list[str]
) -> None:
    await gateway.choices.follow(EMAIL, before, after)
    assert gateway.said() == [(EMAIL, topic, True) for topic in expected]
