"""Reads caught mails by Mailpit's API, from the embedded catcher or from Mailpit itself."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2

_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class CaughtMail:
    id: str
    to: str
    subject: str
    text: str

    @property
    def link(self) -> str:
        """The link that the mail is about: the first in its text. Raises LookupError when it has none."""
        found = _LINK.search(self.text)
        if found is None:
            raise LookupError(f"The mail {self.subject!r} has no link.")
        return found.group()

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.link).query)["token"][0]


class Mailpit:
    """A view of the mails that arrived after it was made."""

    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._seen: set[str] = set()
        self._mails: list[CaughtMail] = []

    async def ignore_old(self) -> None:
        self._seen = {str(message["ID"]) for message in await self._list()}

    async def to(self, address: str, *, containing: str = "", within: float = 60.0) -> CaughtMail:
        """The newest unread mail to this address, waited for. It is taken: the next call gives the next one. Raises
        TimeoutError.
        """
        found = await self.matching(1, containing=containing, to=address, within=within)
        self._mails.remove(found[0])
        return found[0]

    async def matching(
        self, count: int, *, containing: str, to: str | None = None, within: float = 60.0
    ) -> list[CaughtMail]:
        """At least `count` mails with these words, waited for; the newest first. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                await self._fetch()
                found = [
                    mail
                    for mail in reversed(self._mails)
                    if containing in mail.text and (to is None or mail.to.casefold() == to.casefold())
                ]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.03)

    async def _fetch(self) -> None:
        for message in reversed(await self._list()):
            if message["ID"] not in self._seen:
                self._seen.add(str(message["ID"]))
                whole = (await self._client.get(f"{self._url}/api/v1/message/{message['ID']}")).json()
                to = whole["To"][0]["Address"]
                self._mails.append(CaughtMail(whole["ID"], to, whole["Subject"], whole["Text"]))

    async def _list(self) -> list[dict[str, object]]:
        response = await self._client.get(f"{self._url}/api/v1/messages", params={"limit": 200})
        messages: list[dict[str, object]] = response.raise_for_status().json()["messages"]
        return messages
