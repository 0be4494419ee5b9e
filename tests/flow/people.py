"""Those who use Jobwire, as they do: forms, links in mails, the API."""

import html
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from services.gateway.stores.proofs import site_of
from shared.contracts.base import Locale, derived_id
from shared.contracts.requests import merchant_id_of
from tests.builders import a_member, a_partner, an_offer
from tests.flow.world import CaughtMail, World

MERCHANT = "mia@kettle.example"


def a_team(name: str, locale: Locale = Locale.EN, **fields: Any) -> Any:
    """A partner with an owner and a colleague whose addresses tell whose they are."""
    low = name.lower()
    members = (
        a_member(f"{name}-owner", email=f"owner@{low}.example", locale=locale),
        a_member(f"{name}-helper", role="member", email=f"helper@{low}.example", locale=locale),
    )
    languages = fields.pop("languages", (locale.value,))
    return a_partner(name, main_language=locale, languages=languages, members=members, **fields)


ENGLISH = [
    a_team(name, services=(an_offer(price=str(600 + 200 * n)),))
    for n, name in enumerate(("Ada", "Bob", "Cy", "Dee", "Eve"), 1)
]
JAPANESE = a_team("Hana", Locale.JA, services=(an_offer("migration"),))
MARKET = [*ENGLISH, JAPANESE]


@dataclass
class Person:
    """Somebody signed in."""

    world: World
    client: httpx2.AsyncClient

    async def get(self, path: str, expect: int = 200, **params: Any) -> Any:
        return self._expected(await self.world.asked(self.client.get(f"/api/v1{path}", params=params)), expect)

    async def post(self, path: str, body: Any = None, expect: int = 200, **headers: str) -> Any:
        request = self.client.post(f"/api/v1{path}", json=body, headers=headers)
        return self._expected(await self.world.asked(request), expect)

    async def put(self, path: str, body: Any, expect: int = 200, *, seen: int | None = None) -> Any:
        """`seen` is the version of what is replaced, as it was when one looked."""
        headers = {} if seen is None else {"If-Match": f'"{seen}"'}
        request = self.client.put(f"/api/v1{path}", json=body, headers=headers)
        return self._expected(await self.world.asked(request), expect)

    async def delete(self, path: str, expect: int = 200) -> Any:
        return self._expected(await self.world.asked(self.client.delete(f"/api/v1{path}")), expect)

    def _expected(self, response: httpx2.Response, status: int) -> Any:
        assert response.status_code == status, (response.request.url.path, response.status_code, response.text)
        return response.json() if response.content else None


async def fill_in_the_form(world: World, locale: str = "en", partner: str = "", **fields: str) -> CaughtMail:
    """A merchant's request; gives the mail that asks to confirm it."""
    return await fill_in(world, f"/{locale}/requests/new" + (f"?partner={partner}" if partner else ""), **fields)


async def fill_in(world: World, path: str, **fields: str) -> CaughtMail:
    """Post a form as a browser would; gives the mail that asks to confirm it."""
    client = world.client("leads")
    page = await client.get(path)
    assert page.status_code == 200, page.text
    world.clock.move(timedelta(seconds=world.settings.form_seconds[0]))  # nobody types faster
    form = {
        **hidden(page.text),
        "name": "Mia",
        "email": MERCHANT,
        "store_url": "kettle.example",
        "business": "Tea and thread.",
        "service": "seo",
        "title": "Spring launch",
        "requirements": "Be found.",
        "budget_amount": "1,500",
        "budget_currency": "USD",
        **fields,
    }
    sent = await world.asked(client.post(path.partition("?")[0], data=form))
    assert sent.status_code == 202, sent.text
    return world.mailbox.last(form["email"], "/confirm?token=")


async def follow(world: World, mail: CaughtMail | str, **fields: str) -> httpx2.Response:
    """Open the mail's link, or this one, in some browser, and press its button."""
    link = mail if isinstance(mail, str) else mail.link
    if isinstance(mail, CaughtMail):
        fields = {"email": mail.to, **fields}
    client = world.client("leads")
    page = await client.get(link)
    assert page.status_code == 200
    return await world.asked(client.post(link.partition("?")[0], data={**hidden(page.text), **fields}))


async def sign_in(world: World, email: str) -> Person:
    asked = await world.asked(world.client("gateway").post("/api/v1/sign-in", json={"email": email}))
    assert asked.status_code == 202
    return await session(world, world.mailbox.last(email, "/sign-in?token="))


async def session(world: World, mail: CaughtMail) -> Person:
    """Follow a mailed link, as the one whom it was mailed to."""
    said = {"token": mail.token, "email": mail.to}
    opened = await world.asked(world.client("gateway").post("/api/v1/sessions", json=said))
    assert opened.status_code == 201, opened.text
    return Person(world, world.client("gateway", Authorization=f"Bearer {opened.json()['token']}"))


WANTED = {"permissions": ["themes", "products"], "days": 30}


async def show_store(world: World, email: str, store_url: str) -> None:
    """As if the merchant had put the token on the store, and had it looked at."""
    key, now = derived_id("store", merchant_id_of(email), site_of(store_url)), world.clock.now()
    shown = {"_id": key, "way": "file", "at": now, "until": now + timedelta(days=180)}
    proofs = world.services["gateway"].database["store_proofs"]
    if await proofs.find_one({"_id": key}) is None:
        await proofs.insert_one(shown)


async def ask_for_access(
    world: World, partner: Person, job_id: str, note: str = "To look at your theme.", email: str = MERCHANT
) -> Any:
    """Of a merchant who has shown that the store is theirs."""
    store_url = (await partner.get(f"/jobs/{job_id}"))["job"]["request"]["store_url"]
    await show_store(world, email, store_url)
    return await partner.post(f"/jobs/{job_id}/store-access/ask", {**WANTED, "note": note})


async def consents(merchant: Person, job_id: str) -> Any:
    """To what is asked for now."""
    access = (await merchant.get(f"/merchant/jobs/{job_id}"))["job"]["access"]
    return await merchant.post(f"/merchant/jobs/{job_id}/store-access/consent", {"asked_at": access["asked_at"]})


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    tags = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
    pairs = [(re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in tags]
    return {name.group(1): html.unescape(value.group(1)) for name, value in pairs if name and value}
