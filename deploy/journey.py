"""The main job, once, against running services: over HTTP and mail only, as people would.

Each step is a sentence, checks what it says, and is timed. The first that does not hold ends the journey with
`JourneyFailed`.
"""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx2

from deploy.mailpit import CaughtMail, Mailpit
from deploy.market import load_partners

STORE = "kettle-thread.example"
"""Where nobody can look at a store: with a platform on this machine, that plays the store, too."""
TYPING_SECONDS = 2.1
"""A form that comes back sooner than people type is not taken at once (JOBWIRE_FORM_SECONDS)."""
PATIENCE_SECONDS = 60.0
"""What has not come by then does not come, on the slowest of machines."""
LONGEST_UNDO_SECONDS = 60.0 + PATIENCE_SECONDS
"""The longest time to take something back that JOBWIRE_UNDO_SECONDS allows, and then some."""


class JourneyFailed(Exception):  # noqa: N818 - says what is the case
    """A step did not show what it should."""


@dataclass(frozen=True)
class Step:
    number: int
    what: str
    milliseconds: float


@dataclass
class Person:
    """Somebody signed in, with a client that says so."""

    client: httpx2.AsyncClient
    email: str

    async def get(self, path: str, expect: int = 200, **params: Any) -> Any:
        return _expected(await self.client.get(path, params=params), expect)

    async def post(self, path: str, body: Any = None, expect: int = 200) -> Any:
        return _expected(await self.client.post(path, json=body), expect)

    async def put(self, path: str, body: Any, expect: int = 200, *, seen: int) -> Any:
        """Replace what was `seen` at this version: refused when somebody was faster."""
        return _expected(await self.client.put(path, json=body, headers={"If-Match": f'"{seen}"'}), expect)


@dataclass
class Journey:
    """`window_seconds` is the reply window that the jobs service runs with: long enough for a person, short enough to
    wait for. `platform` is the stand-in that grants access to stores; without one nobody looks what it lists.
    """

    gateway: str
    leads: str
    mail_api: str
    window_seconds: float
    platform: str | None = None
    typing_seconds: float = TYPING_SECONDS
    on_step: Callable[[Step], None] = lambda _step: None
    steps: list[Step] = field(default_factory=list)

    @property
    def store(self) -> str:
        """The merchant's store."""
        return self.platform or f"https://{STORE}"

    async def run(self) -> list[Step]:
        """Walk it all. Raises `JourneyFailed`."""
        async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS, follow_redirects=False) as client:
            self._client = client
            self._mails = Mailpit(client, self.mail_api)
            await self._mails.ignore_old()
            self._run = uuid4().hex[:10]
            self._merchant_email = f"mia.{self._run}@kettle-thread.example"
            self._market = load_partners()
            try:
                await self._walk()
            except (AssertionError, LookupError, TimeoutError, httpx2.HTTPError) as error:
                done = self.steps[-1].what if self.steps else "nothing yet"
                raise JourneyFailed(f"After “{done}”: {type(error).__name__}: {error}") from error
        return self.steps

    async def _walk(self) -> None:
        async with self._step("A merchant posts a match request through the form, and is mailed a link"):
            request_mail = await self._request("match", "theme-customisation")
        async with self._step("The merchant follows the link and confirms; four partners are mailed"):
            offers = await self._confirm(request_mail, partners=4)
        async with self._step("Each of the four signs in by a mailed link and has the job as New"):
            a, b, c, d = [await self._sign_in(self._partner_of(mail)) for mail in offers]
            job_of = {person.email: await self._new_job(person) for person in (a, b, c, d)}
        async with self._step("The merchant signs in and sees no partner yet"):
            merchant = await self._sign_in(self._merchant_email)
            assert (await merchant.get("/api/v1/merchant/jobs"))["jobs"] == [], "a partner shows too early"
        await self._conversation(a, job_of[a.email], merchant)
        async with self._step("Partner B declines with a reason, takes it back, and declines again"):
            await self._declines(b, job_of[b.email])
        await self._store_access(a, job_of[a.email], merchant)
        async with self._step("Another organisation cannot see A's job"):
            await d.get(f"/api/v1/jobs/{job_of[a.email]}", expect=404)
            await d.post(f"/api/v1/jobs/{job_of[a.email]}/messages", {"text": "Hello"}, expect=404)
        async with self._step("A completes the job; B's decline holds, and then A's completion, for good"):
            completed = await a.post(f"/api/v1/jobs/{job_of[a.email]}/complete")
            assert (completed["status"], completed["pending"]["act"]) == ("replied", "complete"), completed
            await self._until_status(b, job_of[b.email], "declined", LONGEST_UNDO_SECONDS)
            await self._until_status(a, job_of[a.email], "completed", LONGEST_UNDO_SECONDS)
        await self._ending(a, job_of[a.email], merchant)
        async with self._step("Partner C lets it expire; a reply after that is refused"):
            await self._expiry(c, job_of[c.email])
        await self._direct_request()
        await self._lead()

    async def _conversation(self, a: Person, job_id: str, merchant: Person) -> None:
        async with self._step("Partner A opens the job and replies; only now the merchant is mailed, and sees A"):
            assert (await a.post(f"/api/v1/jobs/{job_id}/open"))["status"] == "opened"
            reply = {"text": f"Hello Mia, a calm product page is what we do best. ({self._run})"}
            replied = await a.post(f"/api/v1/jobs/{job_id}/messages", reply)
            assert replied["status"] == "replied", replied
            self._introduction = await self._mails.to(self._merchant_email, containing=self._run)
            seen = await self._until(lambda: merchant.get("/api/v1/merchant/jobs"), lambda page: page["jobs"])
            assert [job["job_id"] for job in seen["jobs"]] == [job_id], seen
        async with self._step(
            "The merchant follows the mail's link and answers: A is told live, and the job is Awaiting reply"
        ):
            by_link = await self._session(self._introduction.token, self._merchant_email)
            async with self._live(a) as live:
                body = {"text": "That sounds good. When could you start?"}
                await by_link.post(f"/api/v1/merchant/jobs/{job_id}/messages", body)
                assert await live("MerchantReplied") == job_id, "A was not told at once"
            page = await self._until_status(a, job_id, "awaiting_reply")
            assert page["timeline"][-1]["type"] == "MerchantReplied", page["timeline"]
        async with self._step("A assigns a member, who is mailed, and replies again"):
            member = self._colleague(a.email)
            assigned = {"member_ids": [member["member_id"]]}
            await a.put(f"/api/v1/jobs/{job_id}/assignees", assigned, seen=page["job"]["version"])
            if member["email"] != a.email:  # nobody is told of what they did themselves
                await self._mails.to(member["email"], containing=self._title)
            replied = await a.post(f"/api/v1/jobs/{job_id}/messages", {"text": "On Monday."})
            assert replied["status"] == "replied", replied
            await self._mails.to(self._merchant_email, containing="On Monday.")

    async def _declines(self, b: Person, job_id: str) -> None:
        body = {"reason": "no_capacity", "note": "Booked until spring."}
        declined = await b.post(f"/api/v1/jobs/{job_id}/decline", body)
        assert (declined["status"], declined["pending"]["act"]) == ("new", "decline"), declined
        undone = await b.post(f"/api/v1/jobs/{job_id}/undo")
        assert (undone["status"], undone["pending"]) == ("new", None), undone
        await b.post(f"/api/v1/jobs/{job_id}/decline", body)

    async def _store_access(self, a: Person, job_id: str, merchant: Person) -> None:
        path, merchants = f"/api/v1/jobs/{job_id}/store-access", f"/api/v1/merchant/jobs/{job_id}/store-access"
        wanted = {"permissions": ["themes", "products"], "days": 30}
        ask = {**wanted, "note": "To try the new page on a copy of your theme."}
        async with self._step("Nobody can ask for a store before the merchant has shown that it is theirs"):
            early = await a.post(f"{path}/ask", ask, expect=409)
            assert early["code"] == "store_unproved", early
            if self.platform is None:
                return  # nobody here can put a file on the store
            shown = await merchant.post("/api/v1/merchant/stores/proof", {"store_url": self.store})
            await self._client.put(f"{self.platform}/verification", content=shown["ways"]["token"])
            checked = await merchant.post("/api/v1/merchant/stores/check", {"store_url": self.store, "way": "file"})
            assert checked["shown_by"] == "file", checked
        async with self._step("A asks for access to the store, and cannot request it before the merchant consents"):
            asked = await a.post(f"{path}/ask", ask)
            assert asked["access"]["status"] == "asked", asked
            early = await a.post(f"{path}/request", wanted, expect=409)
            assert early["code"] == "consent_missing", early
        async with self._step("The merchant consents to just that, A requests access, and the platform grants it"):
            consented = await merchant.post(f"{merchants}/consent", {"asked_at": asked["access"]["asked_at"]})
            assert consented["access"]["status"] == "consented", consented
            await a.post(f"{path}/request", wanted)
            page = await self._until(lambda: a.get(f"/api/v1/jobs/{job_id}"), _access_is("granted"))
            access = page["job"]["access"]
            assert access["permissions"] == wanted["permissions"], access
            assert access["expires_at"], access
            await self._until(self._collaborators, lambda listed: listed != [])
        async with self._step("The merchant revokes it, and the platform lets nobody in any more"):
            revoked = await merchant.post(f"{merchants}/revoke")
            assert revoked["access"]["status"] == "revoked", revoked
            await self._until(self._collaborators, lambda listed: not listed)

    async def _collaborators(self) -> list[Any] | None:
        """Who is let into the merchant's store; None when there is no stand-in to ask."""
        if self.platform is None:
            return None
        listed = _expected(await self._client.get(f"{self.platform}/collaborators"), 200)["collaborators"]
        return [one for one in listed if one["store_url"] == self.store]

    async def _ending(self, a: Person, job_id: str, merchant: Person) -> None:
        async with self._step("The merchant reviews it with 5 stars, and A's standing shows it"):
            before = (await a.get("/api/v1/standing"))["total"]
            body = {"rating": 5, "text": "Quick, clear, lovely work."}
            await merchant.post(f"/api/v1/merchant/jobs/{job_id}/review", body)
            standing = await self._until(
                lambda: a.get("/api/v1/standing"), lambda page: page["total"]["reviews"] == before["reviews"] + 1
            )
            assert standing["total"]["rating_sum"] == before["rating_sum"] + 5, standing

    async def _expiry(self, c: Person, job_id: str) -> None:
        await self._until_status(c, job_id, "expired", self.window_seconds + PATIENCE_SECONDS)
        late = await c.post(f"/api/v1/jobs/{job_id}/messages", {"text": "Are you still looking?"}, expect=409)
        assert late["code"] == "expired", late
        page = await c.get(f"/api/v1/jobs/{job_id}")
        assert "JobReminded" in [entry["type"] for entry in page["timeline"]], "nobody reminded C"

    async def _direct_request(self) -> None:
        async with self._step("A direct request to one partner, in Japanese, arrives at that partner only"):
            partner = next(one for one in self._market if _reachable(one) and one["main_language"] == "ja")
            mail = await self._request("direct", partner["services"][0]["service"], partner, locale="ja")
            offers = await self._confirm(mail, partners=1)
            assert self._market_entry(offers[0])["partner_id"] == partner["partner_id"], offers
            person = await self._sign_in(self._partner_of(offers[0]))
            job = await self._new_job(person)
            direct = await person.get(f"/api/v1/jobs/{job}")
            assert direct["job"]["request"]["kind"] == "direct", direct

    async def _lead(self) -> None:
        """What a prospect asks reaches partners by mail, and never a job list."""
        prospect = f"yui.{self._run}@plans.example"
        async with self._step("A prospect asks in Japanese; once the address has answered, partners get it by mail"):
            self._title = f"春の開店 {uuid4().hex[:10]}"
            words = {"name": "高橋 結衣", "email": prospect, "business": "器の店を開きたいです。", "title": self._title}
            wanted = {"service": "store-setup", "requirements": "開店まで手伝ってください。", "budget_currency": "JPY"}
            await self._fill_in("/ja/prospects/new", {**words, **wanted})
            fits = [one for one in self._market if _reachable(one) and _suits(one, "store-setup", "ja")]
            asked = await self._mails.to(prospect, containing="/confirm?token=")
            offers = await self._confirm(asked, partners=min(4, len(fits)))
            assert len(offers) > 1, "only one partner was asked"
            assert all(prospect in mail.text for mail in offers), "a mail without the prospect's address"
        async with self._step("Nothing of it stands in a job list; the partner asks for a review, and gets one"):
            partner = await self._sign_in(self._partner_of(offers[0]))
            assert (await partner.get("/api/v1/jobs", q=self._title))["jobs"] == [], "a lead in the job list"
            before = (await partner.get("/api/v1/standing"))["total"]
            leads = (await partner.get("/api/v1/reviews/leads"))["leads"]
            lead = next(one for one in leads if one["title"] == self._title)
            await partner.post(f"/api/v1/reviews/leads/{lead['lead_id']}/request")
            review = await self._mails.to(prospect, containing="/review?token=")
            page = await self._client.get(review.link)
            body = {**_hidden(page.text), "rating": "4", "text": "とても丁寧でした。"}
            given = await self._client.post(review.link.partition("?")[0], data=body)
            assert given.status_code == 200, given.status_code
            standing = await self._until(
                lambda: partner.get("/api/v1/standing"), lambda page: page["total"]["reviews"] == before["reviews"] + 1
            )
            assert standing["total"]["rating_sum"] == before["rating_sum"] + 4, standing

    async def _fill_in(self, path: str, fields: dict[str, str]) -> dict[str, str]:
        """Fill in a form as a browser would: fetch it, keep its hidden fields, post it. Gives the hidden ones."""
        page = await self._client.get(f"{self.leads}{path}")
        assert page.status_code == 200, f"the form answered {page.status_code}"
        await asyncio.sleep(self.typing_seconds)
        hidden = _hidden(page.text)
        sent = await self._client.post(f"{self.leads}{path.partition('?')[0]}", data={**hidden, **fields})
        assert sent.status_code == 202, f"the form answered {sent.status_code}: {sent.text[:300]}"
        return hidden

    async def _request(
        self, kind: str, service: str, partner: dict[str, Any] | None = None, locale: str = "en"
    ) -> CaughtMail:
        """A merchant's request; gives the mail that asks to confirm it."""
        self._title = f"Spring launch {uuid4().hex[:10]}"
        query = f"?partner={partner['slug']}" if partner else ""
        fields = {
            "name": "Mia Laurent" if locale == "en" else "田中 美咲",
            "email": self._merchant_email,
            "store_url": self.store,
            "business": "Tea and thread, 40 orders a day." if locale == "en" else "日本茶と糸の専門店です。",
            "service": service,
            "title": self._title,
            "requirements": "A calmer product page." if locale == "en" else "商品ページを見やすくしたいです。",
            "budget_amount": "1500" if locale == "en" else "200000",
            "budget_currency": "USD" if locale == "en" else "JPY",
            "priority_time": "2",
            "priority_cost": "3",
            "priority_quality": "5",
        }
        hidden = await self._fill_in(f"/{locale}/requests/new{query}", fields)
        assert ("partner_id" in hidden) == (kind == "direct"), hidden
        return await self._mails.to(self._merchant_email, containing="/confirm?token=")

    async def _confirm(self, mail: CaughtMail, *, partners: int) -> list[CaughtMail]:
        page = await self._client.get(mail.link)
        action = mail.link.partition("?")[0]
        assert page.status_code == 200, page.status_code
        confirmed = await self._client.post(action, data=_hidden(page.text))
        assert confirmed.status_code == 200, confirmed.status_code
        offers = await self._until(self._offers, lambda offers: len(offers) >= partners)
        assert len(offers) == partners, f"{len(offers)} partners were asked, {partners} wanted"
        return list(offers.values())

    async def _offers(self) -> dict[str, CaughtMail]:
        """The mails that tell of this request, one per partner: who has two owners is told twice."""
        mails = await self._mails.matching(1, containing=self._title)
        asker = f".{self._run}@"
        return {str(self._market_entry(mail)["partner_id"]): mail for mail in mails if asker not in mail.to}

    async def _new_job(self, person: Person) -> str:
        page = await self._until(
            lambda: person.get("/api/v1/jobs", status="new", q=self._title), lambda page: page["jobs"]
        )
        assert len(page["jobs"]) == 1, page
        return str(page["jobs"][0]["job_id"])

    async def _sign_in(self, email: str) -> Person:
        """By the mailed link, as everybody does."""
        asked = await self._client.post(f"{self.gateway}/api/v1/sign-in", json={"email": email})
        assert asked.status_code == 202, asked.status_code
        mail = await self._mails.to(email, containing="/sign-in?token=")
        return await self._session(mail.token, email)

    async def _session(self, token: str, email: str) -> Person:
        opened = await self._client.post(f"{self.gateway}/api/v1/sessions", json={"token": token, "email": email})
        session = _expected(opened, 201)
        headers = {"Authorization": f"Bearer {session['token']}"}
        return Person(httpx2.AsyncClient(base_url=self.gateway, headers=headers, timeout=PATIENCE_SECONDS), email)

    async def _until_status(self, person: Person, job_id: str, status: str, within: float = PATIENCE_SECONDS) -> Any:
        """The job's page once it has this status."""
        return await self._until(
            lambda: person.get(f"/api/v1/jobs/{job_id}"), lambda page: page["job"]["status"] == status, within
        )

    async def _until(
        self, ask: Callable[[], Any], holds: Callable[[Any], Any], within: float = PATIENCE_SECONDS
    ) -> Any:
        async with asyncio.timeout(within):
            while True:
                answer = await ask()
                if holds(answer):
                    return answer
                await asyncio.sleep(0.03)

    def _market_entry(self, mail: CaughtMail) -> dict[str, Any]:
        for partner in self._market:
            if mail.to in _desk(partner):
                return partner
        raise LookupError(f"Nobody in the market has the address {mail.to}.")

    def _partner_of(self, mail: CaughtMail) -> str:
        """The sign-in address of the partner that this mail went to."""
        return str(_owner(self._market_entry(mail))["email"])

    def _colleague(self, email: str) -> dict[str, Any]:
        """Somebody else in the same team, or the person itself where it works alone."""
        team = next(one["members"] for one in self._market if email in [member["email"] for member in one["members"]])
        others = [member for member in team if member["email"] != email]
        member: dict[str, Any] = (others or team)[0]
        return member

    @asynccontextmanager
    async def _live(self, person: Person) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
        """The person's live updates: call with an event's type to wait for it; gives the job's id."""
        async with person.client.stream("GET", "/api/v1/events") as response:
            lines = response.aiter_lines()

            async def wait_for(wanted: str) -> str:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    async for line in lines:
                        news = json.loads(line.removeprefix("data: ")) if line.startswith("data: {") else {}
                        if news.get("type") == wanted:
                            return str(news["job_id"])
                raise LookupError(f"The stream ended before {wanted}.")

            await anext(lines)  # connected: what happens from now on is told
            yield wait_for

    @asynccontextmanager
    async def _step(self, what: str) -> AsyncIterator[None]:
        started = perf_counter()
        yield
        step = Step(len(self.steps) + 1, what, (perf_counter() - started) * 1000)
        self.steps.append(step)
        self.on_step(step)


def _expected(response: httpx2.Response, status: int) -> Any:
    assert response.status_code == status, (
        f"{response.request.method} {response.request.url.path} answered {response.status_code}: {response.text[:300]}"
    )
    return response.json()


def _access_is(status: str) -> Callable[[Any], bool]:
    return lambda page: page["job"]["access"]["status"] == status


def _hidden(page: str) -> dict[str, str]:
    """The hidden fields of the page's form."""
    fields = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value:
            fields[name.group(1)] = html.unescape(value.group(1))
    return fields


def _owner(partner: dict[str, Any]) -> dict[str, Any]:
    owner: dict[str, Any] = next(member for member in partner["members"] if member["role"] == "owner")
    return owner


def _desk(partner: dict[str, Any]) -> list[str]:
    address = partner["preferences"]["notification_email"]
    return [address] if address else [member["email"] for member in partner["members"] if member["role"] == "owner"]


def _reachable(partner: dict[str, Any]) -> bool:
    return bool(partner["published"] and partner["preferences"]["available"])


def _suits(partner: dict[str, Any], service: str, locale: str) -> bool:
    """Whether matching may choose it for this service in this language."""
    offered = {offer["service"] for offer in partner["services"]}
    return bool(partner["preferences"]["visible"] and service in offered and locale in partner["languages"])
